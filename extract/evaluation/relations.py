"""Scores of triples under four matching rules, and of triples with their qualifiers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from extract.errors import one_of
from extract.evaluation.entities import entity_key
from extract.evaluation.score import Score, by_label, check_pairs, micro
from extract.structures import Sentence, Triple

Matching: TypeAlias = Literal["boundary", "strict", "partial", "exact"]
HyperMatching: TypeAlias = Literal["triplet", "quintuplet"]

# What a matching rule compares of a triple: subject, relation, object.
TripleKey: TypeAlias = tuple[Hashable, str, Hashable]

# For each sentence, gold (subject, relation, object) texts that no span of it stands for.
Unaligned: TypeAlias = Sequence[Sequence[tuple[str, str, str]]]

MATCHING_RULES: dict[Matching, str] = {
    "boundary": "subject span, relation and object span right",
    "strict": "subject span and type, relation, object span and type right",
    "partial": "last word of subject and of object, and relation right, by text",
    "exact": "whole text of subject and of object, and relation right, by text",
}
HYPER_RULES: dict[HyperMatching, str] = {
    "triplet": "subject span, relation and object span right",
    "quintuplet": "subject span, relation, object span, qualifier label and value span right",
}


def last_word(text: str) -> str:
    """The part after the last white space, as the last-word corpora cut their entities."""
    words = text.split()
    return words[-1] if words else text


def triple_key(triple: Triple, matching: Matching) -> TripleKey:
    """What `matching` compares of a triple. Raises `ValueError` for an unknown matching."""
    subject, object_ = triple.subject, triple.object
    if matching == "boundary":
        return subject.span, triple.relation, object_.span
    if matching == "strict":
        return entity_key(subject), triple.relation, entity_key(object_)
    return _text_key((subject.text, triple.relation, object_.text), matching)


def triple_keys(sentence: Sentence, matching: Matching) -> set[TripleKey]:
    """What `matching` compares of the triples of a sentence."""
    return {triple_key(triple, matching) for triple in sentence.triples}


def relation_score(
    gold: Sequence[Sentence],
    pred: Sequence[Sentence],
    matching: Matching = "boundary",
    unaligned: Unaligned | None = None,
) -> Score:
    """Micro score of triples without their qualifiers.

    - `boundary`: both spans and the relation are right.
    - `strict`: also both entity types. These two are the rules that Taillé et al. 2020, "Let's
      Stop Incorrect Comparisons in End-to-end Relation Extraction!", tell apart.
    - `partial`: last word of subject and object and the relation are right, by text and not by
      place; used for webnlg_star and nyt_star, as in Wei et al. 2020, "A Novel Cascade Binary
      Tagging Framework for Relational Triple Extraction".
    - `exact`: whole text of subject and object and the relation are right, by text and not by
      place; used for webnlg.

    Texts are compared as they stand, letter case included. `unaligned` are gold triples known by
    their texts alone: under `partial` and `exact` they count as gold like the others.

    Raises `ValueError` for an unknown matching, for sentences that do not pair up, and for
    `unaligned` with a matching that needs spans.
    """
    return micro(*_sides(gold, pred, matching, unaligned))


def relation_scores_by_label(
    gold: Sequence[Sentence],
    pred: Sequence[Sentence],
    matching: Matching = "boundary",
    unaligned: Unaligned | None = None,
) -> dict[str, Score]:
    """Score of each relation in gold or predictions, relations sorted; see `relation_score`."""
    return by_label(*_sides(gold, pred, matching, unaligned), label=lambda key: key[1])


def hyper_keys(sentence: Sentence, matching: HyperMatching) -> set[tuple[Hashable, ...]]:
    """What `matching` compares of a sentence. Raises `ValueError` for an unknown matching."""
    _check_matching(matching, HYPER_RULES)
    if matching == "triplet":
        return {triple_key(triple, "boundary") for triple in sentence.triples}
    return {
        (*triple_key(triple, "boundary"), qualifier.label, qualifier.value.span)
        for triple in sentence.triples
        for qualifier in triple.qualifiers
    }


def hyper_score(
    gold: Sequence[Sentence], pred: Sequence[Sentence], matching: HyperMatching = "quintuplet"
) -> Score:
    """Micro score of hyper-relational facts by spans, whatever the entity types.

    - `quintuplet`: subject span, relation, object span, qualifier label and value span are right.
      A triple with three qualifiers is three quintuplets; one without qualifiers is none.
    - `triplet`: subject span, relation and object span are right.

    Chia et al. 2022, "A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach".
    Differs from the paper's program: that one keeps one relation for each pair of spans where
    here all of them count, and its triplets compare entity types, of which its corpus has one.

    Raises `ValueError` for an unknown matching and for sentences that do not pair up.
    """
    _check_matching(matching, HYPER_RULES)
    check_pairs(gold, pred)
    return micro([hyper_keys(s, matching) for s in gold], [hyper_keys(s, matching) for s in pred])


def _sides(
    gold: Sequence[Sentence],
    pred: Sequence[Sentence],
    matching: Matching,
    unaligned: Unaligned | None,
) -> tuple[list[set[TripleKey]], list[set[TripleKey]]]:
    """What `matching` compares of each gold and each predicted sentence."""
    _check_matching(matching, MATCHING_RULES)
    check_pairs(gold, pred)
    gold_keys = [triple_keys(sentence, matching) for sentence in gold]
    if unaligned is not None:
        _check_unaligned(gold, unaligned, matching)
        for keys, texts in zip(gold_keys, unaligned, strict=True):
            keys.update(_text_key(text, matching) for text in texts)
    return gold_keys, [triple_keys(sentence, matching) for sentence in pred]


def _text_key(texts: tuple[str, str, str], matching: Matching) -> TripleKey:
    """What a rule that compares texts keeps of (subject, relation, object)."""
    subject, relation, object_ = texts
    if matching == "partial":
        return last_word(subject), relation, last_word(object_)
    _check_matching(matching, MATCHING_RULES)
    return subject, relation, object_


def _check_unaligned(gold: Sequence[Sentence], unaligned: Unaligned, matching: Matching) -> None:
    if matching not in ("partial", "exact"):
        raise ValueError(
            f"Got unaligned gold triples with matching {matching!r}, which compares spans. "
            "Expected 'partial' or 'exact' with them."
        )
    if len(unaligned) != len(gold):
        raise ValueError(
            f"Got unaligned triples of {len(unaligned)} sentences and {len(gold)} gold sentences. "
            "Expected one list, possibly empty, for each gold sentence."
        )


def _check_matching(got: str, rules: Mapping[Any, str]) -> None:
    if got not in rules:
        raise ValueError(one_of("matching", got, list(rules)))
