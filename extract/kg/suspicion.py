"""Contradictions and doubtful statements of a graph, each with the sentences that state it.

What a schema forbids and what dates exclude is a contradiction: not all of its statements are true. What is
merely unusual in the graph is a suspicion.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from extract.kg.chronology import chronology, role
from extract.kg.findings import KINDS, Finding, said
from extract.kg.schema_rules import SchemaRules
from extract.kg.structures import Graph, Statement, Value
from extract.kg.time_spans import TimeSpan
from extract.schema import Schema

_ENOUGH = 20  # statements of a relation before what it hardly ever does is suspicious
_RARE = 0.02  # share of a relation's statements
IMPLAUSIBLE = 0.05


def suspicions(
    graph: Graph,
    schema: Schema | None = None,
    *,
    plausibility: Mapping[str, float] | None = None,
    implausible: float = IMPLAUSIBLE,
    today: datetime.date | None = None,
) -> list[Finding]:
    """Everything wrong or doubtful, by kind in the order of `KINDS`, then by message.

    Args:
        schema: what domains, ranges, functional and one-way relations and disjoint types are read from;
            without it only dates and what is unusual in the graph count.
        plausibility: of statements by identifier, from `completion.complete`; None: not looked at.
        implausible: a plausibility below this is a finding.
        today: dates after it are in the future; None: the current day.
    """
    rules = None if schema is None else SchemaRules(schema)
    found = [
        *_functional(graph, rules),
        *_both_ways(graph, rules),
        *_rare_types(graph),
        *chronology(graph, today if today is not None else datetime.date.today()),
    ]
    if rules is not None:
        found += [*_ends(graph, rules), *_disjoint(graph, rules)]
    if plausibility is not None:
        found += _implausible(graph, plausibility, implausible)
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(found, key=lambda f: (order[f.kind], f.message, f.statements))


def _functional(graph: Graph, rules: SchemaRules | None) -> Iterator[Finding]:
    """Two objects of a subject, or two subjects of an object, where there can be one."""
    by_subject: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    by_object: dict[tuple[str, str | Value], list[Statement]] = defaultdict(list)
    for s in graph.statements.values():
        dated = role(s.relation, s.relation_id) in ("birth", "death")
        if dated or (rules is not None and rules.is_functional(s.relation, s.relation_id)):
            by_subject[s.relation, s.subject].append(s)
        if rules is not None and rules.is_inverse_functional(s.relation, s.relation_id):
            by_object[s.relation, s.object].append(s)
    for (relation, subject), statements in by_subject.items():
        dated = role(relation, statements[0].relation_id) in ("birth", "death")
        for group in _differing([s.object for s in statements], statements, dated=dated):
            values = " and ".join(graph.label(s.object) for s in group)
            what = f"{graph.label(subject)} has {len(group)} of {relation}: {values}"
            yield _finding("functional", what, group)
    for (relation, object_), statements in by_object.items():
        if len(statements) > 1:
            subjects = " and ".join(graph.label(s.subject) for s in statements)
            what = f"{graph.label(object_)} is {relation} of {len(statements)}: {subjects}"
            yield _finding("inverse functional", what, statements)


def _differing(
    values: Sequence[str | Value], statements: list[Statement], *, dated: bool
) -> Iterator[list[Statement]]:
    """The statements whose values differ from another's; 1967 does not differ from May 1967.

    Of dates that cannot be read whole ("circa 1967") none is known to differ from another.
    """
    differ = [
        place
        for place, one in enumerate(values)
        if any(_differ(one, other, dated) for at, other in enumerate(values) if at != place)
    ]
    if differ:
        yield [statements[place] for place in differ]


def _differ(one: str | Value, other: str | Value, dated: bool) -> bool:
    spans = TimeSpan.of(one), TimeSpan.of(other)
    if spans[0] is not None and spans[1] is not None:
        return not spans[0].agrees(spans[1])
    return not dated and one != other


def _both_ways(graph: Graph, rules: SchemaRules | None) -> Iterator[Finding]:
    """Statements of a node and itself, and pairs stated both ways where one excludes the other.

    Without a schema's word a relation is one-way if hardly any of its pairs is stated both ways.
    """
    by_ends = {(s.relation, s.subject, s.object): s for s in graph.statements.values()}
    total = Counter(s.relation for s in graph.statements.values())
    mutual = [
        (s, other)
        for s in graph.statements.values()
        if isinstance(s.object, str)
        and s.subject < s.object
        and (other := by_ends.get((s.relation, s.object, s.subject))) is not None
    ]
    twice = Counter(s.relation for s, _ in mutual)
    for s, other in mutual:
        rare = total[s.relation] >= _ENOUGH and 2 * twice[s.relation] <= _RARE * total[s.relation]
        if rules.is_one_way(s.relation, s.relation_id) if rules is not None else rare:
            what = f"{said(graph, s)}, and the other way round"
            yield _finding("both ways", what, [s, other])
    for s in graph.statements.values():
        if s.subject == s.object:
            yield _finding("self", said(graph, s), [s])


def _rare_types(graph: Graph) -> Iterator[Finding]:
    pairs: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for s in graph.statements.values():
        pairs[s.relation][_types(graph, s)] += 1
    for s in graph.statements.values():
        counts, own = pairs[s.relation], _types(graph, s)
        if counts.total() >= _ENOUGH and counts[own] <= _RARE * counts.total():
            usual, n = counts.most_common(1)[0]
            what = (
                f"{said(graph, s)} joins {' and '.join(own)}, as {counts[own]} of {counts.total()} do; "
                f"{n} join {' and '.join(usual)}"
            )
            yield _finding("rare types", what, [s])


def _types(graph: Graph, statement: Statement) -> tuple[str, str]:
    object_ = statement.object
    end = object_.datatype if isinstance(object_, Value) else graph.nodes[object_].type
    return graph.nodes[statement.subject].type or "no type", end or "no type"


def _ends(graph: Graph, rules: SchemaRules) -> Iterator[Finding]:
    for s in graph.statements.values():
        kind = graph.nodes[s.subject].type
        if not rules.admits_subject(s.relation, kind, s.relation_id):
            what = f"{said(graph, s)}: {graph.label(s.subject)} is {kind}"
            yield _finding("domain", what, [s])
        kinds = _object_types(graph, s)
        if kinds and not any(rules.admits_object(s.relation, k, s.relation_id) for k in kinds):
            what = f"{said(graph, s)}: {graph.label(s.object)} is {' and '.join(kinds)}"
            yield _finding("range", what, [s])


def _object_types(graph: Graph, statement: Statement) -> list[str]:
    """The type of a statement's object; of a date or number, those of its mentions."""
    object_ = statement.object
    types = (
        {fact.object.type for fact in statement.evidence}
        if isinstance(object_, Value)
        else {graph.nodes[object_].type}
    )
    return sorted(kind for kind in types if kind is not None)


def _disjoint(graph: Graph, rules: SchemaRules) -> Iterator[Finding]:
    for node in graph.nodes.values():
        types = Counter(m.type for m in node.mentions if m.type is not None)
        for one, other in combinations(sorted(types), 2):
            if rules.are_disjoint(one, other):
                what = (
                    f"{node.label} is {one} in {types[one]} and {other} in {types[other]} mentions"
                )
                yield Finding("disjoint types", what, nodes=(node.id,))


def _implausible(
    graph: Graph, plausibility: Mapping[str, float], below: float
) -> Iterator[Finding]:
    for id, score in plausibility.items():
        if score < below:
            s = graph.statements[id]
            yield _finding("implausible", f"{said(graph, s)}: plausibility {score:.3f}", [s])


def _finding(kind: str, message: str, statements: Sequence[Statement]) -> Finding:
    nodes = dict.fromkeys(statement.subject for statement in statements)
    return Finding(kind, message, tuple(s.id for s in statements), tuple(nodes))
