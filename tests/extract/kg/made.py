"""Small graphs for tests, written as plain tuples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extract.kg.indexed import IndexedGraph
from extract.kg.structures import (
    Fact,
    FactQualifier,
    Graph,
    Mention,
    Node,
    Statement,
    StatementQualifier,
    Value,
)

Object = str | Value
Qualifiers = Sequence[tuple[str, Value]]


def year(number: int) -> Value:
    """A year as a literal."""
    return Value(f"{number:04d}", "gYear", str(number))


def date(lexical: str) -> Value:
    """A day as a literal."""
    return Value(lexical, "date", lexical)


def graph_of(
    *triples: tuple[str, str, Object] | tuple[str, str, Object, Qualifiers],
    types: dict[str, str] | None = None,
) -> Graph:
    """A graph of (subject, relation, object) or (..., qualifiers); each node's name is its identifier."""
    types = types or {}
    statements = {}
    for place, (subject, relation, object_, *rest) in enumerate(triples):
        qualifiers: Qualifiers = rest[0] if rest else ()
        said = object_.text if isinstance(object_, Value) else object_
        sentence = f"{subject} {relation} {said}."
        document = f"d{place}"
        fact = Fact(
            Mention(document, 0, len(subject), subject, types.get(subject)),
            relation,
            None,
            Mention(document, len(sentence) - 1 - len(said), len(sentence) - 1, said),
            tuple(
                FactQualifier(n, None, Mention(document, 0, 1, v.text), 0.9) for n, v in qualifiers
            ),
            0.9,
            (0, len(sentence)),
            sentence,
            "test 1",
        )
        statements[f"s{place}"] = Statement(
            f"s{place}",
            subject,
            relation,
            None,
            object_,
            tuple(StatementQualifier(name, None, value, 0.9) for name, value in qualifiers),
            0.9,
            (fact,),
        )
    names = {s.subject for s in statements.values()}
    names |= {s.object for s in statements.values() if isinstance(s.object, str)}
    nodes = {n: Node(n, n, types.get(n), (), (n,), ()) for n in sorted(names)}
    return Graph(nodes, statements)


def families(n: int, *, seed: int = 0) -> Graph:
    """`n` families of two parents, two children and a town, whose relations follow from each other."""
    random = np.random.default_rng(seed)
    triples: list[tuple[str, str, Object]] = []
    types = {}
    for family in range(n):
        a, b, c, d = (f"{who}{family}" for who in ("ann", "bob", "cid", "dee"))
        town = f"town{random.integers(max(2, n // 4))}"
        types |= dict.fromkeys((a, b, c, d), "PER") | {town: "LOC"}
        triples += [(a, "spouse", b), (b, "spouse", a), (c, "sibling", d), (d, "sibling", c)]
        for child in (c, d):
            triples += [(child, "mother", a), (child, "father", b)]
            triples += [(a, "child", child), (b, "child", child)]
        triples += [(one, "home", town) for one in (a, b, c, d)]
    return graph_of(*triples, types=types)


def indexed(*triples: tuple[str, str, str]) -> IndexedGraph:
    """The same as numbers, without types."""
    return IndexedGraph.of_triples(triples, {})
