from __future__ import annotations

from typing import get_args

import pytest

from extract.evaluation.metrics import (
    HYPER_RULES,
    MATCHING_RULES,
    HyperMatching,
    Matching,
    Score,
    hyper_score,
    macro_f1,
    relation_score,
    relation_scores_by_label,
)
from extract.structures import Sentence, Triple
from tests.extract.evaluation.build import Words

#         0       1      2        3   4      5     6   7    8      9  10
WORDS = "Leonard Parker born in New York died in 1967 in York"
MADE = Words(WORDS)
PARKER, SURNAME = (0, 2, "PER"), (1, 2, "PER")
NEW_YORK, FIRST_YORK, LAST_YORK = (4, 6, "LOC"), (5, 6, "LOC"), (10, 11, "LOC")
YEAR = (8, 9, "TIME")
BORN = MADE.triple(PARKER, "born in", NEW_YORK)
DIED = MADE.triple(PARKER, "died in", LAST_YORK)


def make(*triples: Triple) -> Sentence:
    return MADE.sentence((), triples)


GOLD = [make(BORN, DIED)]
OUTCOMES = {
    # prediction: correct under (boundary, strict, partial, exact), gold is BORN and DIED
    "as in gold": (BORN, (1, 1, 1, 1)),
    "wrong type": (MADE.triple((0, 2, "ORG"), "born in", NEW_YORK), (1, 0, 1, 1)),
    "shorter span": (MADE.triple(SURNAME, "born in", NEW_YORK), (0, 0, 1, 0)),
    "same text elsewhere": (MADE.triple(PARKER, "died in", FIRST_YORK), (0, 0, 1, 1)),
    "same last word elsewhere": (MADE.triple(PARKER, "born in", LAST_YORK), (0, 0, 1, 0)),
    "wrong relation": (MADE.triple(PARKER, "lives in", NEW_YORK), (0, 0, 0, 0)),
    "other direction": (MADE.triple(NEW_YORK, "born in", PARKER), (0, 0, 0, 0)),
    "other object": (MADE.triple(PARKER, "born in", YEAR), (0, 0, 0, 0)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_relation_score_one_prediction_is_right_by_the_rule(name: str) -> None:
    triple, correct = OUTCOMES[name]
    found = {m: relation_score(GOLD, [make(triple)], m) for m in get_args(Matching)}
    expected = dict(zip(("boundary", "strict", "partial", "exact"), correct, strict=True))
    assert found == {m: Score(2, 1, n) for m, n in expected.items()}


def test_relation_score_hand_worked_micro_ratios() -> None:
    # Sentence 1: 2 gold, 3 predicted, 1 right; sentence 2: 1 gold, none predicted.
    wrong = MADE.triple(SURNAME, "died in", LAST_YORK)
    reverse = MADE.triple(LAST_YORK, "died in", PARKER)
    gold, pred = [make(BORN, DIED), make(BORN)], [make(BORN, wrong, reverse), make()]
    score = relation_score(gold, pred, "boundary")
    assert score == Score(3, 3, 1)
    assert (score.precision, score.recall, score.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert relation_score(gold, pred, "partial") == Score(3, 3, 2)


@pytest.mark.parametrize("matching", MATCHING_RULES)
def test_relation_score_duplicates_count_once_on_both_sides(matching: Matching) -> None:
    assert relation_score([make(BORN, BORN)], [make(BORN, BORN, BORN)], matching) == Score(1, 1, 1)


def test_relation_score_triples_equal_by_text_merge_under_text_rules_only() -> None:
    first, last = (MADE.triple(PARKER, "in", york) for york in (FIRST_YORK, LAST_YORK))
    both = [make(first, last)]
    assert relation_score(both, both, "boundary") == Score(2, 2, 2)
    assert relation_score(both, both, "exact") == Score(1, 1, 1)


def test_relation_score_compares_letter_case_as_it_stands() -> None:
    upper, lower = Words("York grew"), Words("york grew")
    gold = [upper.sentence((), [upper.triple((0, 1, "LOC"), "did", (1, 2, "X"))])]
    pred = [lower.sentence((), [lower.triple((0, 1, "LOC"), "did", (1, 2, "X"))])]
    assert relation_score(gold, pred, "partial") == Score(1, 1, 0)


def test_relation_score_symmetric_relation_needs_each_direction() -> None:
    there, back = MADE.triple(PARKER, "spouse", YEAR), MADE.triple(YEAR, "spouse", PARKER)
    assert relation_score([make(there, back)], [make(there)]) == Score(2, 1, 1)
    assert relation_score([make(there)], [make(back)]) == Score(1, 1, 0)


@pytest.mark.parametrize("matching", MATCHING_RULES)
def test_relation_score_swapped_sides_swaps_precision_and_recall(matching: Matching) -> None:
    other = [make(*(triple for triple, _ in OUTCOMES.values()))]
    forward, backward = relation_score(GOLD, other, matching), relation_score(other, GOLD, matching)
    assert (forward.precision, forward.recall) == (backward.recall, backward.precision)
    assert forward.n_correct == backward.n_correct > 0


@pytest.mark.parametrize("matching", MATCHING_RULES)
def test_relation_score_nothing_to_score_is_zero(matching: Matching) -> None:
    for empty in ([], [make()]):
        assert relation_score(empty, empty, matching) == Score()
    assert relation_score([make()], [make(BORN)], matching).f1 == 0.0
    assert relation_score([make(BORN)], [make()], matching).f1 == 0.0


def test_relation_score_unaligned_gold_counts_under_text_rules() -> None:
    unaligned = [[("Leonard Parker", "field", "Chemistry"), ("Leonard Parker", "died in", "York")]]
    pred = [make(BORN, DIED)]
    # The second unaligned triple has the texts of DIED: a set holds it once.
    assert relation_score(GOLD, pred, "exact", unaligned) == Score(3, 2, 2)
    assert relation_score(GOLD, pred, "partial", unaligned) == Score(3, 2, 2)
    by_label = relation_scores_by_label(GOLD, pred, "exact", unaligned)
    assert by_label["field"] == Score(1, 0, 0)


def test_relation_score_bad_unaligned_is_refused() -> None:
    with pytest.raises(ValueError, match="'boundary', which compares spans"):
        relation_score(GOLD, GOLD, "boundary", [[]])
    with pytest.raises(ValueError, match="of 2 sentences and 1 gold"):
        relation_score(GOLD, GOLD, "exact", [[], []])


def test_relation_scores_by_label_and_macro_hand_worked() -> None:
    gold = [make(BORN, DIED), make(DIED)]
    pred = [make(BORN, MADE.triple(PARKER, "lives in", NEW_YORK)), make(DIED)]
    scores = relation_scores_by_label(gold, pred)
    assert list(scores) == ["born in", "died in", "lives in"]
    assert scores == {
        "born in": Score(1, 1, 1),
        "died in": Score(2, 1, 1),
        "lives in": Score(0, 1, 0),
    }
    # F1 is 1 and 2/3; "lives in" does not occur in gold and is left out.
    assert macro_f1(scores) == pytest.approx((1 + 2 / 3) / 2)
    assert sum(scores.values(), Score()) == relation_score(gold, pred)


def test_macro_f1_without_gold_is_zero() -> None:
    assert macro_f1({}) == 0.0
    assert macro_f1({"born in": Score(0, 3, 0)}) == 0.0


def qualified(*qualifiers: tuple[str, tuple[int, int, str]], relation: str = "died in") -> Triple:
    return MADE.triple(PARKER, relation, LAST_YORK, [(label, v, 1.0) for label, v in qualifiers])


def test_hyper_score_hand_worked() -> None:
    gold = [make(BORN, qualified(("time", YEAR), ("place", NEW_YORK)))]
    # One right, one with a wrong label, one with a wrong value; the type of the value is ignored.
    pred = [make(qualified(("time", (8, 9, "NUMBER")), ("date", YEAR), ("place", FIRST_YORK)))]
    score = hyper_score(gold, pred, "quintuplet")
    assert score == Score(2, 3, 1)
    assert (score.precision, score.recall) == pytest.approx((1 / 3, 1 / 2))
    assert score.f1 == pytest.approx(2 / 5)
    assert hyper_score(gold, pred, "triplet") == Score(2, 1, 1)


def test_hyper_score_right_qualifier_of_wrong_triple_is_wrong() -> None:
    gold, pred = [make(qualified(("time", YEAR)))], [make(qualified(("time", YEAR), relation="r"))]
    assert hyper_score(gold, pred, "quintuplet") == Score(1, 1, 0)


def test_hyper_score_same_triple_given_twice_merges_its_qualifiers() -> None:
    gold = [make(qualified(("time", YEAR), ("place", NEW_YORK)))]
    pred = [make(qualified(("time", YEAR)), qualified(("place", NEW_YORK), ("time", YEAR)))]
    assert hyper_score(gold, pred, "quintuplet") == Score(2, 2, 2)
    assert hyper_score(gold, pred, "triplet") == Score(1, 1, 1)


@pytest.mark.parametrize("matching", HYPER_RULES)
def test_hyper_score_nothing_to_score_is_zero(matching: HyperMatching) -> None:
    assert hyper_score([], [], matching) == hyper_score([make()], [make()], matching) == Score()


@pytest.mark.parametrize("score", [relation_score, relation_scores_by_label, hyper_score])
def test_scores_of_unpaired_sentences_are_refused(score) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="2 gold and 3 predicted sentences"):
        score([make()] * 2, [make()] * 3)


@pytest.mark.parametrize("score", [relation_score, relation_scores_by_label])
def test_relation_score_unknown_matching_lists_the_known(score) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"'loose'.*boundary, exact, partial, strict"):
        score([], [], "loose")


def test_hyper_score_unknown_matching_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"'boundary'.*quintuplet, triplet"):
        hyper_score([], [], "boundary")  # type: ignore[arg-type]


def test_rules_are_stated_for_every_matching() -> None:
    assert set(MATCHING_RULES) == set(get_args(Matching))
    assert set(HYPER_RULES) == set(get_args(HyperMatching))


def test_score_adds_counts_and_not_ratios() -> None:
    total = Score(1, 1, 1) + Score(9, 3, 0)
    assert total == Score(10, 4, 1)
    assert total.to_dict() == {
        "precision": pytest.approx(1 / 4),
        "recall": pytest.approx(1 / 10),
        "f1": pytest.approx(1 / 7),
        "n_gold": 10,
        "n_pred": 4,
        "n_correct": 1,
    }


@pytest.mark.parametrize("counts", [(1, 2, 2), (2, 1, 2), (1, 1, -1)])
def test_score_of_impossible_counts_is_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=f"n_correct={counts[2]}, n_gold={counts[0]}"):
        Score(*counts)
