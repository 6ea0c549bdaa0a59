"""FewRel: token indices and property names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import FEWREL, write


def _write(tmp_path: Path, **change: Any) -> Path:
    return write(tmp_path, "fewrel", json.dumps({"P27": [FEWREL["P27"][0] | change]}))


def test_blank_tokens_are_dropped_and_first_mentions_joined(tmp_path: Path) -> None:
    (example,) = corpora.read("fewrel", write(tmp_path, "fewrel"))["file"]
    assert example.text == "Ada Mayfield of Norway , Norway"
    assert [e.text for e in example.sentence.entities] == ["Ada Mayfield", "Norway", "Norway"]
    (triple,) = example.sentence.triples
    assert (triple.relation, triple.relation_id) == ("country of citizenship", "P27")
    assert triple.object.span.start_word == 3
    assert example.changes.dropped_tokens == 1


def test_names_beside_the_file_come_first(tmp_path: Path) -> None:
    (tmp_path / "pid2name.json").write_text('{"P27": ["citizen of", "a state"]}')
    (example,) = corpora.read("fewrel", write(tmp_path, "fewrel"))["file"]
    assert example.sentence.triples[0].relation == "citizen of"


def test_relation_that_is_no_property_has_no_id(tmp_path: Path) -> None:
    path = write(tmp_path, "fewrel", json.dumps({"may treat": FEWREL["P27"]}))
    (triple,) = corpora.read("fewrel", path)["file"][0].sentence.triples
    assert (triple.relation, triple.relation_id) == ("may treat", None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"h": ["a", "Q1", [[7]]]}, "within the 7 tokens of the sentence, got tokens 7 to 8"),
        ({"h": ["a", "Q1", [[0, 2]]]}, r"expected consecutive token indices, got \[0, 2\]"),
        ({"h": ["a", "Q1", [[]]]}, r"expected consecutive token indices, got \[\]"),
        ({"h": ["a", "Q1", []]}, "expected at least one mention of each entity"),
        ({"h": ["a", "Q1"]}, "expected 'h' and 't' to have 3 values, got 2"),
        ({"h": ["a", "Q1", [[1]]]}, "expected the mentions to hold words"),
        ({"tokens": "abc"}, "expected 'tokens' to be a list"),
    ],
)
def test_malformed_item_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CorpusError, match=f"val_wiki.json, line 1, 'P27' item 1: .*{reason}"):
        corpora.read("fewrel", _write(tmp_path, **change))


def test_malformed_names_are_refused_under_their_own_file(tmp_path: Path) -> None:
    (tmp_path / "pid2name.json").write_text('{"P27": []}')
    with pytest.raises(CorpusError, match=r"pid2name.json, line 1: expected the names of P27"):
        corpora.read("fewrel", write(tmp_path, "fewrel"))


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    dev = corpora.describe("fewrel", corpora_dir / "fewrel")["splits"]["dev"]
    assert (dev["examples"], dev["triples"]) == (11200, 11200)
    assert set(dev["relations"].values()) == {700} and len(dev["relations"]) == 16
    assert not [name for name in dev["relations"] if name.startswith("P1")]
