"""Every export of a graph, read back by a parser that is not ours: processor time, size, what is found.

    tripack extract --input re_docred.jsonl --output extracted.jsonl
    python -m benchmarks.exports extracted.jsonl --out benchmarks/results/exports-re_docred.json

Fails if a reader finds other statements or another number of places that state them than the graph has.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from extract.kg.builder import build_graph
from extract.kg.export import EXPORTERS, export_graph
from extract.kg.export.registry import exporter
from extract.kg.facts import facts_of_all
from extract.kg.structures import Graph
from extract.versions import environment

_RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_STATEMENT = "urn:tripack:ns:Statement"
_DERIVED = "http://www.w3.org/ns/prov#wasDerivedFrom"


class Found(NamedTuple):
    """What a reader sees of a graph: its statements, by their identifiers, and how many places state them."""

    statements: set[str]
    n_evidence: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extracted", type=Path, help="JSON Lines that `tripack extract` wrote")
    parser.add_argument("--documents", type=int, help="only the first so many; default: all")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    with open(given.extracted, encoding="utf-8") as lines:
        documents = [json.loads(line) for line in islice(lines, given.documents)]
    graph = build_graph(list(facts_of_all(documents)))
    result = {
        "data": given.extracted.name,
        "models": sorted({document["model"] for document in documents}),
        "documents": len(documents),
        **measured(graph),
        "readers": {
            name: version(name) for name in ("rdflib", "networkx", "pyarrow", "pyoxigraph")
        },
        "environment": environment(),
    }
    text = json.dumps(result, indent=1) + "\n"
    given.out.write_text(text, encoding="utf-8")
    print(text)


def measured(graph: Graph) -> dict[str, Any]:
    """The graph's size, and for each format and style the figures of its export."""
    statements = graph.statements.values()
    n_evidence = sum(len(statement.evidence) for statement in statements)
    expected = Found(set(graph.statements), n_evidence)
    exports = []
    with tempfile.TemporaryDirectory() as folder:
        for format in EXPORTERS:
            for style in exporter(format).styles or (None,):
                target = Path(folder) / f"{format}-{style}"
                exports.append(_measured(graph, expected, format, style, target))
    return {
        "entities": len(graph.nodes),
        "statements": len(graph.statements),
        "evidence": n_evidence,
        "qualifiers": sum(len(statement.qualifiers) for statement in statements),
        "exports": exports,
    }


def _measured(
    graph: Graph, expected: Found, format: str, style: str | None, target: Path
) -> dict[str, Any]:
    started = time.process_time()
    export_graph(graph, format, target, style=style)
    seconds = time.process_time() - started
    reader, read = _reader(format, style)
    found = read(target)
    if found != expected:
        raise SystemExit(
            f"{reader} finds {len(found.statements)} statements from {found.n_evidence} places in {format} "
            f"(style {style}), expected the graph's {len(expected.statements)} from {expected.n_evidence}."
        )
    files = target.iterdir() if target.is_dir() else [target]
    return {
        "format": format,
        "style": style,
        "cpu_seconds": round(seconds, 2),
        "bytes": sum(file.stat().st_size for file in files),
        "read_by": reader,
        "statements_found": len(found.statements),
        "evidence_found": found.n_evidence,
    }


def _reader(format: str, style: str | None) -> tuple[str, Callable[[Path], Found]]:
    if style == "rdf12":
        return "pyoxigraph", lambda path: _by_oxigraph(path, format)
    if style is not None:
        return "rdflib", lambda path: _by_rdflib(path, format)
    others: dict[str, tuple[str, Callable[[Path], Found]]] = {
        "graphml": ("networkx", _by_networkx),
        "neo4j-csv": ("csv", _by_csv),
        "cypher": ("json", _by_json),
        "parquet": ("pyarrow", _by_pyarrow),
    }
    return others[format]


def _by_oxigraph(path: Path, format: str) -> Found:
    from pyoxigraph import RdfFormat, parse

    kind = {"turtle": RdfFormat.TURTLE, "nquads": RdfFormat.N_QUADS}[format]
    triples = [(q.subject, q.predicate, q.object) for q in parse(path=str(path), format=kind)]
    return _found([tuple(getattr(term, "value", "") for term in triple) for triple in triples])


def _by_rdflib(path: Path, format: str) -> Found:
    from rdflib import Dataset

    read = Dataset(default_union=True)
    read.parse(path, format={"jsonld": "json-ld"}.get(format, format))
    return _found([(str(s), str(p), str(o)) for s, p, o, _ in read.quads()])


def _found(triples: Sequence[tuple[str, ...]]) -> Found:
    """The last part of the statements' IRIs, and the number of links to evidence."""
    statements = {s for s, p, o in triples if p == _RDF_TYPE and o == _STATEMENT}
    n_evidence = sum(s in statements and p == _DERIVED for s, p, _ in triples)
    return Found({iri.rpartition("/")[2] for iri in statements}, n_evidence)


def _by_networkx(path: Path) -> Found:
    import networkx

    read = networkx.read_graphml(path, force_multigraph=True, edge_key_type=str)
    edges = list(read.edges(keys=True, data="evidence"))
    n_evidence = sum(len(json.loads(evidence)) for *_, evidence in edges)
    return Found({id for _, _, id, _ in edges}, n_evidence)


def _by_csv(path: Path) -> Found:
    csv.field_size_limit(2**31 - 1)
    with open(path / "relationships-header.csv", encoding="utf-8", newline="") as stream:
        (header,) = csv.reader(stream)
    with open(path / "relationships.csv", encoding="utf-8", newline="") as stream:
        rows = [dict(zip(header, row, strict=True)) for row in csv.reader(stream, strict=True)]
    n_evidence = sum(len(row["evidence:string[]"].split("\x1f")) for row in rows)
    return Found({row["id"] for row in rows}, n_evidence)


def _by_json(path: Path) -> Found:
    content = json.loads((path / "parameters.json").read_text(encoding="utf-8"))
    rows = [row for item in content["statements"] for row in item["parameters"]["rows"]]
    edges = [row for row in rows if "start" in row]
    n_evidence = sum(len(row["properties"]["evidence"]) for row in edges)
    return Found({row["id"] for row in edges}, n_evidence)


def _by_pyarrow(path: Path) -> Found:
    from pyarrow.parquet import read_table

    statements = read_table(path / "statements.parquet", columns=["id"])["id"].to_pylist()
    return Found(set(statements), read_table(path / "evidence.parquet").num_rows)


if __name__ == "__main__":
    main()
