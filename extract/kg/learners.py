"""Models that learn a graph's triples, trained by PyKEEN on the CPU.

Sources:
- DistMult: Yang et al. 2015, Embedding Entities and Relations for Learning and Inference in Knowledge Bases;
- ComplEx: Trouillon et al. 2016, Complex Embeddings for Simple Link Prediction;
- TransE: Bordes et al. 2013, Translating Embeddings for Modeling Multi-relational Data;
- TransF: Feng et al. 2016, Knowledge Graph Embedding by Flexible Translation;
- RotatE: Sun et al. 2019, RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space;
- R-GCN: Schlichtkrull et al. 2018, Modeling Relational Data with Graph Convolutional Networks.
Differs from the papers: losses, widths and negatives are those of `RECIPES`, chosen for graphs of a few
thousand nodes on one core. Ruffinelli et al. 2020, You CAN Teach an Old Dog New Tricks! On Training Knowledge
Graph Embeddings, found that such choices matter more than the model does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from extract.errors import InputError, one_of
from extract.kg.indexed import Floats, IndexedGraph, Ints
from extract.triple_learning import kept_apart, need_pykeen

_ROWS = 8192  # triples scored at once


@dataclass(frozen=True, slots=True)
class LearnerRecipe:
    """How one model is trained, on negatives that replace the subject or the object of a triple by chance.

    Args:
        model: the class in `pykeen.models`.
        width: numbers a node; of complex models, complex numbers.
        loss: "softmax" of a triple's score and those of its negatives (van den Oord et al. 2018,
            Representation Learning with Contrastive Predictive Coding), for products, or "margin", that
            of RotatE's paper, for distances.
        epochs: passes over the triples.
        batch: triples a step.
        rate: step size of Adam.
        negatives: a triple.
        margin: of the loss "margin", on scores that are negative distances.
        decay: of the weights, decoupled and relative to the step size.
        further: arguments of the class.
    """

    model: str
    width: int
    loss: Literal["softmax", "margin"]
    epochs: int
    batch: int = 512
    rate: float = 0.01
    negatives: int = 16
    margin: float = 9.0
    decay: float = 0.0
    further: dict[str, Any] = field(default_factory=dict)


# What the classes do of themselves, unit vectors and penalties, would keep products too small to learn.
_FREE = {"entity_constrainer": None, "regularizer": None}
_SMALL = {
    "entity_initializer": "xavier_uniform",
    "relation_initializer": "xavier_uniform",
    "regularizer": None,
}
RECIPES: dict[str, LearnerRecipe] = {
    "distmult": LearnerRecipe("DistMult", 64, "softmax", 30, decay=0.5, further=_FREE),
    "complex": LearnerRecipe("ComplEx", 32, "softmax", 30, decay=0.5, further=_SMALL),
    "transe": LearnerRecipe("TransE", 64, "margin", 30),
    "transf": LearnerRecipe("TransF", 64, "softmax", 30, rate=0.05, decay=0.5),
    "rotate": LearnerRecipe("RotatE", 32, "margin", 30, rate=0.05, margin=3.0),
    "rgcn": LearnerRecipe("RGCN", 64, "softmax", 30, batch=4096),
}


@dataclass(frozen=True)
class Learner:
    """A trained model; a `Scorer`. `vectors` are its relations', (relations, width), real or complex."""

    name: str
    model: Any
    vectors: npt.NDArray[Any]

    def objects(self, subjects: Ints, relations: Ints) -> Floats:
        """(queries, nodes): scores of all nodes as objects."""
        return self._scored(self.model.score_t, subjects, relations)

    def subjects(self, relations: Ints, objects: Ints) -> Floats:
        """(queries, nodes): scores of all nodes as subjects."""
        return self._scored(self.model.score_h, relations, objects)

    def relations(self, subjects: Ints, objects: Ints) -> Floats:
        """(queries, relations): scores of all relations."""
        return self._scored(self.model.score_r, subjects, objects)

    def triples(self, triples: Ints) -> Floats:
        """(triples,): scores of triples (triples, 3)."""
        parts = [
            self._numbers(self.model.score_hrt(torch.from_numpy(triples[at : at + _ROWS]))[:, 0])
            for at in range(0, len(triples), _ROWS)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _scored(self, score: Any, first: Ints, second: Ints) -> Floats:
        return self._numbers(score(torch.from_numpy(np.stack([first, second], axis=1))))

    @staticmethod
    def _numbers(scores: Tensor) -> Floats:
        found: Floats = scores.detach().numpy().astype(np.float64)
        return found


def learn(
    name: str,
    graph: IndexedGraph,
    rows: Ints | None = None,
    *,
    seed: int = 0,
    threads: int | None = None,
    epochs: int | None = None,
) -> Learner:
    """Train the model `name` of `RECIPES` on triples of a graph; the same arguments give the same model.

    Args:
        rows: of the graph's triples, those to learn; None: all.
        threads: CPU threads; None leaves PyTorch's setting.
        epochs: instead of the recipe's.

    Raises `InputError` for an unknown model, for no triples, and if PyKEEN is not installed.
    """
    if name not in RECIPES:
        raise InputError(one_of("completion model", name, list(RECIPES)))
    triples = graph.triples if rows is None else graph.triples[rows]
    if not len(triples):
        raise InputError("Expected statements between nodes to learn from, got none.")
    need_pykeen("Models of a graph need", InputError)
    from pykeen.triples import CoreTriplesFactory

    recipe = RECIPES[name]
    with kept_apart(threads):
        factory = CoreTriplesFactory.create(
            torch.from_numpy(triples), graph.n_nodes, graph.n_relations
        )
        model = _model(recipe, factory, seed)
        _train(model, recipe, factory, epochs if epochs is not None else recipe.epochs)
        model.eval()
        with torch.inference_mode():
            vectors = model.relation_representations[0](indices=None).detach().numpy().copy()
    return Learner(name, model, vectors.reshape(len(vectors), -1))


def _model(recipe: LearnerRecipe, factory: Any, seed: int) -> Any:
    import pykeen.models
    from pykeen.losses import InfoNCELoss, NSSALoss

    loss = (
        InfoNCELoss(margin=0.0, log_adversarial_temperature=0.0)
        if recipe.loss == "softmax"
        else NSSALoss(margin=recipe.margin, adversarial_temperature=1.0)
    )
    return getattr(pykeen.models, recipe.model)(
        triples_factory=factory,
        embedding_dim=recipe.width,
        loss=loss,
        random_seed=seed,
        **recipe.further,
    )


def _train(model: Any, recipe: LearnerRecipe, factory: Any, epochs: int) -> None:
    from pykeen.training import SLCWATrainingLoop

    optimizer = torch.optim.Adam(
        model.get_grad_params(),
        lr=recipe.rate,
        weight_decay=recipe.decay,
        decoupled_weight_decay=True,  # PyKEEN makes it anew from its defaults, which AdamW refuses
    )
    loop = SLCWATrainingLoop(
        model=model,
        triples_factory=factory,
        optimizer=optimizer,
        negative_sampler_kwargs={"num_negs_per_pos": recipe.negatives},
    )
    loop.train(
        factory, num_epochs=epochs, batch_size=recipe.batch, use_tqdm=False, pin_memory=False
    )
