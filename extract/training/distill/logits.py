"""The teacher's scores of the cells that the student is trained on."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from extract.errors import RecipeError
from extract.heads.base import WordStates
from extract.heads.scored import CellScores, LabelKind, ScoredCells, ScoringHead
from extract.model import ExtractionModel
from extract.schema import Schema


def bernoulli_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(sigma(t / T) || sigma(s / T)) of each cell and label: 0 where both say the same.

    Hinton, Vinyals and Dean 2015, Distilling the Knowledge in a Neural Network (soft targets, their
    temperature T, and the factor T^2 that keeps gradients' size).
    Differs from the paper: a cell may have several labels or none, so each label is a distribution of its
    own over yes and no, where the paper has one softmax over classes.

    Args:
        student, teacher: log-odds of one shape, which the result has.
    """
    student, teacher = student.float() / temperature, teacher.float() / temperature
    target = teacher.sigmoid()
    cross = binary_cross_entropy_with_logits(student, target, reduction="none")
    own = binary_cross_entropy_with_logits(teacher, target, reduction="none")
    return temperature**2 * (cross - own)


class LogitsLoss:
    """Divergence of the student's scores from the teacher's, at the spans, pairs and triples of its own loss.

    Labels are matched by name; others do not count. Sums are divided as in the head's own loss.

    Raises `RecipeError` if the heads are of different kinds, do not tell their scores, or share no label.
    """

    def __init__(
        self, student: ExtractionModel, teacher: ExtractionModel, temperature: float
    ) -> None:
        ours, theirs = student.settings.head.name, teacher.settings.head.name
        if ours != theirs or not isinstance(student.head, ScoringHead):
            raise RecipeError(
                "distill.logits compares scores of two heads of one kind, 'table', what is made from it, or "
                f"'span_pairs', got {ours!r} taught by {theirs!r}. Set distill.logits = 0, and distill.ted "
                "or distill.relations instead."
            )
        self.temperature = temperature
        self.head = teacher.head
        self.places = {
            kind: _shared(_names(student.schema, kind), _names(teacher.schema, kind))
            for kind in ("entity_types", "relations", "qualifiers")
        }
        if not any(len(ours) for ours, _ in self.places.values()):
            raise RecipeError(
                "distill.logits needs a teacher that knows some label of the recipe's corpora; it knows none."
            )
        # Triples are scored with their relations: the teacher must know each of them.
        names = _names(student.schema, "relations")
        known = {name: at for at, name in enumerate(_names(teacher.schema, "relations"))}
        self.relations = torch.tensor([known.get(name, -1) for name in names], dtype=torch.long)
        self.knows_relations = bool((self.relations >= 0).all())

    def __call__(self, scored: ScoredCells, states: WordStates) -> Tensor:
        """The loss, a scalar.

        Args:
            scored: by the student in training.
            states: the teacher's.
        """
        triples = None
        if scored.triples is not None and self.knows_relations:
            triples = scored.triples.clone()
            triples[:, 2] = self.relations.to(triples.device)[triples[:, 2]]
        with torch.no_grad():
            told = self.head.scores_at(states, replace(scored, triples=triples))  # type: ignore[operator]
        terms = [self._term(own, told[name]) for name, own in scored.cells.items() if name in told]
        return torch.stack(terms).sum()

    def _term(self, own: CellScores, told: CellScores) -> Tensor:
        ours, theirs = self.places[own.labels]
        every = len(ours) == own.scores.shape[1] == told.scores.shape[1] and ours == theirs
        mine = own.scores if every else own.scores[:, ours]
        wanted = told.scores if every else told.scores[:, theirs]
        return bernoulli_divergence(mine, wanted, self.temperature).sum() / own.n_units


def _names(schema: Schema, kind: LabelKind) -> list[str]:
    if kind == "entity_types":
        return schema.entity_names
    return schema.relation_names if kind == "relations" else schema.qualifier_names


def _shared(ours: list[str], theirs: list[str]) -> tuple[list[int], list[int]]:
    """Places of the labels that both name."""
    both = [(at, theirs.index(name)) for at, name in enumerate(ours) if name in theirs]
    return [at for at, _ in both], [at for _, at in both]
