"""Candidates and schemas for decoder tests: by hand and at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from extract.decode.base import Selection
from extract.decode.candidates import Candidates
from extract.schema import EntityType, QualifierType, Relation, Schema

TYPES = ("PER", "ORG", "TIME")


def candidates_of(
    spans: Sequence[tuple[int, int, Sequence[float]]],
    triples: Sequence[tuple[int, int, int, float]] = (),
    qualifiers: Sequence[tuple[int, int, int, float]] = (),
    n_types: int = len(TYPES),
) -> Candidates:
    """Candidates from rows (start, end, type scores), (subject, relation, object, score), and
    (triple, label, value, score)."""
    return Candidates(
        np.array([s[:2] for s in spans], np.int64).reshape(-1, 2),
        np.array([s[2] for s in spans], np.float32).reshape(-1, n_types),
        np.array([t[:3] for t in triples], np.int64).reshape(-1, 3),
        np.array([t[3] for t in triples], np.float32),
        np.array([q[:3] for q in qualifiers], np.int64).reshape(-1, 3),
        np.array([q[3] for q in qualifiers], np.float32),
    )


def schema_of(relations: Sequence[Relation], qualifiers: Sequence[QualifierType] = ()) -> Schema:
    """A schema over `TYPES`."""
    return Schema(tuple(EntityType(t) for t in TYPES), tuple(relations), tuple(qualifiers))


scores = st.floats(-6, 6, width=32)
some_types = st.lists(st.sampled_from(TYPES), unique=True, max_size=2).map(tuple)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    relations = [
        Relation(
            f"r{i}", domain=draw(some_types), range=draw(some_types), functional=draw(st.booleans())
        )
        for i in range(2)
    ]
    names = st.lists(st.sampled_from(["r0", "r1"]), unique=True, max_size=1).map(tuple)
    qualifiers = [
        QualifierType(f"q{i}", relations=draw(names), range=draw(some_types)) for i in range(2)
    ]
    return schema_of(relations, qualifiers)


@st.composite
def candidate_sets(draw: st.DrawFn, min_spans: int = 0) -> Candidates:
    cells = st.tuples(st.integers(0, 4), st.integers(1, 3)).map(lambda c: (c[0], c[0] + c[1]))
    spans = draw(st.lists(cells, unique=True, min_size=min_spans, max_size=5))
    rows = [(*span, [draw(scores) for _ in TYPES]) for span in spans]
    pairs = [(s, o) for s in range(len(spans)) for o in range(len(spans)) if s != o]
    some = st.lists(st.tuples(st.sampled_from(pairs), st.integers(0, 1)), unique=True, max_size=6)
    triples = [(s, r, o, draw(scores)) for (s, o), r in (draw(some) if pairs else [])]
    every = [(t, q, v) for t in range(len(triples)) for q in range(2) for v in range(len(spans))]
    chosen = draw(st.lists(st.sampled_from(every), unique=True, max_size=6)) if every else []
    return candidates_of(rows, triples, [(*key, draw(scores)) for key in chosen])


def check(schema: Schema, nested: bool, found: Candidates, kept: Selection) -> None:
    """Assert every rule of a consistent selection, from the schema's own words."""
    types = dict(kept.entities)
    assert len(types) == len(kept.entities)  # one type a span
    spans = {row: set(range(*found.spans[row].tolist())) for row in types}
    if not nested:
        for row in types:
            assert not any(spans[row] & spans[other] for other in types if other != row)
    name = {row: schema.entity_names[label] for row, label in types.items()}
    objects = set()
    needed = set()
    for row in kept.triples:
        subject, label, object_ = found.triples[row].tolist()
        relation = schema.relations[label]
        assert subject in types
        assert object_ in types
        assert not relation.domain or name[subject] in relation.domain
        assert not relation.range or name[object_] in relation.range
        if relation.functional:
            assert (subject, label) not in objects
            objects.add((subject, label))
        needed |= {subject, object_}
    for row in kept.qualifiers:
        triple, label, value = found.qualifiers[row].tolist()
        assert triple in kept.triples
        qualifier = schema.qualifiers[label]
        subject, relation, object_ = found.triples[triple].tolist()
        assert value in types
        assert value not in (subject, object_)
        assert not qualifier.range or name[value] in qualifier.range
        assert not qualifier.relations or schema.relation_names[relation] in qualifier.relations
        needed.add(value)
    for row, label in kept.entities:
        assert found.entity_scores[row, label] > 0 or row in needed


def worth(found: Candidates, kept: Selection) -> float:
    """The sum of log-odds of what is kept."""
    return (
        sum(float(found.entity_scores[row, label]) for row, label in kept.entities)
        + sum(float(found.triple_scores[row]) for row in kept.triples)
        + sum(float(found.qualifier_scores[row]) for row in kept.qualifiers)
    )
