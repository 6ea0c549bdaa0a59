"""Candidates and schemas for decoder tests: by hand and at random."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from extract.decode.base import Selection
from extract.decode.candidates import Candidates
from extract.schema import EntityType, QualifierType, Relation, Schema
from tests.extract.decode.checker import violations

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
    """Assert every rule of a consistent selection, and that entities at or below 0 are needed."""
    assert violations(schema, nested, found, kept) == []
    needed = set(found.triples[list(kept.triples)][:, [0, 2]].reshape(-1).tolist())
    needed |= set(found.qualifiers[list(kept.qualifiers)][:, 2].tolist())
    for row, label in kept.entities:
        assert found.entity_scores[row, label] > 0 or row in needed


def worth(found: Candidates, kept: Selection) -> float:
    """The sum of log-odds of what is kept."""
    return (
        sum(float(found.entity_scores[row, label]) for row, label in kept.entities)
        + sum(float(found.triple_scores[row]) for row in kept.triples)
        + sum(float(found.qualifier_scores[row]) for row in kept.qualifiers)
    )


def random_case(
    rng: np.random.Generator, n_spans: int = 5, n_triples: int = 6
) -> tuple[Schema, Candidates, bool]:
    """A schema, candidates that it limits, and whether spans may be nested; quick, for many of them.

    Relation 0 may be symmetric, 1 and 2 may be inverse to each other. Some scores are equal, some are 0.
    """
    some = lambda: tuple(t for t in TYPES if rng.random() < 0.4)  # noqa: E731
    flags = rng.random(6) < 0.4
    relations = [
        Relation("r0", domain=some(), symmetric=bool(flags[0]), functional=bool(flags[1])),
        Relation("r1", domain=some(), range=some(), functional=bool(flags[2])),
        Relation("r2", range=some(), inverse="r1" if flags[3] else None),
    ]
    qualifiers = [QualifierType("q0", relations=("r1",), range=some()), QualifierType("q1")]
    cells = [(start, start + n) for start in range(n_spans + 1) for n in (1, 2, 3)]
    chosen = rng.permutation(len(cells))[: rng.integers(0, n_spans + 1)].tolist()
    score = lambda shape: np.round(rng.normal(0, 2.5, shape), int(rng.integers(0, 3)))  # noqa: E731
    n = len(chosen)
    pairs = [(s, r, o) for s in range(n) for r in range(3) for o in range(n) if s != o]
    triples = [pairs[i] for i in rng.permutation(len(pairs))[: rng.integers(0, n_triples + 1)]]
    every = [(t, q, v) for t in range(len(triples)) for q in range(2) for v in range(n)]
    quals = [every[i] for i in rng.permutation(len(every))[: rng.integers(0, 5)]]
    found = Candidates(
        np.array([cells[i] for i in chosen], np.int64).reshape(-1, 2),
        score((n, len(TYPES))).astype(np.float32),
        np.array(triples, np.int64).reshape(-1, 3),
        score(len(triples)).astype(np.float32),
        np.array(quals, np.int64).reshape(-1, 3),
        score(len(quals)).astype(np.float32),
    )
    return schema_of(relations, qualifiers), found, bool(flags[4])


def best_worth(schema: Schema, nested: bool, found: Candidates, **rules: Any) -> float:
    """The worth of the best consistent selection, by trying all typings and triples one after the other."""
    names = range(-1, len(TYPES))
    best = 0.0
    for labels in product(names, repeat=len(found.spans)):
        entities = tuple((row, label) for row, label in enumerate(labels) if label >= 0)
        bare = Selection(entities, (), ())
        if violations(schema, nested, found, bare):
            continue
        own = [
            row
            for row in range(len(found.triples))
            if not violations(schema, nested, found, Selection(entities, (row,), ()))
        ]
        for size in range(len(own) + 1):
            for triples in combinations(own, size):
                if violations(schema, nested, found, Selection(entities, triples, ()), **rules):
                    continue
                # Qualifiers do not rule each other out: each that fits and gains is kept.
                qualifiers = tuple(
                    row
                    for row in range(len(found.qualifiers))
                    if found.qualifier_scores[row] > 0
                    and not violations(schema, nested, found, Selection(entities, triples, (row,)))
                )
                best = max(best, worth(found, Selection(entities, triples, qualifiers)))
    return best
