"""Candidates of several models as one set, each fact scored by learned weights of the models' scores.

A fact's stacked log-odds are

    intercept + Σ_m (slope_m · score_m  if model m proposes the fact, else absent_m)

with weights for entities, for triples (of all relations, or of each), and for qualifiers. They are
fitted by `training.stack_weights`; what is stacked is calibrated and decoded like any candidates.

Sources: Wolpert 1992, Stacked Generalization; for weights a relation, Yue et al. 2023, Relation-aware
Ensemble Learning for Knowledge Graph Embedding.
Differs from the papers: facts that a model does not propose have a weight of their own; Yue et al.
search weights of ranks, relation by relation, where these are of log-odds and learnt together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from extract.decode.candidates import Candidates, Floats, Ints

SURE = 30.0  # log-odds beyond which a score counts as no surer: keeps sums finite


@dataclass(frozen=True, slots=True)
class Aligned:
    """What several models say of the facts that any of them proposes; NaN where one does not.

    spans: (spans, 2), sorted; triples: (triples, 3) and qualifiers: (qualifiers, 3), as in `Candidates`.
    entity_scores: (models, spans, entity_types).
    triple_scores: (models, triples).
    qualifier_scores: (models, qualifiers).
    """

    spans: Ints
    entity_scores: Floats
    triples: Ints
    triple_scores: Floats
    qualifiers: Ints
    qualifier_scores: Floats


def align(parts: Sequence[Candidates]) -> Aligned:
    """The facts of one sentence's candidates, one set a model, each fact once.

    Raises `ValueError` for an empty sequence.
    """
    if not parts:
        raise ValueError("Expected at least one set of candidates to align, got none.")
    # Each fact is one number, so that equal facts of several models are found by sorting.
    n_words = 1 + max(int(part.spans.max(initial=0)) for part in parts)
    spans, span_rows = _united([p.spans @ np.array([n_words, 1]) for p in parts])
    n_spans = max(1, len(spans))
    n_relations = 1 + max(int(part.triples[:, 1].max(initial=0)) for part in parts)
    codes = []
    for part, rows in zip(parts, span_rows, strict=True):
        subject, relation, object_ = part.triples.T
        codes.append((rows[subject] * n_relations + relation) * n_spans + rows[object_])
    triples, triple_rows = _united(codes)
    n_labels = 1 + max(int(part.qualifiers[:, 1].max(initial=0)) for part in parts)
    codes = []
    for part, rows, of in zip(parts, span_rows, triple_rows, strict=True):
        triple, label, value = part.qualifiers.T
        codes.append((of[triple] * n_labels + label) * n_spans + rows[value])
    qualifiers, qualifier_rows = _united(codes)
    pairs, objects = np.divmod(triples, n_spans)
    labels, values = np.divmod(qualifiers, n_spans)
    n_types = parts[0].entity_scores.shape[1]
    return Aligned(
        np.stack(np.divmod(spans, n_words), axis=1),
        _placed([p.entity_scores for p in parts], span_rows, (len(spans), n_types)),
        np.stack([*np.divmod(pairs, n_relations), objects], axis=1),
        _placed([p.triple_scores for p in parts], triple_rows, (len(triples),)),
        np.stack([*np.divmod(labels, n_labels), values], axis=1),
        _placed([p.qualifier_scores for p in parts], qualifier_rows, (len(qualifiers),)),
    )


def _united(codes: list[Ints]) -> tuple[Ints, list[Ints]]:
    """All codes, sorted, each once; and for each list the rows of its codes among them."""
    every, rows = np.unique(np.concatenate(codes), return_inverse=True)
    return every, np.split(rows, np.cumsum([len(own) for own in codes])[:-1])


def _placed(scores: list[Floats], rows: list[Ints], shape: tuple[int, ...]) -> Floats:
    """(models, *shape): each model's scores at their rows, NaN elsewhere."""
    placed = np.full((len(scores), *shape), np.nan, np.float32)
    for model, (own, at) in enumerate(zip(scores, rows, strict=True)):
        placed[model, at] = own
    return placed


class LinearWeights(BaseModel):
    """How the scores of several models add up; see the module's docstring."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    slopes: tuple[float, ...] = Field(min_length=1, description="of each model's log-odds")
    absent: tuple[float, ...] = Field(
        description="log-odds added for each model that does not propose the fact"
    )
    intercept: float = 0.0

    @model_validator(mode="after")
    def _one_a_model(self) -> LinearWeights:
        if len(self.slopes) != len(self.absent):
            raise ValueError(
                f"expected as many absent values as slopes, got {len(self.absent)} and {len(self.slopes)}"
            )
        return self


class StackWeights(BaseModel):
    """The weights of a stack of models."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    entity: LinearWeights
    triple: LinearWeights = Field(description="of relations without weights of their own")
    qualifier: LinearWeights
    relations: tuple[LinearWeights, ...] = Field(
        (), description="of the triples of each relation of the schema; empty: `triple` for all"
    )

    @model_validator(mode="after")
    def _same_models(self) -> StackWeights:
        every = (self.entity, self.triple, self.qualifier, *self.relations)
        if len({len(weights.slopes) for weights in every}) > 1:
            raise ValueError("expected weights of the same number of models for every kind of fact")
        return self

    @classmethod
    def identity(cls) -> StackWeights:
        """Weights that leave the scores of a single model as they are."""
        same = LinearWeights(slopes=(1.0,), absent=(0.0,))
        return cls(entity=same, triple=same, qualifier=same)

    @property
    def n_models(self) -> int:
        """How many sets of candidates are stacked."""
        return len(self.entity.slopes)

    def apply(self, parts: Sequence[Candidates]) -> Candidates:
        """One sentence's candidates, one set a model in the order of the weights, as one set.

        Every fact that any model proposes is in it, with its stacked log-odds. Raises `ValueError`
        for another number of sets than there are models.
        """
        if len(parts) != self.n_models:
            raise ValueError(f"Expected candidates of {self.n_models} models, got {len(parts)}.")
        found = align(parts)
        relation = found.triples[:, 1]
        triple = [self.triple] if not self.relations else list(self.relations)
        chosen = relation if self.relations else np.zeros_like(relation)
        return Candidates(
            found.spans,
            _summed(found.entity_scores, [self.entity], np.zeros(1, np.int64)),
            found.triples,
            _summed(found.triple_scores, triple, chosen),
            found.qualifiers,
            _summed(found.qualifier_scores, [self.qualifier], np.zeros(1, np.int64)),
        )


def _summed(scores: Floats, weights: list[LinearWeights], chosen: Ints) -> Floats:
    """(models, facts, ...) to (facts, ...).

    Args:
        chosen: (facts,) or (1,), which of the weights each fact takes.
    """
    shape = (-1, *[1] * (scores.ndim - 2))
    total = np.array([w.intercept for w in weights])[chosen].reshape(shape)
    total = np.broadcast_to(total, scores.shape[1:]).copy()
    for model, own in enumerate(scores):
        slope = np.array([w.slopes[model] for w in weights])[chosen].reshape(shape)
        absent = np.array([w.absent[model] for w in weights])[chosen].reshape(shape)
        total += np.where(np.isnan(own), absent, slope * np.clip(own, -SURE, SURE))
    return total.astype(np.float32)
