"""How the format of a schema's file is told, and the formats that are JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extract.errors import SchemaError
from extract.schema import EntityType, Relation, Schema
from extract.schemas.read import read_schema
from tests.corpora.cases import ONTOLOGY

TURTLE = "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n<http://e.org/A> a owl:Class .\n"
XML = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:owl="http://www.w3.org/2002/07/owl#"><owl:Class rdf:about="http://e.org/A"/></rdf:RDF>'
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"entity_types": ["A"]}'),
        ("a.schema", ' \n{"entity_types": ["A"]}'),
        ("a.ttl", TURTLE),
        ("a.owl", TURTLE),
        ("a", "# a comment\n" + TURTLE),
        ("a", TURTLE.replace("@prefix", "PREFIX").replace("#> .", "#>")),
        ("a.TTL", "\ufeff" + TURTLE),
        ("a.rdf", XML),
        ("a.owl", XML),
        ("a", '<?xml version="1.0"?>\n' + XML),
    ],
)
def test_format_is_told_by_suffix_or_content(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_schema(tmp_path / name).entity_names == ["A"]


def test_text2kgbench_ontology_is_read(tmp_path: Path) -> None:
    path = tmp_path / "1_college_ontology.json"
    path.write_text(json.dumps(ONTOLOGY))
    schema = read_schema(path)
    assert schema.entity_names == ["college", "city", "Entity"]
    assert schema.relations[0].id == "P131"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "type,parent\n",
            "is of no known format, expected tripack's JSON, a Text2KGBench",
        ),
        ("a", "", "is of no known format"),
        ("a.json", "[]", "Expected a JSON object"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.json", '{"concepts": 3}', "expected 'concepts' to be a list"),
        ("a.html", "<html><body>", "is of no known format"),
        ("a.rdf", "<rdf:RDF", "is not RDF/XML"),
    ],
)
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SchemaError) as caught:
        read_schema(tmp_path / name)
    assert message in str(caught.value) and str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"Cannot read schema .*no\.ttl: No such file"):
        read_schema(tmp_path / "no.ttl")
    with pytest.raises(SchemaError, match=r"Cannot read schema .*Is a directory"):
        read_schema(tmp_path)


def test_every_ontology_of_text2kgbench_is_read(corpora_dir: Path) -> None:
    """Needs the real corpus."""
    files = sorted((corpora_dir / "text2kgbench").glob("*/ontologies/*.json"))
    assert len(files) == 29
    for file in files:
        schema = read_schema(file)
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        assert schema.name == data["id"]
        assert set(schema.relation_names) == {r["label"] for r in data["relations"]}
        assert {c["label"] for c in data["concepts"]} <= set(schema.entity_names)
        assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


def test_bundled_schema_loads_as_before_and_is_written_as_it_is() -> None:
    from extract.models.registry import BUNDLED

    file = BUNDLED / "wikidata-small" / "schema.json"
    schema = read_schema(file)
    assert schema == Schema.read(file)
    assert json.loads(json.dumps(schema.to_dict())) == json.loads(file.read_text(encoding="utf-8"))
    assert all(t == EntityType(t.name, t.id, t.description) for t in schema.entity_types)
    assert all(isinstance(r, Relation) and not (r.parents or r.pairs) for r in schema.relations)
