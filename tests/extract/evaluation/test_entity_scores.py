from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from extract.evaluation.metrics import (
    Score,
    entity_score,
    entity_score_seqeval,
    entity_scores_by_type,
    has_nested,
)
from extract.structures import Sentence
from tests.extract.evaluation.build import Mention, Words

WORDS = "Ada Byron met Charles Babbage in London"


def make(*mentions: Mention, words: str = WORDS) -> Sentence:
    made = Words(words)
    return made.sentence([made.entity(mention) for mention in mentions])


# Two of three gold entities have the right span, one of these the right type; one is spurious.
GOLD = make((0, 2, "PER"), (3, 5, "PER"), (6, 7, "LOC"))
PRED = make((0, 2, "PER"), (3, 5, "ORG"), (5, 7, "LOC"), (2, 3, "PER"))


def test_entity_score_hand_worked_counts_span_and_type() -> None:
    score = entity_score([GOLD], [PRED])
    assert score == Score(n_gold=3, n_pred=4, n_correct=1)
    assert score.precision == pytest.approx(1 / 4)
    assert score.recall == pytest.approx(1 / 3)
    assert score.f1 == pytest.approx(2 / 7)


def test_entity_scores_by_type_hand_worked() -> None:
    assert entity_scores_by_type([GOLD], [PRED]) == {
        "LOC": Score(1, 1, 0),
        "ORG": Score(0, 1, 0),
        "PER": Score(2, 2, 1),
    }


def test_entity_score_swapped_sides_swaps_precision_and_recall() -> None:
    forward, backward = entity_score([GOLD], [PRED]), entity_score([PRED], [GOLD])
    assert (forward.precision, forward.recall) == (backward.recall, backward.precision)
    assert forward.f1 == backward.f1


def test_entity_score_duplicates_count_once() -> None:
    pred = make((0, 2, "PER"), (0, 2, "PER"))
    assert entity_score([GOLD], [pred]) == Score(3, 1, 1)
    assert entity_score_seqeval([GOLD], [pred]) == Score(3, 1, 1)


def test_entity_score_same_offsets_in_another_sentence_is_not_correct() -> None:
    score = entity_score([make((0, 2, "PER")), make()], [make(), make((0, 2, "PER"))])
    assert score == Score(1, 1, 0)


def test_entity_score_nested_spans_each_count() -> None:
    gold = make((0, 5, "ORG"), (3, 5, "PER"), (4, 5, "PER"))
    pred = make((0, 5, "ORG"), (4, 5, "PER"))
    assert entity_score([gold], [pred]) == Score(3, 2, 2)


@pytest.mark.parametrize("score", [entity_score, entity_score_seqeval])
def test_entity_score_nothing_to_score_is_zero(score) -> None:  # type: ignore[no-untyped-def]
    for empty in ([], [make()], [Sentence(())]):
        found = score(empty, empty)
        assert found == Score(0, 0, 0)
        assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("score", [entity_score, entity_score_seqeval, entity_scores_by_type])
def test_entity_score_unpaired_sentences_is_refused(score) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="2 gold and 3 predicted sentences"):
        score([make()] * 2, [make()] * 3)


def test_entity_score_seqeval_overlapping_spans_is_refused() -> None:
    nested = make((0, 5, "ORG"), (3, 5, "PER"))
    with pytest.raises(ValueError, match=r"'Charles Babbage' \(PER\).*share a word.*entity_score"):
        entity_score_seqeval([nested], [make()])
    with pytest.raises(ValueError, match="share a word"):
        entity_score_seqeval([make()], [nested])


def test_entity_score_seqeval_two_types_of_one_span_is_refused() -> None:
    with pytest.raises(ValueError, match="share a word"):
        entity_score_seqeval([make((0, 2, "PER"), (0, 2, "ORG"))], [make()])


def test_entity_score_seqeval_other_words_is_refused() -> None:
    with pytest.raises(ValueError, match="Sentence 1 of 1 has 7 gold and 2 predicted words"):
        entity_score_seqeval([make()], [make(words="Ada Byron")])


def test_entity_score_seqeval_adjacent_entities_of_one_type_stay_apart() -> None:
    gold = make((0, 1, "PER"), (1, 2, "PER"))
    assert entity_score_seqeval([gold], [make((0, 2, "PER"))]) == Score(2, 1, 0)


def test_entity_score_seqeval_labels_that_differ_in_hyphens_stay_apart() -> None:
    # seqeval on its own reads both labels as "x".
    assert entity_score_seqeval([make((0, 1, "x-"))], [make((0, 1, "-x"))]) == Score(1, 1, 0)


def test_has_nested_tells_nested_from_flat() -> None:
    assert not has_nested([GOLD, PRED, make((0, 2, "PER"), (0, 2, "PER"))])
    assert has_nested([GOLD, make((0, 7, "ORG"), (6, 7, "LOC"))])
    assert has_nested([make((0, 3, "ORG"), (2, 4, "ORG"))])


N_WORDS = 7


def tags_of(sentence: Sentence) -> list[str]:
    tags = ["O"] * len(sentence)
    for entity in sentence.entities:
        start, end = entity.span.start_word, entity.span.end_word
        tags[start:end] = ["B-" + entity.label] + ["I-" + entity.label] * (end - start - 1)
    return tags


@st.composite
def flat_sentences(draw: st.DrawFn) -> Sentence:
    mentions, start = [], 0
    while start < N_WORDS:
        end = draw(st.integers(start + 1, N_WORDS))
        label = draw(st.sampled_from(["O", "PER", "LOC", "ORG"]))
        if label != "O":
            mentions.append((start, end, label))
        start = end
    return make(*mentions)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(flat_sentences(), flat_sentences()), min_size=1, max_size=5))
def test_entity_scores_on_flat_sentences_equal_seqeval(
    pairs: list[tuple[Sentence, Sentence]],
) -> None:
    gold, pred = [g for g, _ in pairs], [p for _, p in pairs]
    by_sets, by_seqeval = entity_score(gold, pred), entity_score_seqeval(gold, pred)
    assert by_sets == by_seqeval
    assert sum(entity_scores_by_type(gold, pred).values(), Score()) == by_sets
    tags = [[tags_of(sentence) for sentence in side] for side in (gold, pred)]
    options = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    assert by_sets.precision == pytest.approx(precision_score(*tags, **options))
    assert by_sets.recall == pytest.approx(recall_score(*tags, **options))
    assert by_sets.f1 == pytest.approx(f1_score(*tags, **options))
