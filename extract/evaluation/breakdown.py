"""Relation scores by the kind of sentence and the kind of triple."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from extract.errors import one_of
from extract.evaluation.relations import relation_scores_by_label, triple_key, triple_keys
from extract.evaluation.score import Score, check_pairs
from extract.structures import Sentence, Span, Triple

SpanMatching: TypeAlias = Literal["boundary", "strict"]

OVERLAP_CLASSES = ("no triples", "normal", "same pair", "shared entity")
SENTENCE_SIZES = ("0", "1", "2", "3", "4", "5+")
DISTANCES = ("0", "1-3", "4-7", "8-15", "16-31", "32+")
_LAST_OF_CLASS = (0, 3, 7, 15, 31)  # words, for each of DISTANCES but the last


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Scores of triples under one matching rule, split four ways; empty classes are left out.

    - `by_overlap`: how the gold triples of the sentence overlap (`overlap_classes`). A sentence
      can be both `same pair` and `shared entity`, so these do not add up to the total.
    - `by_n_triples`: the number of gold triples of the sentence. Adds up to the total.
    - `by_distance`: words between subject and object of the triple itself. Adds up to the total.
    - `by_relation`: adds up to the total.
    """

    matching: SpanMatching
    by_overlap: dict[str, Score]
    by_n_triples: dict[str, Score]
    by_distance: dict[str, Score]
    by_relation: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """The breakdown as plain values."""
        parts = ("by_overlap", "by_n_triples", "by_distance", "by_relation")
        return {"matching": self.matching} | {
            part: {name: score.to_dict() for name, score in getattr(self, part).items()}
            for part in parts
        }


def break_down(
    gold: Sequence[Sentence], pred: Sequence[Sentence], matching: SpanMatching = "boundary"
) -> Breakdown:
    """Split the relation score of `matching` by overlap, triples a sentence, distance, relation.

    Raises `ValueError` for a matching that does not compare spans and for sentences that do not
    pair up.
    """
    if matching not in ("boundary", "strict"):
        raise ValueError(one_of("matching of a breakdown", matching, ["boundary", "strict"]))
    check_pairs(gold, pred)
    return Breakdown(
        matching=matching,
        by_overlap=_by_sentence(gold, pred, matching, overlap_classes, OVERLAP_CLASSES),
        by_n_triples=_by_sentence(gold, pred, matching, _size_class, SENTENCE_SIZES),
        by_distance=_by_distance(gold, pred, matching),
        by_relation=relation_scores_by_label(gold, pred, matching),
    )


def overlap_classes(sentence: Sentence) -> tuple[str, ...]:
    """The classes of a gold sentence: `normal`, or `same pair` and `shared entity`, one or both.

    - `normal`: no two triples share an entity.
    - `same pair` (EPO): two triples have the same subject and the same object.
    - `shared entity` (SEO): two triples with different (subject, object) pairs share an entity.
    - `no triples`: not in the paper.

    Zeng et al. 2018, "Extracting Relational Facts by an End-to-End Neural Model with Copy
    Mechanism"; pairs are ordered, as in the authors' program. Differs from the paper:
    entities are told apart by their place in the sentence and not by their text, and a fact that
    a sentence lists twice is one triple, where the program calls that `same pair`.
    """
    facts = triple_keys(sentence, "boundary")
    if not facts:
        return ("no triples",)
    pairs = {(subject, object_) for subject, _, object_ in facts}
    entities = {entity for pair in pairs for entity in pair}
    same_pair = len(pairs) < len(facts)
    shared_entity = len(entities) < 2 * len(pairs)
    if not same_pair and not shared_entity:
        return ("normal",)
    return ("same pair",) * same_pair + ("shared entity",) * shared_entity


def word_distance(first: Span, second: Span) -> int:
    """The number of words between two spans; 0 if they touch or overlap."""
    return max(0, second.start_word - first.end_word, first.start_word - second.end_word)


def _size_class(sentence: Sentence) -> tuple[str, ...]:
    return (SENTENCE_SIZES[min(len(triple_keys(sentence, "boundary")), 5)],)


def _distance_class(triple: Triple) -> str:
    distance = word_distance(triple.subject.span, triple.object.span)
    return DISTANCES[bisect_left(_LAST_OF_CLASS, distance)]


def _by_sentence(
    gold: Sequence[Sentence],
    pred: Sequence[Sentence],
    matching: SpanMatching,
    classes: Callable[[Sentence], tuple[str, ...]],
    order: tuple[str, ...],
) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for g, p in zip(gold, pred, strict=True):
        found = Score.of(triple_keys(g, matching), triple_keys(p, matching))
        for name in classes(g):
            scores[name] = scores.get(name, Score()) + found
    return {name: scores[name] for name in order if name in scores}


def _by_distance(
    gold: Sequence[Sentence], pred: Sequence[Sentence], matching: SpanMatching
) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for g, p in zip(gold, pred, strict=True):
        sides = [{(triple_key(t, matching), _distance_class(t)) for t in s.triples} for s in (g, p)]
        for name in {name for side in sides for _, name in side}:
            here = [{key for key, distance in side if distance == name} for side in sides]
            scores[name] = scores.get(name, Score()) + Score.of(*here)
    return {name: scores[name] for name in DISTANCES if name in scores}
