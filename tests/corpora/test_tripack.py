"""tripack's own JSON Lines: what extraction writes is read back; what cannot be right is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import corpora
from extract import load
from extract.errors import CorpusError
from tests.corpora.cases import TRIPACK, TRIPACK_TEXT, lines, mark, write
from tests.extract.cases import key


def _read(tmp_path: Path, *records: dict[str, Any]) -> list[corpora.Example]:
    return corpora.read("tripack", write(tmp_path, "tripack", lines(*records)))["file"]


def test_document_is_cut_into_sentences_with_their_facts(tmp_path: Path) -> None:
    first, second = _read(tmp_path, TRIPACK)
    assert first.text == second.text == TRIPACK_TEXT
    (triple,) = first.sentence.triples
    assert (triple.subject.text, triple.relation, triple.relation_id, triple.object.text) == (
        "Ada Mayfield", "employer", "P108", "North Rail",
    )  # fmt: skip
    assert (triple.subject.label, triple.object.label) == ("PER", "ORG")
    (qualifier,) = triple.qualifiers
    assert (qualifier.label, qualifier.label_id, qualifier.value.text) == (
        "end time",
        "P582",
        "1967",
    )
    assert [e.text for e in second.sentence.entities] == ["Torvik"]
    assert second.sentence.left_context == tuple(first.sentence.words)


def test_scores_ids_model_and_qualifiers_may_be_left_out(tmp_path: Path) -> None:
    bare = {"text": TRIPACK_TEXT, "entities": [], "triples": [dict(TRIPACK["triples"][0])]}
    for absent in ("qualifiers", "score", "sentence", "relation_id"):
        del bare["triples"][0][absent]
    first, _ = _read(tmp_path, bare)
    assert first.sentence.doc_id == "doc-1"
    assert [e.text for e in first.sentence.entities] == ["Ada Mayfield", "North Rail"]
    assert first.sentence.triples[0].relation_id is None


def test_facts_across_sentences_are_kept_or_counted(tmp_path: Path) -> None:
    across = mark("1967. She", "MISC")
    triple = TRIPACK["triples"][0]
    elsewhere = triple["qualifiers"][0] | {"value": mark("Torvik", "LOC")}
    change = {
        "entities": [across],
        "triples": [
            triple | {"object": mark("Torvik", "LOC")},
            triple | {"qualifiers": [elsewhere, *triple["qualifiers"]]},
        ],
    }
    first, second = _read(tmp_path, TRIPACK | change)
    assert first.unaligned == (("Ada Mayfield", "employer", "Torvik"),)
    assert second.unaligned == ()
    assert first.changes.dropped_entities == 2
    assert [len(t.qualifiers) for t in first.sentence.triples] == [1]


def test_documents_without_words_have_no_sentence_and_ids_stay_apart(tmp_path: Path) -> None:
    empty = TRIPACK | {"text": " \u200b", "entities": [], "triples": []}
    examples = _read(tmp_path, TRIPACK, empty, TRIPACK)
    assert len(examples) == 4
    assert len({e.sentence.doc_id for e in examples}) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": None}, "expected 'text' to be a text"),
        ({"entities": None}, "expected 'entities' to be a list"),
        (
            {"entities": [mark("Torvik", "LOC") | {"start": 1}]},
            "expected 'Torvik' at characters 1 to",
        ),
        ({"entities": [mark("Torvik", "LOC") | {"end": 999}]}, "to 999 of 'text', got"),
        ({"entities": [mark("Torvik", "")]}, "expected a label"),
        ({"triples": [TRIPACK["triples"][0] | {"relation": ""}]}, "expected a text for 'relation'"),
        ({"triples": [TRIPACK["triples"][0] | {"qualifiers": None}]}, "'qualifiers' to be a list"),
        ({"id": 7}, "expected 'id' to be a text, got int 7"),
    ],
)
def test_bad_record_names_file_line_and_reason(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(CorpusError) as caught:
        _read(tmp_path, TRIPACK, TRIPACK | change)
    assert str(caught.value).startswith(f"{tmp_path / 'train.jsonl'}, line 2")
    assert message in str(caught.value)


def test_what_extraction_writes_is_read_back_as_it_was(tiny_model: Path, tmp_path: Path) -> None:
    text = (
        "Leonard Parker received his PhD from Harvard University in 1967. "
        "Maria Keller studied chemistry at the University of Basel from 1988 to 1992."
    )
    document = load(tiny_model, device="cpu").extract(text)
    assert sum(len(triple.qualifiers) for triple in document.triples) >= 2
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(document.to_dict()) + "\n", encoding="utf-8")
    examples = corpora.read("tripack", path)["file"]
    assert [key(e.sentence) for e in examples] == [key(s) for s in document.sentences]


def test_ends_are_the_entities_of_their_label(tmp_path: Path) -> None:
    triple = TRIPACK["triples"][0]
    as_alias = mark("Ada Mayfield", "ALIAS")
    first, _ = _read(tmp_path, TRIPACK | {"entities": [as_alias, *TRIPACK["entities"]]})
    (found,) = first.sentence.triples
    assert found.subject.label == "PER"
    assert {e.label for e in first.sentence.entities if e.text == "Ada Mayfield"} == {
        "ALIAS",
        "PER",
    }
    others = [e for e in TRIPACK["entities"] if e["text"] != "Ada Mayfield"]
    with pytest.raises(CorpusError, match=r"a label that 'Ada Mayfield' has .*'ALIAS', got 'PER'"):
        _read(tmp_path, TRIPACK | {"entities": [as_alias, *others], "triples": [triple]})
