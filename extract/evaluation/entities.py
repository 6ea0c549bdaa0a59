"""Scores of entities: span and type, by sets or by seqeval."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from extract.evaluation.score import Score, by_label, check_pairs, check_words, micro
from extract.structures import Entity, Sentence


def entity_key(entity: Entity) -> tuple[int, int, str]:
    """What counts of an entity: first word, word after the last, type."""
    return entity.span.start_word, entity.span.end_word, entity.label


def entity_keys(sentence: Sentence) -> set[tuple[int, int, str]]:
    """What counts of the entities of a sentence."""
    return {entity_key(entity) for entity in sentence.entities}


def entity_score(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> Score:
    """Micro score of entities, span and type, for flat or nested spans."""
    check_pairs(gold, pred)
    return micro([entity_keys(s) for s in gold], [entity_keys(s) for s in pred])


def entity_scores_by_type(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> dict[str, Score]:
    """Score of each entity type that occurs in gold or predictions, types sorted."""
    check_pairs(gold, pred)
    sides = ([entity_keys(s) for s in gold], [entity_keys(s) for s in pred])
    return by_label(*sides, label=lambda key: key[2])


def entity_score_seqeval(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> Score:
    """Micro score of flat entities by seqeval, strict mode, IOB2 tags.

    Nakayama 2018, "seqeval: A Python framework for sequence labeling evaluation"; its strict mode
    counts what Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 Shared Task:
    Language-Independent Named Entity Recognition", count: span and type. Equal to `entity_score`
    wherever no spans overlap.

    Raises `ValueError` if two entities of a sentence share a word, which tags cannot express, or
    if paired sentences differ in their words.
    """
    # seqeval loads scikit-learn, which takes a second: only those who ask for it wait.
    from seqeval.scheme import IOB2, Entities

    check_words(gold, pred)
    labels = sorted({entity.label for s in (*gold, *pred) for entity in s.entities})
    # seqeval strips hyphens from the ends of labels, so labels are replaced by numbers.
    codes = {label: str(number) for number, label in enumerate(labels)}

    def chunks(sentences: Sequence[Sentence]) -> set[tuple[int, str, int, int]]:
        read = Entities([_iob2(sentence, codes) for sentence in sentences], IOB2)
        return {chunk.to_tuple() for chunk in itertools.chain.from_iterable(read.entities)}

    return Score.of(chunks(gold), chunks(pred))


def has_nested(sentences: Iterable[Sentence]) -> bool:
    """Whether any sentence has two different entities that share a word."""
    return any(_first_overlap(sentence) is not None for sentence in sentences)


def _first_overlap(sentence: Sentence) -> tuple[Entity, Entity] | None:
    """Two different entities that share a word, the first in text order."""
    entities = sorted({entity_key(e): e for e in sentence.entities}.values(), key=entity_key)
    # Sorted by start, an entity that overlaps any later one overlaps the next one.
    for left, right in itertools.pairwise(entities):
        if left.span.overlaps(right.span):
            return left, right
    return None


def _iob2(sentence: Sentence, codes: Mapping[str, str]) -> list[str]:
    """One IOB2 tag a word. Raises `ValueError` for entities that share a word."""
    overlap = _first_overlap(sentence)
    if overlap is not None:
        left, right = overlap
        raise ValueError(
            f"Entities {left.text!r} ({left.label}) and {right.text!r} ({right.label}) of sentence "
            f"{sentence.id!r} share a word. Expected flat entities: use entity_score for nested."
        )
    tags = ["O"] * len(sentence)
    for start, end, label in entity_keys(sentence):
        tags[start:end] = [f"B-{codes[label]}"] + [f"I-{codes[label]}"] * (end - start - 1)
    return tags
