"""SPARQL over a stored graph, with its prefixes predefined.

Source: SPARQL 1.1 Query Language (W3C 2013), with the triple terms of SPARQL 1.2 that Oxigraph knows:
`<<( s p o )>>`, reified triples `<< s p o ~ r >>`, annotations `{| |}`,
TRIPLE, SUBJECT, PREDICATE, OBJECT, isTRIPLE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyoxigraph import (
    BlankNode,
    Literal,
    NamedNode,
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    RdfFormat,
    Store,
    Triple,
    serialize,
)

from extract.errors import InputError
from extract.kg.rdf.turtle import turtle_body, turtle_head

Result = QuerySolutions | QueryBoolean | QueryTriples
Term = NamedNode | BlankNode | Literal | Triple

_RESULTS = {
    "json": QueryResultsFormat.JSON,
    "csv": QueryResultsFormat.CSV,
    "tsv": QueryResultsFormat.TSV,
}
_GRAPHS = ("turtle", "ntriples")
FORMATS = (*_RESULTS, *_GRAPHS)


def run_query(rdf: Store, query: str, prefixes: Mapping[str, str]) -> Result:
    """The result of a SELECT, ASK, CONSTRUCT or DESCRIBE query.

    Raises `InputError` for a query that cannot be read or evaluated.
    """
    try:
        return rdf.query(query, prefixes=dict(prefixes))
    except SyntaxError as error:
        raise InputError(
            f"The query is not SPARQL: {error}. Expected SELECT, ASK, CONSTRUCT or DESCRIBE; prefixes "
            f"known beforehand: {', '.join(sorted(prefixes))}."
        ) from error
    except (ValueError, OSError) as error:
        raise _no_result(error) from error


def serialized(result: Result, format: str, prefixes: Mapping[str, str]) -> bytes:
    """The result in json, csv or tsv (SELECT, ASK), or in turtle or ntriples (CONSTRUCT, DESCRIBE).

    Raises `InputError` if the format is not one of those for this kind of query.
    """
    if isinstance(result, QueryTriples):
        if format not in _GRAPHS:
            raise InputError(
                f"Got format {format!r}, expected {' or '.join(_GRAPHS)}: CONSTRUCT and DESCRIBE give RDF."
            )
        with _evaluation():
            if format == "turtle":
                return (turtle_head(prefixes) + turtle_body(result, prefixes)).encode("utf-8")
            return serialize(result, format=RdfFormat.N_TRIPLES) or b""
    if format not in _RESULTS or (isinstance(result, QueryBoolean) and format != "json"):
        expected = ["json"] if isinstance(result, QueryBoolean) else list(_RESULTS)
        raise InputError(
            f"Got format {format!r}, expected {' or '.join(expected)} for the result of this query."
        )
    with _evaluation():
        return result.serialize(format=_RESULTS[format]) or b""


@contextmanager
def _evaluation() -> Iterator[None]:
    """Solutions are found while they are read, so errors come then."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise _no_result(error) from error


def _no_result(error: Exception) -> InputError:
    return InputError(f"The query cannot be evaluated: {error}. Change it.")


def rows(result: QuerySolutions, prefixes: Mapping[str, str]) -> list[list[str]]:
    """The solutions as texts for people, below a row of variables: IRIs shortened, literals bare."""
    names = [variable.value for variable in result.variables]
    with _evaluation():
        return [names] + [
            ["" if solution[name] is None else shown(solution[name], prefixes) for name in names]
            for solution in result
        ]


def shown(of: Term, prefixes: Mapping[str, str]) -> str:
    """A term for people."""
    if isinstance(of, Literal):
        return of.value
    if isinstance(of, NamedNode):
        return _short(of.value, prefixes)
    if isinstance(of, Triple):
        parts = (shown(part, prefixes) for part in (of.subject, of.predicate, of.object))
        return f"<<( {' '.join(parts)} )>>"
    return str(of)


def _short(iri: str, prefixes: Mapping[str, str]) -> str:
    fitting = [(len(base), name) for name, base in prefixes.items() if iri.startswith(base)]
    if not fitting:
        return f"<{iri}>"
    length, name = max(fitting)
    return f"{name}:{iri[length:]}"
