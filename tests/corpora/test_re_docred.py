"""Re-DocRED: relations between clusters, written sentence by sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import DOCRED, array, write


def test_relation_is_written_where_both_entities_stand(tmp_path: Path) -> None:
    first, second = corpora.read("re_docred", write(tmp_path, "re_docred"))["file"]
    (triple,) = first.sentence.triples
    assert (triple.subject.text, triple.object.text) == ("Ada Mayfield", "Norwegian")
    assert (triple.relation, triple.relation_id) == ("country of citizenship", "P27")
    assert (triple.subject.label, triple.object.label) == ("PER", "LOC")
    assert second.sentence.triples == ()
    assert [e.text for e in second.sentence.entities] == ["Norway"]
    assert second.text == "She left Norway ." and second.changes.dropped_tokens == 1
    assert second.sentence.left_context == ("Ada", "Mayfield", "is", "Norwegian", ".")
    assert first.sentence.right_context == ("She", "left", "Norway", ".")


def test_relation_is_written_for_every_pair_of_mentions(tmp_path: Path) -> None:
    mention = {"name": "Mayfield", "sent_id": 0, "pos": [1, 2], "type": "PER"}
    record = DOCRED | {"vertexSet": [[*DOCRED["vertexSet"][0], mention], DOCRED["vertexSet"][1]]}
    first, _ = corpora.read("re_docred", write(tmp_path, "re_docred", array(record)))["file"]
    assert [t.subject.text for t in first.sentence.triples] == ["Ada Mayfield", "Mayfield"]


def test_document_without_labels_has_no_triples(tmp_path: Path) -> None:
    record = {key: value for key, value in DOCRED.items() if key != "labels"}
    examples = corpora.read("re_docred", write(tmp_path, "re_docred", array(record)))["file"]
    assert [len(e.sentence.triples) for e in examples] == [0, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": [{"h": 0, "r": "P27", "t": 2}]}, "one of the 2 entities .* got 2"),
        ({"labels": [{"h": -1, "r": "P27", "t": 1}]}, "one of the 2 entities .* got -1"),
        ({"labels": [{"h": 0, "r": 27, "t": 1}]}, "expected 'r' to be a text, got int 27"),
        ({"sents": [["a", "b", "c", "d"]]}, "expected 'sent_id' below 1, got 1"),
        ({"sents": [["a"], ["b"]]}, "'pos' within the 1 words of sentence 0, got 0 to 2"),
        ({"vertexSet": [{}]}, "expected an entity to be a list, got dict {}"),
        ({"vertexSet": [[{"pos": [0]}]]}, "expected 'pos' to have 2 values, got 1"),
    ],
)
def test_malformed_document_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, "re_docred", array(DOCRED, DOCRED | change))
    with pytest.raises(CorpusError, match=f"line [0-9]+, item 2, 'Ada Mayfield': .*{reason}"):
        corpora.read("re_docred", path)


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    dev = corpora.describe("re_docred", corpora_dir / "re_docred")["splits"]["dev"]
    assert (dev["documents"], dev["examples"]) == (500, 4110)
    assert dev["notes"] == {
        "document relations": 17284,
        "document relations within a sentence": 7982,
    }
    assert set(dev["entity_types"]) == {"PER", "ORG", "LOC", "TIME", "NUM", "MISC"}
    assert not [name for name in dev["relations"] if name.startswith("P")]
