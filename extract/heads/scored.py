"""What a head scores in training, as log-odds of cells, so that two heads can be compared on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from extract.heads.base import GoldWindow, WordStates
from extract.heads.cube import QualifierCube, TrainingSpans

LabelKind = Literal["entity_types", "relations", "qualifiers"]


@dataclass(frozen=True, slots=True)
class CellScores:
    """Log-odds (cells, labels) of cells, all of whose labels are of one kind.

    n_units: what a sum over the cells is to be divided by, as in the head's own loss.
    """

    labels: LabelKind
    scores: Tensor
    n_units: Tensor | int


@dataclass(frozen=True, slots=True)
class ScoredCells:
    """The spans and triples at which a batch was scored, and the scores.

    spans: gold and false spans of each window.
    triples: (triples, 4) of window, subject span, relation, object span, whose values were scored, if any.
        Their relations are numbered as in the schema of the head that chose them.
    cells: by what they stand for.
    """

    spans: TrainingSpans
    triples: Tensor | None
    cells: dict[str, CellScores]


@runtime_checkable
class ScoringHead(Protocol):
    """A head that tells what it scores in training and scores what another of its kind chose."""

    def scored_loss(
        self, states: WordStates, gold: Sequence[GoldWindow]
    ) -> tuple[dict[str, Tensor], ScoredCells]:
        """As `Head.loss`, with the scores that the losses were made from."""

    def scores_at(self, states: WordStates, at: ScoredCells) -> dict[str, CellScores]:
        """Its own scores of the same cells, in the same order.

        Args:
            at: spans and triples; relations of triples numbered as in this head's schema.
        """


def training_values(
    cube: QualifierCube,
    words: Tensor,
    spans: TrainingSpans,
    gold: Sequence[GoldWindow],
    false_triples: Sequence[tuple[int, int, int, int]],
) -> tuple[Tensor, Tensor | None, dict[str, CellScores]]:
    """As `QualifierCube.scored_values`: the loss, the triples whose values were scored, and their cells."""
    loss, scored = cube.scored_values(words, spans, gold, false_triples)
    if scored is None:
        return loss, None, {}
    values = CellScores("qualifiers", scored.scores, len(scored.triples))
    return loss, scored.triples, {"values": values}


def span_cells(scores: Tensor, mask: Tensor) -> CellScores:
    """The scores of all spans of real words, from (batch, first words, last words, entity_types)."""
    real = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu()
    return CellScores("entity_types", scores[real], mask.sum())
