"""Error analysis: what kind of mistake each wrong or missing triple is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from extract.evaluation.relations import triple_key
from extract.evaluation.score import check_pairs
from extract.structures import Sentence, Span, Triple

ErrorKind: TypeAlias = Literal[
    "wrong type", "swapped direction", "wrong relation", "wrong span", "missing", "spurious"
]

ERROR_RULES: dict[ErrorKind, str] = {
    "wrong type": "spans and relation right, a type wrong",
    "swapped direction": "spans and relation right, subject and object exchanged",
    "wrong relation": "both spans right, relation wrong",
    "wrong span": "relation right, both spans overlap the gold ones, a span wrong",
    "missing": "gold triple that no prediction comes near",
    "spurious": "predicted triple that comes near no gold one",
}


@dataclass(frozen=True, slots=True)
class RelationError:
    """One mistake. `gold` is None for a spurious triple, `pred` for a missing one.

    `sentence` is the position of the sentence in the evaluated sequence, from 0.
    """

    kind: ErrorKind
    sentence: int
    words: tuple[str, ...]
    gold: Triple | None
    pred: Triple | None

    def to_dict(self) -> dict[str, Any]:
        """The mistake as plain values; the words are joined by blanks."""
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "text": " ".join(self.words),
            "gold": None if self.gold is None else _describe(self.gold),
            "predicted": None if self.pred is None else _describe(self.pred),
        }


@dataclass(frozen=True, slots=True)
class RelationErrors:
    """Mistakes counted by kind, every kind present, with the first few of each kind.

    All kinds but `spurious` stand for one gold triple, all but `missing` for one predicted one:
    with the correct triples they add up to all gold and all predicted triples.
    """

    n_correct: int
    counts: dict[ErrorKind, int]
    examples: tuple[RelationError, ...]

    def to_dict(self) -> dict[str, Any]:
        """Counts and examples as plain values."""
        return {
            "n_correct": self.n_correct,
            "counts": dict(self.counts),
            "examples": [example.to_dict() for example in self.examples],
        }


def relation_errors(
    gold: Sequence[Sentence], pred: Sequence[Sentence], max_examples: int = 5
) -> RelationErrors:
    """Sort every triple that is not right under strict matching into one kind of mistake.

    Within a sentence each wrong prediction is paired with at most one missed gold triple, by the
    first rule of `ERROR_RULES` that fits, and by most shared words where several gold triples
    fit. At most `max_examples` of each kind are kept as examples.

    Raises `ValueError` for sentences that do not pair up.
    """
    check_pairs(gold, pred)
    counts: dict[ErrorKind, int] = dict.fromkeys(ERROR_RULES, 0)
    examples: list[RelationError] = []
    n_correct = 0
    for number, (g, p) in enumerate(zip(gold, pred, strict=True)):
        correct, mistakes = _compare(g, p)
        n_correct += correct
        for kind, gold_triple, pred_triple in mistakes:
            counts[kind] += 1
            if counts[kind] <= max_examples:
                words = tuple(g.words)
                examples.append(RelationError(kind, number, words, gold_triple, pred_triple))
    order = list(ERROR_RULES)
    examples.sort(key=lambda example: order.index(example.kind))
    return RelationErrors(n_correct, counts, tuple(examples))


_Mistake: TypeAlias = tuple[ErrorKind, Triple | None, Triple | None]


def _compare(gold: Sentence, pred: Sentence) -> tuple[int, list[_Mistake]]:
    """The number of correct triples and the mistakes of one sentence."""
    gold_triples = {triple_key(t, "strict"): t for t in reversed(gold.triples)}
    pred_triples = {triple_key(t, "strict"): t for t in reversed(pred.triples)}
    shared = gold_triples.keys() & pred_triples.keys()
    # Sorted by place, so that the pairing does not depend on the order of the triples.
    missed = sorted((t for k, t in gold_triples.items() if k not in shared), key=_place)
    wrong = sorted((t for k, t in pred_triples.items() if k not in shared), key=_place)
    mistakes: list[_Mistake] = []
    for kind, fits in _PAIRING_RULES.items():
        for p in list(wrong):
            candidates = [g for g in missed if fits(g, p)]
            if candidates:
                nearest = max(candidates, key=lambda g: _n_shared_words(g, p))
                missed.remove(nearest)
                wrong.remove(p)
                mistakes.append((kind, nearest, p))
    mistakes += [("missing", g, None) for g in missed]
    mistakes += [("spurious", None, p) for p in wrong]
    return len(shared), mistakes


def _place(triple: Triple) -> tuple[Any, ...]:
    return triple_key(triple, "strict")


def _spans(triple: Triple) -> tuple[Span, Span]:
    return triple.subject.span, triple.object.span


def _wrong_type(gold: Triple, pred: Triple) -> bool:
    return triple_key(gold, "boundary") == triple_key(pred, "boundary")


def _swapped_direction(gold: Triple, pred: Triple) -> bool:
    return gold.relation == pred.relation and _spans(gold) == _spans(pred)[::-1]


def _wrong_relation(gold: Triple, pred: Triple) -> bool:
    return _spans(gold) == _spans(pred)


def _wrong_span(gold: Triple, pred: Triple) -> bool:
    near = all(g.overlaps(p) for g, p in zip(_spans(gold), _spans(pred), strict=True))
    return gold.relation == pred.relation and near


_PAIRING_RULES: dict[ErrorKind, Callable[[Triple, Triple], bool]] = {
    "wrong type": _wrong_type,
    "swapped direction": _swapped_direction,
    "wrong relation": _wrong_relation,
    "wrong span": _wrong_span,
}


def _n_shared_words(gold: Triple, pred: Triple) -> int:
    return sum(
        max(0, min(g.end_word, p.end_word) - max(g.start_word, p.start_word))
        for g, p in zip(_spans(gold), _spans(pred), strict=True)
    )


def _describe(triple: Triple) -> dict[str, str]:
    return {
        "subject": f"{triple.subject.text} ({triple.subject.label})",
        "relation": triple.relation,
        "object": f"{triple.object.text} ({triple.object.label})",
    }
