"""Text2KGBench: ontologies, ground truth, strings found in sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import corpora
from corpora.text2kgbench import ontology_of, read_ontology
from extract.errors import CorpusError
from tests.corpora.cases import ONTOLOGY, TEXT2KG, lines, write


def _put(folder: Path, name: str, text: str) -> Path:
    path = folder / "wiki" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _ontology(folder: Path, **change: Any) -> Path:
    return _put(folder, "ontologies/1_college_ontology.json", json.dumps(ONTOLOGY | change))


def test_types_and_ids_come_from_the_ontology(tmp_path: Path) -> None:
    _ontology(tmp_path)
    (example,) = corpora.read("text2kgbench", write(tmp_path, "text2kgbench"))["file"]
    (triple,) = example.sentence.triples
    assert (triple.subject.text, triple.subject.label) == ("Torvik College", "college")
    assert (triple.object.text, triple.object.label) == ("Torvik", "city")
    assert (triple.relation, triple.relation_id) == ("city", "P131")


def test_without_an_ontology_ends_are_entities(tmp_path: Path) -> None:
    (example,) = corpora.read("text2kgbench", write(tmp_path, "text2kgbench"))["file"]
    assert {e.label for e in example.sentence.entities} == {"Entity"}
    assert example.sentence.triples[0].relation_id is None


def test_lines_of_one_sentence_are_one_example(tmp_path: Path) -> None:
    second = TEXT2KG | {"id": "ont_1_college_train_2", "rel_label": "seat", "obj_label": "Oslo"}
    path = write(tmp_path, "text2kgbench", lines(TEXT2KG, second))
    (example,) = corpora.read("text2kgbench", path)["file"]
    assert len(example.sentence.triples) == 1
    assert example.unaligned == (("Torvik_College", "seat", "Oslo"),)


def test_test_file_is_joined_with_its_ground_truth(tmp_path: Path) -> None:
    record = {"id": "ont_1_college_test_1", "sent": "Oslo College dates from 1811."}
    test = _put(tmp_path, "test/ont_1_college_test.jsonl", lines(record))
    (example,) = corpora.read("text2kgbench", test)["file"]
    assert example.sentence.triples == example.unaligned == ()
    triples = [{"sub": "Oslo College", "rel": "inception", "obj": "01 January 1811"}]
    truth = lines(record | {"triples": triples})
    _put(tmp_path, "ground_truth/ont_1_college_ground_truth.jsonl", truth)
    (example,) = corpora.read("text2kgbench", tmp_path)["test"]
    assert [t.object.text for t in example.sentence.triples] == ["1811"]


def test_mention_with_two_roles_takes_the_first_type_known(tmp_path: Path) -> None:
    _ontology(tmp_path)
    triples = [
        {"sub": "Torvik", "rel": "founder", "obj": "Ada"},
        {"sub": "Torvik", "rel": "inception", "obj": "1811"},
    ]
    record = {"id": "a", "sent": "Ada began Torvik in 1811.", "triples": triples}
    path = write(tmp_path, "text2kgbench", lines(record))
    (example,) = corpora.read("text2kgbench", path)["file"]
    assert [(e.text, e.label) for e in example.sentence.entities] == [
        ("Ada", "Entity"),
        ("Torvik", "college"),
        ("1811", "Entity"),
    ]


def test_mojibake_in_the_sentence_is_kept(tmp_path: Path) -> None:
    sentence = "Torvik College (Hepburn: Ch\u00c5\u00abbu, \u00c4\u0081) is in Torvik."
    path = write(tmp_path, "text2kgbench", lines(TEXT2KG | {"sent": sentence}))
    (example,) = corpora.read("text2kgbench", path)["file"]
    assert example.text == sentence


def test_ontology_is_read_as_a_schema(tmp_path: Path) -> None:
    path = _ontology(tmp_path)
    assert ontology_of(write(tmp_path, "text2kgbench")) == path
    schema = read_ontology(path)
    assert schema.name == "ont_1_college"
    assert schema.entity_names == ["college", "city", "Entity"]
    city, inception = schema.relations
    assert (city.id, city.domain, city.range) == ("P131", ("college",), ("city",))
    assert inception.range == ()


def test_literal_range_becomes_an_entity_type(tmp_path: Path) -> None:
    relation = {"pid": "opened", "label": "opened", "domain": "Q3918", "range": "Date"}
    schema = read_ontology(_ontology(tmp_path, relations=[relation, relation]))
    assert schema.entity_names == ["college", "city", "Date"]
    (opened,) = schema.relations
    assert (opened.id, opened.range) == (None, ("Date",))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"concepts": {}}, "expected 'concepts' to be a list, got dict"),
        ({"concepts": [{"qid": "Q1", "label": ""}]}, "to have a label, got ''"),
        ({"relations": [{"pid": "P1"}]}, "expected a field 'label'"),
    ],
)
def test_malformed_ontology_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CorpusError, match=f"1_college_ontology.json, line 1: .*{reason}"):
        read_ontology(_ontology(tmp_path, **change))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (TEXT2KG | {"id": "b", "sent": ""}, "expected at least one word, got none"),
        (TEXT2KG | {"sent": "x", "obj_label": 3}, "expected 'obj_label' to be a text, got int 3"),
        ({"id": "a", "sent": "x", "triples": [3]}, "expected the record to be an object"),
        (TEXT2KG | {"sent": "another"}, "an id of its own, got 'ont_1_college_train_1' for"),
        ({"sent": "x"}, "expected a field 'id'"),
    ],
)
def test_malformed_line_is_refused(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, "text2kgbench", lines(TEXT2KG, record))
    with pytest.raises(CorpusError, match=f"train.jsonl, line 2: .*{reason}"):
        corpora.read("text2kgbench", path)


def test_real_ontologies_are_all_read_and_cover_the_labels(corpora_dir: Path) -> None:
    folder = corpora_dir / "text2kgbench"
    schemas = [read_ontology(path) for path in sorted(folder.glob("*/ontologies/*.json"))]
    assert len(schemas) == 29
    files = sorted(folder.glob("*/train/*.jsonl"))
    assert len(files) == 29 and all(ontology_of(path) for path in files)
    splits = corpora.describe("text2kgbench", folder)["splits"]
    labels = {label for counts in splits.values() for label in counts["entity_types"]}
    assert labels <= {name for schema in schemas for name in schema.entity_names}
    # 8,181 train lines: 5,335 of one triple each, in which sentences recur.
    assert [splits[s]["examples"] for s in ("train", "test")] == [7944, 4796]
    for counts in splits.values():
        assert counts["triples"] > 0.7 * (counts["triples"] + counts["unaligned"])
