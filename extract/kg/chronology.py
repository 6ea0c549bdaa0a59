"""Dates that cannot all be right: of one life, of one statement's time, of parents and children."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from extract.kg.findings import Finding, said
from extract.kg.structures import Graph, Statement, Value
from extract.kg.time_spans import TimeSpan

OLDEST = 120  # years; one person is known to have become older: Jeanne Calment, 122

# Names and Wikidata identifiers of relations and qualifiers, compared without case, blanks and underscores.
ROLES: dict[str, frozenset[str]] = {
    "birth": frozenset({"P569", "dateofbirth", "birthdate", "born", "birthyear", "yearofbirth"}),
    "death": frozenset({"P570", "dateofdeath", "deathdate", "died", "deathyear", "yearofdeath"}),
    "start": frozenset(
        {"P580", "P571", "starttime", "startdate", "inception", "founded", "foundingdate"}
    ),
    "end": frozenset(
        {
            "P582",
            "P576",
            "endtime",
            "enddate",
            "dissolved,abolishedordemolisheddate",
            "dissolutiondate",
        }
    ),
    "time": frozenset({"P585", "pointintime", "date", "year"}),
    "parent": frozenset({"P22", "P25", "father", "mother", "parent"}),
    "child": frozenset({"P40", "child"}),
}


def role(name: str, id: str | None = None) -> str | None:
    """What a relation or qualifier says about time or descent: one of `ROLES`; None if nothing."""
    known_as = {_plain(name), *(() if id is None else (id,))}
    return next((found for found, names in ROLES.items() if names & known_as), None)


def _plain(name: str) -> str:
    return name if name[:1] == "P" and name[1:].isdigit() else (
        name.casefold().replace(" ", "").replace("_", "").replace("-", "")
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Dated:
    """A date that a statement gives its subject, by its object or by a qualifier."""

    statement: Statement
    value: Value
    span: TimeSpan
    role: str | None
    of_qualifier: bool


def chronology(graph: Graph, today: datetime.date) -> Iterator[Finding]:
    """Every impossible order of dates, and every date after `today`.

    A date known to the year or month contradicts another only where no day of it fits.
    """
    dates: dict[str, list[_Dated]] = defaultdict(list)
    for statement in graph.statements.values():
        for dated in _dates(statement):
            dates[statement.subject].append(dated)
    for node, known in dates.items():
        yield from _life(graph, node, known)
    for statement in graph.statements.values():
        yield from _order(graph, statement, [d for d in _dates(statement) if d.of_qualifier])
    births = {node: [d for d in known if _is_life(d, "birth")] for node, known in dates.items()}
    yield from _descent(graph, births)
    day = today.year, today.month, today.day
    for known in dates.values():
        for dated in known:
            if dated.span.first > day and dated.role != "end":
                yield _finding("future", graph, f"{dated.value.text} is after {today}", dated)


def _dates(statement: Statement) -> Iterator[_Dated]:
    span = TimeSpan.of(statement.object)
    if span is not None and isinstance(statement.object, Value):
        found = role(statement.relation, statement.relation_id)
        yield _Dated(statement, statement.object, span, found, of_qualifier=False)
    for qualifier in statement.qualifiers:
        span = TimeSpan.of(qualifier.value)
        if span is not None and isinstance(qualifier.value, Value):
            found = role(qualifier.label, qualifier.label_id)
            yield _Dated(statement, qualifier.value, span, found, of_qualifier=True)


def _is_life(dated: _Dated, wanted: str) -> bool:
    return dated.role == wanted and not dated.of_qualifier


def _life(graph: Graph, node: str, known: list[_Dated]) -> Iterator[Finding]:
    """Of one node: birth, death, start and end as its own statements give them, and all else."""
    name = graph.label(node)
    births = [d for d in known if _is_life(d, "birth")]
    for death in (d for d in known if _is_life(d, "death")):
        for birth in births:
            what = f"{name}, born {birth.value.text}, dies {death.value.text}"
            if death.span.before(birth.span):
                yield _finding("death before birth", graph, what, birth, death)
            elif (years := birth.span.least_years_to(death.span)) > OLDEST:
                yield _finding("age", graph, f"{what}, {years} years later", birth, death)
    starts = [d for d in known if _is_life(d, "start")]
    for end in (d for d in known if _is_life(d, "end")):
        for start in starts:
            if end.span.before(start.span):
                what = f"{name} starts {start.value.text} and ends {end.value.text}"
                yield _finding("end before start", graph, what, start, end)
    for event in (d for d in known if d.role not in ("birth", "death") or d.of_qualifier):
        for birth in births:
            if event.span.before(birth.span):
                what = (
                    f"{said(graph, event.statement)} in {event.value.text}, before {name} was born in "
                    f"{birth.value.text}"
                )
                yield _finding("before birth", graph, what, birth, event)


def _order(graph: Graph, statement: Statement, dates: list[_Dated]) -> Iterator[Finding]:
    """Of one statement: its qualifiers, which may give several starts and ends, one period each."""
    starts = [d for d in dates if d.role == "start"]
    ends = [d for d in dates if d.role == "end"]
    for end in ends:
        if starts and all(end.span.before(start.span) for start in starts):
            what = f"{said(graph, statement)} from {starts[0].value.text} to {end.value.text}"
            yield _finding("end before start", graph, what, starts[0], end)


def _descent(graph: Graph, births: dict[str, list[_Dated]]) -> Iterator[Finding]:
    for statement in graph.statements.values():
        found = role(statement.relation, statement.relation_id)
        if found not in ("parent", "child") or not isinstance(statement.object, str):
            continue
        ends = statement.object, statement.subject
        parent, child = ends if found == "parent" else ends[::-1]
        for one in births.get(parent, ()):
            for other in births.get(child, ()):
                if not one.span.before(other.span) and not one.span.agrees(other.span):
                    what = (
                        f"{graph.label(parent)}, born {one.value.text}, is a parent of "
                        f"{graph.label(child)}, born {other.value.text}"
                    )
                    yield _finding("parent's age", graph, what, one, other, extra=statement)


def _finding(
    kind: str, graph: Graph, what: str, *dates: _Dated, extra: Statement | None = None
) -> Finding:
    ids = [*(() if extra is None else (extra.id,)), *(dated.statement.id for dated in dates)]
    nodes = dict.fromkeys(dated.statement.subject for dated in dates)
    return Finding(kind, what, tuple(dict.fromkeys(ids)), tuple(nodes))
