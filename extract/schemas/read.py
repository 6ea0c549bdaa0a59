"""A schema from a file of any format: tripack's JSON, a Text2KGBench ontology, OWL and RDFS."""

from __future__ import annotations

import json
import re
from pathlib import Path

from extract.errors import CorpusError, SchemaError
from extract.schema import Schema

FORMATS = "tripack's JSON, a Text2KGBench ontology (JSON), Turtle, N-Triples or RDF/XML"

_SUFFIXES = {
    ".json": "JSON",
    ".ttl": "TURTLE",
    ".turtle": "TURTLE",
    ".nt": "N_TRIPLES",
    ".rdf": "RDF_XML",
}
_TURTLE = re.compile(rb"\s*(#|@prefix\b|@base\b|prefix\s|base\s|<[^?!>\s]*>\s|\[)", re.IGNORECASE)
_XML = re.compile(rb"\s*<(\?xml|!DOCTYPE|!--|(\w+:)?RDF\b)")


def read_schema(path: str | Path, language: str = "en") -> Schema:
    """Read a schema; the format is told by the suffix, else by how the content starts.

    Args:
        path: a file of `FORMATS`. Turtle, N-Triples and RDF/XML need the extra `graph`.
        language: of the names taken from an ontology (a BCP 47 tag).

    Raises `SchemaError` naming the file and what was expected.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SchemaError(f"Cannot read schema {path}: {error.strerror or error}.") from error
    format_ = _format(path, content)
    if format_ != "JSON":
        from extract.schemas.ontology import read_ontology

        return read_ontology(path, content.removeprefix(b"\xef\xbb\xbf"), format_, language)
    if _is_text2kgbench(content):
        from corpora.text2kgbench import read_ontology as read_text2kgbench

        try:
            return read_text2kgbench(path)
        except CorpusError as error:
            raise SchemaError(f"Schema {error}") from error
    return Schema.read(path)


def _format(path: Path, content: bytes) -> str:
    known = _SUFFIXES.get(path.suffix.lower())
    if known is not None:
        return known
    start = content.removeprefix(b"\xef\xbb\xbf")[:2000]
    if start.lstrip().startswith(b"{"):
        return "JSON"
    if _XML.match(start):
        return "RDF_XML"
    if _TURTLE.match(start):
        return "TURTLE"
    raise SchemaError(
        f"Schema {path} is of no known format, expected {FORMATS}. "
        f"Name it with one of these suffixes: {', '.join(_SUFFIXES)}."
    )


def _is_text2kgbench(content: bytes) -> bool:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "concepts" in value and "entity_types" not in value
