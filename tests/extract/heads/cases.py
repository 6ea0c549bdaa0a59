"""Annotated windows, random word states and comparisons shared by the tests of heads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from extract.decode.candidates import Candidates, Floats, Ints
from extract.encoder.text import EncodedText
from extract.encoder.windows import EncodedBatch
from extract.heads import GoldWindow, Head, WordStates
from extract.schema import EntityType, QualifierType, Relation, Schema

HIDDEN = 11
Span = tuple[int, int]
SCHEMA = Schema(
    tuple(EntityType(f"E{i}") for i in range(3)),
    tuple(Relation(f"r{i}") for i in range(5)),
    tuple(QualifierType(f"q{i}") for i in range(2)),
)
ALL = {
    "entity_types": frozenset(range(3)),
    "relations": frozenset(range(5)),
    "qualifier_labels": frozenset(range(2)),
}
GOLD = GoldWindow(
    entities=((0, 2, 0), (3, 6, 1), (4, 5, 2)),
    triples=((0, 2, 1, 3, 6), (0, 2, 4, 3, 6), (4, 5, 0, 0, 2), (0, 2, 2, 4, 5)),
    qualifiers=((0, 1, 4, 5), (2, 0, 3, 6)),
    **ALL,
)


def make_states(n_words: list[int], width: int | None = None, seed: int = 1) -> WordStates:
    """Random states; rows beyond a window's words are padding, filled with noise on purpose."""
    width = max(n_words) if width is None else width
    rows = []
    for row, n in enumerate(n_words):
        make = torch.Generator().manual_seed(seed + n + 100 * (row if seed < 0 else 0))
        noise = torch.randn(3, width - n, HIDDEN, generator=torch.Generator().manual_seed(width))
        rows.append(torch.cat([torch.randn(3, n, HIDDEN, generator=make), noise], dim=1))
    states = torch.stack(rows, dim=1)  # (tasks, batch, words, hidden)
    mask = torch.arange(width).view(1, -1) < torch.tensor(n_words).view(-1, 1)
    return WordStates(*states, mask)


def make_text(word_of_piece: list[list[int]], shape_of_piece: list[list[int]]) -> EncodedText:
    """A text of which only the pieces' words and shapes are read."""
    of_piece, shapes = torch.tensor(word_of_piece), torch.tensor(shape_of_piece)
    n_words = int(of_piece.max()) + 1
    mask = (of_piece.unsqueeze(1) == torch.arange(n_words).view(1, -1, 1)).any(dim=-1)
    unread: Any = None
    batch = EncodedBatch(torch.zeros_like(of_piece), of_piece >= 0, of_piece, shapes, mask)
    return EncodedText(unread, unread, batch)


def as_dict(found: Candidates) -> dict[object, float]:
    """Candidates by what they say."""
    spans = list(map(tuple, found.spans.tolist()))
    scores: dict[object, float] = {}
    for span, row in zip(spans, found.entity_scores.tolist(), strict=True):
        scores |= {(span, label): score for label, score in enumerate(row)}
    triples = [(spans[s], r, spans[o]) for s, r, o in found.triples.tolist()]
    scores |= dict(zip(triples, found.triple_scores.tolist(), strict=True))
    keys = [(triples[t], q, spans[v]) for t, q, v in found.qualifiers.tolist()]
    scores |= dict(zip(keys, found.qualifier_scores.tolist(), strict=True))
    assert len(scores) == found.entity_scores.size + len(triples) + len(keys)  # each once
    return scores


def said(found: Candidates) -> Iterator[tuple[Ints, Floats]]:
    """Entities, triples and qualifiers as rows of words and labels, sorted, with their scores."""
    spans, triples, qualifiers = found.spans, found.triples, found.qualifiers
    of, label = np.indices(found.entity_scores.shape).reshape(2, -1)
    entities = np.column_stack([spans[of], label])
    facts = np.column_stack([spans[triples[:, 0]], triples[:, 1], spans[triples[:, 2]]])
    values = np.column_stack([facts[qualifiers[:, 0]], qualifiers[:, 1], spans[qualifiers[:, 2]]])
    scores = (found.entity_scores.ravel(), found.triple_scores, found.qualifier_scores)
    for rows, of_rows in zip((entities, facts, values), scores, strict=True):
        order = np.lexsort(rows.T[::-1])
        rows = rows[order]
        assert (rows[1:] != rows[:-1]).any(axis=1).all()  # each once
        yield rows, of_rows[order]


def same(one: Candidates, other: Candidates) -> None:
    """Both say the same, in whatever order, with the same scores."""
    for (rows, scores), (others, of_others) in zip(said(one), said(other), strict=True):
        np.testing.assert_array_equal(rows, others)
        np.testing.assert_allclose(scores, of_others, rtol=1e-6, atol=1e-4)


def unread_padding(head: Head) -> set[str]:
    """The losses of a window, which padding must not change."""
    short, padded = head.loss(make_states([6]), [GOLD]), head.loss(make_states([6], 9), [GOLD])
    for task, loss in short.items():
        torch.testing.assert_close(loss, padded[task])
    return set(short)


def trained_on_annotated_labels_alone(head: Head, kind: str) -> int:
    """Train with label 1 of a kind not annotated: it must not learn, and all others must.

    Returns how many parameters have a place for each label of the kind.
    """
    gold = GoldWindow(
        entities=tuple(e for e in GOLD.entities if kind != "entity_types" or e[2] != 1),
        triples=((4, 5, 0, 0, 2), (0, 2, 2, 3, 6)),
        qualifiers=(),
        **{**ALL, kind: ALL[kind] - {1}},
    )
    states = make_states([7, 7], seed=-5)
    torch.stack(list(head.train().loss(states, [gold, gold]).values())).sum().backward()
    parameters, axes = dict(head.named_parameters()), head.label_axes()
    trained = {name: kinds.index(kind) for name, kinds in axes.items() if kind in kinds}
    for name, axis in trained.items():
        grad = parameters[name].grad
        assert grad is not None
        changed = grad.movedim(axis, 0).reshape(grad.shape[axis], -1).ne(0).any(dim=1).tolist()
        assert changed == [label != 1 for label in range(grad.shape[axis])], name
    return len(trained)
