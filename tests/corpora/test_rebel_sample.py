"""REBEL: character boundaries over a document cut into sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import REBEL, REBEL_TEXT, lines, write


def _read(tmp_path: Path, **change: Any) -> list[corpora.Example]:
    path = write(tmp_path, "rebel_sample", lines(REBEL | change))
    return corpora.read("rebel_sample", path)["file"]


def test_sentences_of_a_document_share_its_text(tmp_path: Path) -> None:
    first, second = _read(tmp_path)
    assert first.text == second.text == REBEL_TEXT
    assert first.sentence.doc_id == second.sentence.doc_id == "sample-12"
    assert [e.text for e in second.sentence.entities] == ["Torvik", "Norway"]
    assert second.sentence.start_char == REBEL_TEXT.index("Torvik")
    assert second.sentence.left_context == tuple(first.sentence.words)
    (triple,) = second.sentence.triples
    assert (triple.subject.text, triple.relation, triple.object.text) == (
        "Torvik",
        "country",
        "Norway",
    )
    assert triple.relation_id == "P17"


def test_triple_across_sentences_is_kept_with_its_subject(tmp_path: Path) -> None:
    first, second = _read(tmp_path)
    assert first.unaligned == (("Ada Mayfield", "place of birth", "Torvik"),)
    assert second.unaligned == ()


def test_boundaries_that_miss_are_moved_to_the_nearest_occurrence(tmp_path: Path) -> None:
    first, _ = _read(tmp_path)
    assert [e.text for e in first.sentence.entities] == ["Ada Mayfield", "Norwegian"]
    assert first.changes.moved_entities == 1


def test_null_boundaries_give_an_unaligned_triple(tmp_path: Path) -> None:
    triple = REBEL["triples"][0]
    open_ended = triple | {"object": triple["object"] | {"boundaries": None}}
    _, second = _read(tmp_path, triples=[open_ended])
    assert second.sentence.triples == ()
    assert second.unaligned == (("Torvik", "country", "Norway"),)


def test_entity_across_sentences_is_dropped_and_counted(tmp_path: Path) -> None:
    surface = "Norwegian. Torvik"
    start = REBEL_TEXT.index(surface)
    entity = {"uri": "Q", "boundaries": [start, start + len(surface)], "surfaceform": surface}
    examples = _read(tmp_path, entities=[entity], triples=[])
    assert [e.sentence.entities for e in examples] == [(), ()]
    assert examples[0].changes.dropped_entities == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": " \n"}, "expected at least one word in 'text', got none"),
        ({"text": "x"}, "expected 'Ada Mayfield' at 'boundaries' 0 to 12 of 'text'"),
        ({"entities": [{"surfaceform": "Torvik", "boundaries": [0, 6]}]}, "expected 'Torvik' at"),
        ({"entities": [{"boundaries": [0, 6]}]}, "expected a field 'surfaceform'"),
        ({"entities": [{"surfaceform": "", "boundaries": [0, 6]}]}, "expected '' at"),
        ({"entities": [{"surfaceform": "a", "boundaries": [0]}]}, "to have 2 values, got 1"),
        ({"triples": [{"subject": {}}]}, "expected a field 'predicate'"),
    ],
)
def test_malformed_record_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CorpusError, match=f"sample.jsonl, line 1, '12': .*{reason}"):
        _read(tmp_path, **change)


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    sample = corpora.describe("rebel_sample", corpora_dir / "rebel_sample")["splits"]["sample"]
    assert sample["documents"] == 1000
    assert sample["triples"] + sample["unaligned"] == 2868
    changes = sample["changes"]
    kept = sample["entities"] + changes["merged_entities"] + changes["dropped_entities"]
    assert kept == 10977
