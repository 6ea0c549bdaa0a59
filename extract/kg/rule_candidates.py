"""Rule bodies that a model's relation vectors suggest, to be scored on the graph by `rules.mine`.

Where statements b1(X, Z) and b2(Z, Y) imply h(X, Y), a model that scores by products makes the elementwise
product of the vectors of b1 and b2 resemble that of h. So each head takes the `k` bodies nearest to it.
A relation read backwards has the complex conjugate of its vector, which for real vectors is the vector
itself: DistMult cannot tell ways apart and suggests all of them, ComplEx and RotatE can.

Source: Yang et al. 2015, Embedding Entities and Relations for Learning and Inference in Knowledge Bases.
Differs from the paper: vectors have unit length before and after; complex vectors; statements read backwards;
bodies that no path of the graph has are left out instead of those whose types do not meet; what is suggested
is then scored by its confidence on the graph, not by the distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from extract.kg.indexed import Floats
from extract.kg.rules import Body

Vectors = npt.NDArray[Any]


def suggest(vectors: Vectors, k: int) -> list[Body]:
    """The bodies nearest to any head: `k` of one statement and `k` of two a head, each body once.

    `vectors` are those of the relations, (relations, width), real or complex.
    """
    n = len(vectors)
    steps = np.stack([vectors, np.conj(vectors)], axis=1).reshape(2 * n, -1)  # (steps, width)
    steps, heads = _unit(steps), _unit(vectors)
    found: dict[Body, None] = {}
    for step in _nearest(_likeness(steps, heads), k):
        found[(_step(step),)] = None
    products = _unit((steps[:, None] * steps[None]).reshape(4 * n * n, -1))
    for pair in _nearest(_likeness(products, heads), k):
        first, second = divmod(pair, 2 * n)
        found[_step(first), _step(second)] = None
    return list(found)


def _step(number: int) -> tuple[int, bool]:
    return number // 2, bool(number % 2)


def _unit(vectors: Vectors) -> Vectors:
    found: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return found


def _likeness(bodies: Vectors, heads: Vectors) -> Floats:
    """(bodies, heads): the cosine of each body and head."""
    found: Floats = (bodies @ np.conj(heads).T).real.astype(np.float64)
    return found


def _nearest(likeness: Floats, k: int) -> list[int]:
    """The bodies among the `k` likest of any head."""
    k = min(k, len(likeness))
    best = np.argpartition(-likeness, k - 1, axis=0)[:k]
    found: list[int] = np.unique(best).tolist()
    return found
