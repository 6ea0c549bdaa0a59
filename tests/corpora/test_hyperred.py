"""HyperRED: qualifiers and Wikidata ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import HYPERRED, lines, write


def test_marks_are_taken_off_labels_and_ids_filled_in(tmp_path: Path) -> None:
    (example,) = corpora.read("hyperred", write(tmp_path, "hyperred"))["file"]
    (triple,) = example.sentence.triples
    assert (triple.subject.text, triple.object.text) == ("Ada", "Torvik College")
    assert (triple.relation, triple.relation_id) == ("educated at", "P69")
    (qualifier,) = triple.qualifiers
    assert (qualifier.label, qualifier.label_id) == ("end time", "P582")
    assert qualifier.value.text == "1967"
    assert {e.label for e in example.sentence.entities} == {"Entity"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sentences": [["a"], ["b"]]}, "expected 'sentences' to hold one sentence, got 2"),
        ({"ner": [[[7, 8, "Entity"]]]}, "within the 8 tokens of the sentence, got tokens 7 to 9"),
        ({"relations": [[[0, 0, 3, 4, "educated at", []]]]}, r"begins with '\[r\]', got 'educ"),
        ({"relations": [[[0, 0, 3, 4, "[r]", []]]]}, r"begins with '\[r\]', got '\[r\]'"),
        ({"relations": [[[0, 0, 3, 4, "[r]x", [[6, 6]]]]]}, "a qualifier to have 3 values, got 2"),
        ({"relations": [[[0, 0, 3, 4, "[r]x"]]]}, "a relation to have 6 values, got 5"),
        ({"relations": [[[0, 0, 3, "4", "[r]x", []]]]}, "whole number, got str '4'"),
    ],
)
def test_malformed_record_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, "hyperred", lines(HYPERRED, HYPERRED | change))
    with pytest.raises(CorpusError, match=f"annotated_4000.json, line 2: .*{reason}"):
        corpora.read("hyperred", path)


def test_missing_field_is_named(tmp_path: Path) -> None:
    record = {key: value for key, value in HYPERRED.items() if key != "ner"}
    with pytest.raises(CorpusError, match=r"line 1: expected a field 'ner', got \['clusters'"):
        corpora.read("hyperred", write(tmp_path, "hyperred", lines(record)))


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    train = corpora.describe("hyperred", corpora_dir / "hyperred")["splits"]["train"]
    assert (train["examples"], train["triples"], train["qualifiers"]) == (4000, 4878, 5533)
    assert train["changes"]["merged_triples"] == 0
    assert (len(train["relations"]), len(train["qualifier_labels"])) == (62, 44)


def test_every_label_of_the_real_corpus_has_an_id(corpora_dir: Path) -> None:
    examples = corpora.read("hyperred", corpora_dir / "hyperred")["train"]
    triples = [triple for example in examples for triple in example.sentence.triples]
    assert {t.relation for t in triples if t.relation_id is None} == set()
    assert {q.label for t in triples for q in t.qualifiers if q.label_id is None} == set()
    rest, dev = corpora.split(examples, 500, seed=0)
    assert (len(rest), len(dev)) == (3500, 500)
