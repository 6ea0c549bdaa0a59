"""What a selection breaks, counted from the schema's own words; shares no code with decoders."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from extract.decode.candidates import Candidates
from extract.decode.selection import Selection
from extract.schema import Schema


def violations(
    schema: Schema,
    nested: bool,
    found: Candidates,
    kept: Selection,
    *,
    both_ways: bool = False,
    max_distance: int | None = None,
) -> list[str]:
    """One line for each breach of a rule."""
    broken = []
    spans = [tuple(span) for span in found.spans.tolist()]
    types = {row: schema.entity_names[label] for row, label in kept.entities}
    if len(types) != len(kept.entities):
        broken.append("a span has two types")
    if not nested:
        for one, other in combinations(types, 2):
            if set(range(*spans[one])) & set(range(*spans[other])):
                broken.append(f"spans {one} and {other} overlap")
    rows = {row: found.triples[row].tolist() for row in kept.triples}
    facts = {(s, schema.relation_names[r], o) for s, r, o in rows.values()}
    for subject, label, object_ in rows.values():
        relation = schema.relations[label]
        for end, admitted in ((subject, relation.domain), (object_, relation.range)):
            if end not in types:
                broken.append(f"end {end} of {relation.name} is no entity")
            elif admitted and types[end] not in admitted:
                broken.append(f"end {end} of {relation.name} is {types[end]}")
        if max_distance is not None:
            left, right = sorted((spans[subject], spans[object_]))
            if right[0] - left[1] > max_distance:
                broken.append(f"ends of {relation.name} are too far apart")
        if both_ways:
            broken += _one_way(schema, facts, (subject, relation.name, object_))
    objects = Counter((s, r) for s, r, _ in rows.values() if schema.relations[r].functional)
    broken += [f"two objects of {key}" for key, n in objects.items() if n > 1]
    for row in kept.qualifiers:
        triple, label, value = found.qualifiers[row].tolist()
        qualifier = schema.qualifiers[label]
        if triple not in rows:
            broken.append(f"qualifier {row} without its triple")
            continue
        subject, relation_label, object_ = rows[triple]
        if value not in types:
            broken.append(f"value {value} is no entity")
        elif qualifier.range and types[value] not in qualifier.range:
            broken.append(f"value {value} is {types[value]}")
        if value in (subject, object_):
            broken.append(f"value {value} is an end")
        name = schema.relation_names[relation_label]
        if qualifier.relations and name not in qualifier.relations:
            broken.append(f"{name} takes no {qualifier.name}")
    return broken


def _one_way(
    schema: Schema, facts: set[tuple[int, str, int]], fact: tuple[int, str, int]
) -> list[str]:
    subject, name, object_ = fact
    others = {r.name for r in schema.relations if r.inverse == name}
    relation = schema.relation(name)
    others |= {name} if relation.symmetric else set()
    others |= {relation.inverse} if relation.inverse else set()
    return [f"{fact} holds one way" for o in others if (object_, o, subject) not in facts]
