"""Schemas, and what is found out about them, as listings for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from extract.interfaces.cli.printing import columns

if TYPE_CHECKING:
    from extract.schema import Relation, Schema
    from extract.schemas.check import Conformance
    from extract.schemas.evidence import Evidence

_SHOWN = 8  # type pairs of a relation, at most


def schema_table(schema: Schema) -> str:
    """Entity types, relations and qualifiers, one a line; columns that hold nothing are left out."""
    types = [("entity type", "id", "is a", "not also", "count")] + [
        (t.name, t.id or "", _list(t.parents), _list(t.disjoint), t.count or "")
        for t in schema.entity_types
    ]
    relations = [("relation", "id", "domain", "range", "constraints", "is a", "count")] + [
        (
            r.name,
            r.id or "",
            _list(r.domain) or "any",
            _list(r.range) or "any",
            _flags(r),
            _list(r.parents),
            r.count or "",
        )
        for r in schema.relations
    ]
    qualifiers = [("qualifier", "id", "of relations", "range")] + [
        (q.name, q.id or "", _list(q.relations) or "any", _list(q.range) or "any")
        for q in schema.qualifiers
    ]
    title = (
        f"{schema.name}: {len(schema.entity_types)} entity types, {len(schema.relations)} relations, "
        f"{len(schema.qualifiers)} qualifiers"
    )
    tables = [_filled(rows) for rows in (types, relations, qualifiers) if len(rows) > 1]
    return "\n\n".join([title, *tables])


def pairs_table(rows: list[dict[str, Any]]) -> str:
    """The relations of each pair of entity types."""
    cells = [(row["subject"], row["object"], ", ".join(row["relations"])) for row in rows]
    return columns([("subject", "object", "relations"), *cells])


def evidence_table(found: Evidence) -> str:
    """Counts of entity types, and of each relation its type pairs and cardinalities."""
    types = [(t.name, t.count) for t in found.schema.entity_types]
    rows = []
    for name, own in found.relations.items():
        pairs = own.to_dict()["pairs"]
        listed = ", ".join(f"{s} -> {o} {n}" for s, o, n in pairs[:_SHOWN])
        more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
        rows.append(
            (
                name,
                own.count,
                _cardinality(own.subjects),
                _cardinality(own.objects),
                own.mirrored or "",
                listed + more,
            )
        )
    head = (
        "relation",
        "triples",
        "objects a subject",
        "subjects an object",
        "mirrored",
        "type pairs",
    )
    parts = [
        f"{found.schema.name}: {found.sentences} sentences",
        columns([("entity type", "mentions"), *types]),
        columns([head, *rows]),
    ]
    return "\n\n".join(parts)


def conformance_table(found: Conformance) -> str:
    """Totals by constraint, then what breaks them, the most frequent first."""
    from extract.schemas.check import CONSTRAINTS

    said = found.to_dict()
    title = (
        f"{found.sentences} sentences, {found.entities} entities, {found.triples} triples, "
        f"of which {found.triples_broken} break the schema"
    )
    totals = [(name, said["totals"][name], what) for name, what in CONSTRAINTS.items()]
    parts = [title, columns([("constraint", "broken", "counted"), *totals])]
    if said["broken"]:
        rows = [
            (row["constraint"], row["label"], row["count"], "; ".join(row["examples"]))
            for row in said["broken"]
        ]
        parts.append(columns([("constraint", "label", "broken", "examples"), *rows]))
    if said["unclosed"]:
        implied = [(row["relation"], row["kind"], row["count"]) for row in said["unclosed"]]
        parts.append(columns([("relation", "implied, not stated", "triples"), *implied]))
    return "\n\n".join(parts)


def _cardinality(counts: dict[int, int]) -> str:
    """Ends by how many they are joined with: "one" for at most one each."""
    several = sum(n for joined, n in counts.items() if joined > 1)
    if not several:
        return f"1 ({sum(counts.values())} of them)"
    return f"up to {max(counts)} ({several} of {sum(counts.values())} have several)"


def _flags(relation: Relation) -> str:
    parts = [name for name in ("functional", "symmetric") if getattr(relation, name)]
    if relation.inverse is not None:
        parts.append(f"inverse of {relation.inverse}")
    return ", ".join(parts)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _filled(rows: Sequence[Sequence[object]]) -> str:
    """The table without the columns in which no row but the head says anything."""
    kept = [i for i in range(len(rows[0])) if any(row[i] != "" for row in rows[1:])]
    return columns([[row[i] for i in kept] for row in rows])
