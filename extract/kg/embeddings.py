"""Names of one document whose embeddings are close.

An encoder's last states, averaged over a name's pieces and brought to length 1, as for the sentence encoders
of Reimers and Gurevych 2019, Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from extract.kg.entities import BaseEntities, BaseEntity
from extract.kg.structures import Merge
from extract.kg.votes import merge_of

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = 64  # names at once
_ROWS = 1000  # names of a document compared at once with all of it
_MAX_PIECES = 64  # of a name; what comes after says little about what it names


def close_embeddings(bases: BaseEntities, encoder: str, threshold: float) -> Iterator[Merge]:
    """Pairs in one document whose cosine reaches the threshold and whose types are alike.

    Close embeddings say that two names are of similar things, so only a document's own names are compared:
    across documents there would always be some that are close enough.
    Raises `ModelError` if there is no such encoder.
    """
    surfaces = sorted({base.surface for base in bases.values()})
    vectors = dict(zip(surfaces, embed(surfaces, encoder), strict=True))
    found: dict[tuple[str, str], Merge] = {}
    for own in bases.by_document.values():
        for one, other, cosine in _close(
            own, np.stack([vectors[b.surface] for b in own]), threshold
        ):
            if bases.alike(one, other):
                because = f"{one.surface!r} and {other.surface!r} have a cosine of {cosine:.2f}"
                merge = merge_of(one, other, "embedding", because, round(min(cosine, 1.0), 4))
                found[merge.left, merge.right] = merge
    yield from (found[pair] for pair in sorted(found))


def _close(
    bases: Sequence[BaseEntity], vectors: npt.NDArray[np.float32], threshold: float
) -> Iterator[tuple[BaseEntity, BaseEntity, float]]:
    for start in range(0, len(bases), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors.T  # (rows, names)
        for row, column in np.argwhere(cosines >= threshold):
            if start + row < column:
                yield bases[start + row], bases[column], float(cosines[row, column])


def embed(names: Sequence[str], encoder: str) -> npt.NDArray[np.float32]:
    """Unit vectors of names: (names, hidden). Raises `ModelError` if there is no such encoder."""
    import torch

    from extract.encoder.pretrained import PretrainedEncoder, load_tokenizer

    network = PretrainedEncoder(encoder, trainable=False).eval()
    tokenizer = load_tokenizer(encoder).backend_tokenizer
    pieces = [tokenizer.encode(name).ids[:_MAX_PIECES] for name in names]
    vectors = np.zeros((len(names), network.hidden), dtype=np.float32)
    # Batches of names of one length need no padding, so no name's vector depends on others'.
    order = sorted(range(len(names)), key=lambda i: len(pieces[i]))
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            for length in sorted({len(pieces[i]) for i in rows}):
                same = [i for i in rows if len(pieces[i]) == length]
                vectors[same] = _mean_states(network, torch.tensor([pieces[i] for i in same]))
    return vectors


def _mean_states(network: object, ids: Tensor) -> npt.NDArray[np.float32]:
    import torch

    states = network(ids, torch.ones_like(ids), torch.zeros_like(ids)).layers[-1]  # type: ignore[operator]
    means = torch.nn.functional.normalize(states.mean(dim=1), dim=-1)  # (names, hidden)
    return np.asarray(means.numpy(), dtype=np.float32)
