"""Counts of gold, predicted and correct items, and the ratios made of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any

from extract.structures import Sentence


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of gold, predicted and correct items; ratios in [0, 1], 0 where undefined.

    Raises `ValueError` if more items are correct than there are.
    """

    n_gold: int = 0
    n_pred: int = 0
    n_correct: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.n_correct <= min(self.n_gold, self.n_pred):
            raise ValueError(
                "Expected 0 <= n_correct <= n_gold and n_pred, got "
                f"n_correct={self.n_correct}, n_gold={self.n_gold}, n_pred={self.n_pred}."
            )

    @classmethod
    def of(cls, gold: AbstractSet[Hashable], pred: AbstractSet[Hashable]) -> Score:
        """The score of a set of predicted items against a set of gold items."""
        return cls(len(gold), len(pred), len(gold & pred))

    @property
    def precision(self) -> float:
        """Share of the predicted items that are correct."""
        return self.n_correct / self.n_pred if self.n_pred else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold items that are predicted."""
        return self.n_correct / self.n_gold if self.n_gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.n_gold + self.n_pred
        return 2 * self.n_correct / total if total else 0.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.n_gold + other.n_gold,
            self.n_pred + other.n_pred,
            self.n_correct + other.n_correct,
        )

    def to_dict(self) -> dict[str, Any]:
        """Ratios as fractions in [0, 1], then the counts."""
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return ratios | asdict(self)


def check_pairs(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> None:
    """Raise `ValueError` unless there is one predicted sentence for each gold sentence."""
    if len(gold) != len(pred):
        raise ValueError(
            f"Got {len(gold)} gold and {len(pred)} predicted sentences. Expected one predicted "
            "sentence for each gold one, in the same order."
        )


def check_words(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> None:
    """Raise `ValueError` unless paired sentences have the same words, naming the first that differ.

    Ids are not compared: sentences are paired by position.
    """
    check_pairs(gold, pred)
    for number, (g, p) in enumerate(zip(gold, pred, strict=True), start=1):
        if g.words == p.words:
            continue
        if len(g) != len(p):
            found = f"{len(g)} gold and {len(p)} predicted words"
        else:
            place = next(i for i, (a, b) in enumerate(zip(g.words, p.words, strict=True)) if a != b)
            found = f"gold {g.words[place]!r} and predicted {p.words[place]!r} as word {place}"
        raise ValueError(
            f"Sentence {number} of {len(gold)} has {found}. Expected the same words: predict on "
            "the words of the gold sentences, in their order."
        )


def micro(gold: Sequence[AbstractSet[Any]], pred: Sequence[AbstractSet[Any]]) -> Score:
    """Counts added over all sentences, given the items of each sentence as a set."""
    return sum((Score.of(g, p) for g, p in zip(gold, pred, strict=True)), Score())


def by_label(
    gold: Sequence[AbstractSet[Any]],
    pred: Sequence[AbstractSet[Any]],
    label: Callable[[Any], str],
) -> dict[str, Score]:
    """Counts for each label of gold or predicted items, labels sorted.

    `gold` and `pred` hold the items of each sentence, `label` gives the label of an item.
    """
    scores: dict[str, Score] = {}
    for g, p in zip(gold, pred, strict=True):
        for item in g | p:
            found = Score(int(item in g), int(item in p), int(item in g and item in p))
            scores[label(item)] = scores.get(label(item), Score()) + found
    return dict(sorted(scores.items()))


def macro_f1(scores: Mapping[str, Score]) -> float:
    """Mean F1 over the labels that occur in gold, each weighing the same; 0 if none does."""
    values = [score.f1 for score in scores.values() if score.n_gold]
    return sum(values) / len(values) if values else 0.0
