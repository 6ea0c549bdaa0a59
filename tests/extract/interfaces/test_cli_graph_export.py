"""`tripack graph export`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pyoxigraph
import pytest
import rdflib

from extract.kg.export import EXPORTERS
from tests.extract.interfaces.command import assert_one_line_error, run_here, tripack

TEXT = "Ann Lee joined Acme in 1967. Ann Lee left Acme."
STATEMENT = rdflib.URIRef("urn:tripack:ns:Statement")


def mention(text: str, start: int, label: str) -> dict[str, Any]:
    return {"text": text, "start": start, "end": start + len(text), "label": label}


def triple(relation: str, id: str | None, start: int, object: int, score: float) -> dict[str, Any]:
    return {
        "subject": mention("Ann Lee", start, "PER"),
        "relation": relation,
        "relation_id": id,
        "object": mention("Acme", object, "ORG"),
        "qualifiers": [],
        "score": score,
        "sentence": [start, object + 5],
    }


@pytest.fixture
def extracted(tmp_path: Path) -> Path:
    """A document with two statements, of scores 0.9 and 0.25, as `tripack extract` writes it."""
    triples = [triple("works for", "P108", 0, 15, 0.9), triple("left", None, 29, 42, 0.25)]
    entities = [t[end] for t in triples for end in ("subject", "object")]
    document = {"id": "d1", "text": TEXT, "entities": entities, "triples": triples}
    path = tmp_path / "extracted.jsonl"
    path.write_text(json.dumps(document | {"model": "tiny 1.0.0"}) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path, extracted: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """The graph of that document."""
    assert run_here("graph", "build", extracted, "--store", tmp_path / "kg") == 0
    capfd.readouterr()
    return tmp_path / "kg"


def export(store: Path, format: str, out: Path, *options: object) -> int:
    return run_here("graph", "export", "--store", store, "--format", format, "--out", out, *options)


@pytest.mark.parametrize("format", list(EXPORTERS))
def test_every_format_is_written_and_counted(
    format: str, store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert export(store, format, tmp_path / "out", "--json") == 0
    assert json.loads(capfd.readouterr().out) == {
        "output": str(tmp_path / "out"),
        "format": format,
        "entities": 2,
        "statements": 2,
        "left_out": 0,
    }
    assert (tmp_path / "out").is_dir() == (format in ("neo4j-csv", "cypher", "parquet"))


@pytest.mark.parametrize(
    "limit", [("--min-score", "0.5"), ("--relation", "P108"), ("--relation", "works for")]
)
def test_limits_of_score_and_relation(
    limit: tuple[str, str], store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert export(store, "graphml", tmp_path / "out", *limit) == 0
    assert json.loads(capfd.readouterr().out)["left_out"] == 1
    edges = list(nx.read_graphml(tmp_path / "out").edges(data="relation"))
    assert [relation for *_, relation in edges] == ["works for"]


def test_as_a_process(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonld"
    done = tripack("graph", "export", "--store", store, "-f", "jsonld", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["statements"] == 2
    assert len(json.loads(out.read_text(encoding="utf-8"))["@graph"]) > 2


def test_style_and_namespace_are_the_stores_own(
    tmp_path: Path, extracted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = ("--style", "wikidata", "--namespace", "https://example.org/kg/")
    store = tmp_path / "kg"
    assert run_here("graph", "build", extracted, "--store", store, *own) == 0
    assert export(store, "turtle", tmp_path / "g.ttl") == 0
    read = rdflib.Graph().parse(tmp_path / "g.ttl")
    statements = set(read.subjects(rdflib.RDF.type, STATEMENT))
    assert len(statements) == 2
    assert all(iri.startswith("https://example.org/kg/statement/") for iri in statements)
    assert (None, rdflib.RDF.subject, None) not in read  # no qualifiers: nothing to reify
    assert export(store, "turtle", tmp_path / "r.ttl", "--style", "reification") == 0
    reified = set(rdflib.Graph().parse(tmp_path / "r.ttl").subjects(rdflib.RDF.subject))
    assert reified == statements


def test_nquads_are_what_the_store_is_queried_in(store: Path, tmp_path: Path) -> None:
    from extract.kg.store import GraphStore

    assert export(store, "nquads", tmp_path / "g.nq") == 0
    with GraphStore(store) as opened:
        stored = opened.nquads()
    parse, kind = pyoxigraph.parse, pyoxigraph.RdfFormat.N_QUADS
    exported = set(parse((tmp_path / "g.nq").read_bytes(), format=kind))
    digest = "urn:tripack:ns:digest"  # of what the store was given, which is not of the graph
    kept = {quad for quad in parse(stored, format=kind) if quad.predicate.value != digest}
    assert exported == kept


@pytest.mark.parametrize(
    ("format", "options", "code", "said"),
    [
        ("xml", (), 2, "Unknown export format 'xml'. Expected one of: cypher"),
        ("turtle", ("--style", "n3"), 4, "Unknown style 'n3'"),
        ("jsonld", ("--style", "rdf12"), 4, "jsonld cannot hold style 'rdf12'"),
        ("graphml", ("--style", "rdf12"), 4, "graphml is not RDF"),
        ("turtle", ("--min-score", "2"), 2, "from 0 to 1, got 2.0"),
        ("turtle", ("--relation", "likes"), 3, "Unknown relation 'likes'"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(
    format: str,
    options: tuple[str, ...],
    code: int,
    said: str,
    store: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = sorted(tmp_path.iterdir())
    assert export(store, format, tmp_path / "out", *options) == code
    shown = capfd.readouterr()
    assert_one_line_error(shown.err)
    assert said in shown.err and shown.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_existing_output_and_missing_store_are_refused(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("mine")
    assert export(store, "turtle", tmp_path / "out") == 4
    assert "out exists; use --force to replace it" in capfd.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"
    assert export(tmp_path / "none", "turtle", tmp_path / "new") != 0
    assert_one_line_error(capfd.readouterr().err)
    assert not (tmp_path / "new").exists()
