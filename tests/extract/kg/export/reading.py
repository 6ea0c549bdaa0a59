"""What a graph says, as plain values, made without the exporters' own code; and triples of other parsers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from extract.kg.export.whole import whole_characters
from extract.kg.structures import Graph, Mention, Statement, StatementQualifier, Value

XSD = "http://www.w3.org/2001/XMLSchema#"
Plain = dict[str, Any]


def whole(text: str) -> str:
    """The text without halves of surrogate pairs, as every export has it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain(of: Any) -> Any:
    """A dataclass as JSON has it, its texts whole."""
    if isinstance(of, str):
        return whole(of)
    if isinstance(of, list | tuple):
        return [plain(item) for item in of]
    if isinstance(of, dict):
        return {key: plain(value) for key, value in of.items()}
    return plain(asdict(of)) if hasattr(of, "__dataclass_fields__") else of


def plain_value(value: str | Value) -> Plain:
    """A node or a literal, with the keys of both."""
    empty = {"node": None, "lexical": None, "datatype": None, "text": None}
    return empty | (plain(value) if isinstance(value, Value) else {"node": value})


def plain_qualifier(qualifier: StatementQualifier) -> Plain:
    """A qualifier with its value's keys."""
    made = plain(qualifier)
    del made["value"]
    return made | plain_value(qualifier.value)


def plain_evidence(statement: Statement) -> list[Plain]:
    """The places of a statement; a sentence's two offsets apart."""
    made = []
    for fact in statement.evidence:
        record = plain(fact)
        start, end = record.pop("sentence")
        document = whole(fact.subject.document)
        made.append(record | {"document": document, "sentence_start": start, "sentence_end": end})
    return made


def plain_mentions(mentions: Iterable[Mention]) -> list[Plain]:
    """Mentions as dicts."""
    return [plain(mention) for mention in mentions]


def from_json(texts: Iterable[str]) -> list[Any]:
    """Each text read as JSON; all of it is ASCII on one line."""
    texts = list(texts)
    assert all(text.isascii() and text.isprintable() for text in texts)
    return [json.loads(text) for text in texts]


def mapped(graph: Graph, style: str) -> set[tuple[Any, ...]]:
    """The triples that the RDF mapping gives for a graph, as tuples."""
    from extract.kg.rdf import graph_quads

    quads = graph_quads(whole_characters(graph), style=style)
    return {_oxigraph(quad.triple) for quad in quads}


def _oxigraph(term: Any) -> Any:
    if hasattr(term, "predicate"):
        return tuple(_oxigraph(part) for part in (term.subject, term.predicate, term.object))
    return literal(term.value, term.datatype.value) if hasattr(term, "datatype") else term.value


def by_oxigraph(content: bytes, format: str) -> set[tuple[Any, ...]]:
    """The triples of a file, read by pyoxigraph."""
    import pyoxigraph

    kind = getattr(pyoxigraph.RdfFormat, format)
    return {_oxigraph(quad.triple) for quad in pyoxigraph.parse(content, format=kind)}


def by_rdflib(content: str, format: str) -> set[tuple[Any, ...]]:
    """The triples of a file, read by rdflib."""
    import rdflib

    read = rdflib.Dataset(default_union=True)
    rdflib.NORMALIZE_LITERALS = False  # else it writes 0042 as 42
    read.parse(data=content, format=format)
    return {(str(s), str(p), _rdflib(o)) for s, p, o, _ in read.quads()}


def _rdflib(term: Any) -> Any:
    if hasattr(term, "datatype"):
        return literal(str(term), str(term.datatype or f"{XSD}string"))
    return str(term)


def literal(lexical: str, datatype: str) -> tuple[str, str | float]:
    """A literal by datatype and lexical form; doubles by value, since JSON writes them its own way."""
    return datatype, float(lexical) if datatype == f"{XSD}double" else lexical
