"""SciERC: document-level offsets and cross-sentence context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import SCIERC, lines, write


def test_offsets_of_the_document_become_offsets_of_the_sentence(tmp_path: Path) -> None:
    first, second = corpora.read("scierc", write(tmp_path, "scierc"))["file"]
    assert [(e.text, e.label) for e in first.sentence.entities] == [("trees", "Material")]
    (triple,) = second.sentence.triples
    assert (triple.subject.text, triple.relation, triple.object.text) == (
        "chart parser",
        "USED-FOR",
        "trees",
    )
    assert (triple.subject.span.start_word, triple.subject.span.end_word) == (1, 3)


def test_other_sentences_are_context(tmp_path: Path) -> None:
    first, second = corpora.read("scierc", write(tmp_path, "scierc"))["file"]
    assert first.sentence.left_context == ()
    assert first.sentence.right_context == tuple(SCIERC["sentences"][1])
    assert second.sentence.left_context == tuple(SCIERC["sentences"][0])
    assert first.sentence.doc_id == second.sentence.doc_id == "train-A1"
    assert first.sentence.id != second.sentence.id


def test_relation_to_another_sentence_is_kept_unaligned(tmp_path: Path) -> None:
    record = SCIERC | {"relations": [[], [[5, 6, 2, 2, "USED-FOR"]]]}
    _, second = corpora.read("scierc", write(tmp_path, "scierc", lines(record)))["file"]
    assert second.sentence.triples == ()
    assert second.unaligned == (("chart parser", "USED-FOR", "trees"),)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ner": [[]]}, "line 2, 'A1': expected 'ner' to have 2 lists, one a sentence, got 1"),
        ({"relations": 3}, "line 2, 'A1': expected 'relations' to be a list, got int 3"),
        ({"ner": [[[2, 4, "M"]], []]}, "sentence 0: expected a span within the 4 tokens"),
        ({"ner": [[[2, 2]], []]}, "sentence 0: expected an entity to have 3 values, got 2"),
        ({"ner": [[[2, True, "M"]], []]}, "to be a whole number, got bool True"),
        ({"relations": [[], [[5, 6, 8, 99, "R"]]]}, "within the 10 words .* got 8 to 99"),
        ({"sentences": [["a"] * 9, []]}, "sentence 1: expected at least one word"),
        ({"sentences": [["a", 1], ["b"]]}, "each item of a sentence to be a text, got int 1"),
        ({"doc_key": None}, "line 2: expected 'doc_key' to be a text, got null"),
    ],
)
def test_malformed_record_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, "scierc", lines(SCIERC, SCIERC | change))
    with pytest.raises(CorpusError, match=reason):
        corpora.read("scierc", path)


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    splits = corpora.describe("scierc", corpora_dir / "scierc")["splits"]
    assert [splits[s]["documents"] for s in ("train", "dev")] == [350, 50]
    assert [splits[s]["examples"] for s in ("train", "dev")] == [1861, 275]
    assert [splits[s]["entities"] for s in ("train", "dev")] == [5598, 811]
    train = splits["train"]
    assert train["triples"] + train["changes"]["merged_triples"] == 3219
    assert (len(train["entity_types"]), len(train["relations"])) == (6, 7)
    assert train["unaligned"] == splits["dev"]["unaligned"] == 0
