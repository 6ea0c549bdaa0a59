"""A graph's statements as a user of its RDF would collect them from a parser's triples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TP = "urn:tripack:ns:"
DERIVED = "http://www.w3.org/ns/prov#wasDerivedFrom"


@dataclass(frozen=True)
class Stated:
    """What is said of a statement; values are IRIs or pairs of datatype and lexical form."""

    subject: Any
    predicate: Any
    object: Any
    scores: set[float]
    evidence: set[str]
    qualifiers: set[tuple[Any, Any]]


def stated(triples: Iterable[tuple[Any, ...]]) -> dict[str, Stated]:
    """The statements by IRI, whichever of the three styles they are in."""
    told: dict[Any, list[tuple[Any, Any]]] = {}
    for subject, predicate, value in triples:
        told.setdefault(subject, []).append((predicate, value))
    found = {
        subject: _reified(subject, told)
        for subject, parts in told.items()
        if (f"{RDF}type", f"{TP}Statement") in parts
    }
    described = [_described(parts) for parts in told.values()]
    return {
        iri: Stated(
            *spo,
            scores={v[1] for p, v in told[iri] if p == f"{TP}score"},
            evidence={v for p, v in told[iri] if p == DERIVED},
            qualifiers={(d[1], d[2]) for d in described if d is not None and d[0] == iri},
        )
        for iri, spo in found.items()
    }


def _reified(iri: str, told: dict[Any, list[tuple[Any, Any]]]) -> tuple[Any, Any, Any]:
    """Subject, relation and object: by reifier, by reification, or by Wikidata's claims."""
    if spo := _described(told[iri]):
        return spo
    ((subject, claim),) = {
        (s, p) for s, parts in told.items() for p, v in parts if v == iri and p != f"{RDF}subject"
    }
    values = [v for p, v in told[iri] if "/prop/statement/" in p or "relation/statement/" in p]
    (value,) = values
    return subject, claim, value


def _described(parts: list[tuple[Any, Any]]) -> tuple[Any, Any, Any] | None:
    for predicate, value in parts:
        if predicate == f"{RDF}reifies":
            return (value[0], value[1], value[2])
    by_predicate = dict(parts)
    if f"{RDF}subject" not in by_predicate:
        return None
    spo = (by_predicate.get(f"{RDF}{part}") for part in ("subject", "predicate", "object"))
    return tuple(spo)  # type: ignore[return-value]
