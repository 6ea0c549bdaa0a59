"""Triples as Turtle whose prefixes stand in order, at the top and once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyoxigraph import Quad, RdfFormat, Triple, serialize


def turtle_head(prefixes: Mapping[str, str]) -> str:
    """The lines that declare prefixes, sorted."""
    return "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in sorted(prefixes.items()))


def turtle_body(triples: Iterable[Quad] | Iterable[Triple], prefixes: Mapping[str, str]) -> str:
    """The triples, shortened by prefixes that `turtle_head` declares.

    The serializer writes prefixes in an order that changes from run to run, so they are cut off here.
    """
    written = serialize(triples, format=RdfFormat.TURTLE, prefixes=dict(prefixes)) or b""
    text = written.decode("utf-8")
    while text.startswith("@prefix "):
        text = text.partition("\n")[2]
    return text
