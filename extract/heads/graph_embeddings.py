"""Embeddings of a graph's entities, learned from its triples by PyKEEN.

Sources: Yang et al. 2015, Embedding Entities and Relations for Learning and Inference in Knowledge Bases
(DistMult); Bordes et al. 2013, Translating Embeddings for Modeling Multi-relational Data (TransE); Ali et
al. 2021, PyKEEN 1.0: A Python Library for Training and Evaluating Knowledge Graph Embeddings.
Differs from the papers: only what PyKEEN's own defaults do.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from extract.errors import RecipeError
from extract.triple_learning import kept_apart, need_pykeen

GraphModel = Literal["distmult", "transe"]
_BATCH = 128  # triples a step
_LEARNING_RATE = 0.01


def graph_embeddings(
    triples: Tensor,
    n_entities: int,
    n_relations: int,
    *,
    model: GraphModel,
    width: int,
    epochs: int,
    seed: int,
) -> Tensor:
    """One vector an entity, (entities, width), with a root mean square of 1; learned on the CPU.

    The same arguments give the same vectors, and no random state outside changes.

    Args:
        triples: (triples, 3) of subject, relation, object.
        epochs: passes over the triples.

    Raises `RecipeError` if PyKEEN is not installed.
    """
    need_pykeen("Embeddings of training triples need", RecipeError)
    from pykeen.models import DistMult, TransE
    from pykeen.training import SLCWATrainingLoop
    from pykeen.triples import CoreTriplesFactory

    with kept_apart():
        factory = CoreTriplesFactory.create(triples, n_entities, n_relations)
        learner = {"distmult": DistMult, "transe": TransE}[model](
            triples_factory=factory, embedding_dim=width, random_seed=seed
        )
        optimizer = torch.optim.Adam(learner.get_grad_params(), lr=_LEARNING_RATE)
        loop = SLCWATrainingLoop(model=learner, triples_factory=factory, optimizer=optimizer)
        loop.train(factory, num_epochs=epochs, batch_size=_BATCH, use_tqdm=False, pin_memory=False)
        vectors: Tensor = learner.entity_representations[0](indices=None).detach()
    return vectors / vectors.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-6)
