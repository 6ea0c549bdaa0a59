"""The SemEval score: hand-worked counts, one answer a pair, the published scorer's arithmetic."""

from __future__ import annotations

import pytest

from extract.evaluation.directed import directed_macro_f1, directed_scores
from extract.evaluation.metrics import Score
from extract.evaluation.report import evaluate_sentences
from extract.structures import Sentence
from tests.extract.evaluation.build import Words

MADE = Words("The flood followed heavy rain near town")
FLOOD, RAIN, TOWN = (1, 2, "Entity"), (4, 5, "Entity"), (6, 7, "Entity")


def labelled(label: str) -> Sentence:
    """A sentence of a label as the task writes it, e1 being the flood and e2 the rain."""
    ends = {"(e1,e2)": (FLOOD, RAIN), "(e2,e1)": (RAIN, FLOOD)}
    entities = [MADE.entity(FLOOD), MADE.entity(RAIN)]
    if label == "Other":
        return MADE.sentence(entities)
    subject, object_ = ends[label[-7:]]
    return MADE.sentence(entities, [MADE.triple(subject, label[:-7], object_)])


def scored(pairs: list[tuple[str, str]]) -> dict[str, Score]:
    """Scores of (gold label, predicted label) pairs."""
    return directed_scores([labelled(g) for g, _ in pairs], [labelled(p) for _, p in pairs])


# Gold, then predicted: a confusion of two relations, both directions and Other.
CONFUSION = [
    ("Cause-Effect(e1,e2)", "Cause-Effect(e1,e2)"),
    ("Cause-Effect(e2,e1)", "Cause-Effect(e2,e1)"),
    ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"),  # the wrong direction
    ("Cause-Effect(e1,e2)", "Message-Topic(e1,e2)"),
    ("Message-Topic(e1,e2)", "Message-Topic(e1,e2)"),
    ("Message-Topic(e2,e1)", "Other"),
    ("Other", "Message-Topic(e2,e1)"),
    ("Other", "Other"),
]


def test_counts_hand_worked() -> None:
    # Cause-Effect: predicted as such 2 + 1 the wrong way, correct 2, gold 4.
    # Message-Topic: predicted 3, correct 1, gold 2.
    assert scored(CONFUSION) == {
        "Cause-Effect": Score(n_gold=4, n_pred=3, n_correct=2),
        "Message-Topic": Score(n_gold=2, n_pred=3, n_correct=1),
    }
    gold, pred = ([labelled(pair[side]) for pair in CONFUSION] for side in (0, 1))
    first = 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4)
    second = 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2)
    assert directed_macro_f1(gold, pred) == pytest.approx((first + second) / 2)


def test_relation_that_is_not_in_gold_is_no_part_of_the_mean() -> None:
    pairs = [*CONFUSION, ("Other", "Entity-Origin(e1,e2)")]
    gold, pred = ([labelled(pair[side]) for pair in pairs] for side in (0, 1))
    expected = ([labelled(pair[side]) for pair in CONFUSION] for side in (0, 1))
    assert directed_macro_f1(gold, pred) == directed_macro_f1(*expected)
    assert scored(pairs)["Entity-Origin"] == Score(0, 1, 0)


def test_only_the_best_triple_of_a_pair_is_its_answer() -> None:
    triples = [
        MADE.triple(FLOOD, "Cause-Effect", RAIN, score=0.7),
        MADE.triple(RAIN, "Cause-Effect", FLOOD, score=0.9),
        MADE.triple(FLOOD, "Message-Topic", RAIN, score=0.8),
    ]
    pred = MADE.sentence((), triples)
    assert directed_scores([labelled("Cause-Effect(e2,e1)")], [pred]) == {
        "Cause-Effect": Score(1, 1, 1)
    }
    assert directed_scores([labelled("Cause-Effect(e1,e2)")], [pred]) == {
        "Cause-Effect": Score(1, 1, 0)
    }
    assert directed_scores([labelled("Message-Topic(e1,e2)")], [pred]) == {
        "Cause-Effect": Score(0, 1, 0),
        "Message-Topic": Score(1, 0, 0),
    }


def test_answers_about_other_spans_are_wrong() -> None:
    pred = MADE.sentence((), [MADE.triple(RAIN, "Cause-Effect", TOWN)])
    assert directed_scores([labelled("Cause-Effect(e2,e1)")], [pred]) == {
        "Cause-Effect": Score(1, 1, 0)
    }


def test_nothing_in_gold_scores_zero_and_sentences_must_pair_up() -> None:
    assert directed_macro_f1([labelled("Other")], [labelled("Other")]) == 0.0
    with pytest.raises(ValueError, match="1 gold and 2 predicted"):
        directed_macro_f1([labelled("Other")], [labelled("Other")] * 2)


def test_report_has_the_score_where_it_is_asked() -> None:
    gold, pred = ([labelled(pair[side]) for pair in CONFUSION] for side in (0, 1))
    asked = evaluate_sentences(gold, pred, directed=True)
    found = asked.to_dict()["relation"] | asked.to_dict()["directed"]
    assert found["macro_f1"] == pytest.approx(directed_macro_f1(gold, pred))
    assert found["by_relation"]["Cause-Effect"]["n_correct"] == 2
    assert "SemEval macro F1" in asked.to_table()
    other = evaluate_sentences(gold, pred)
    assert "directed" not in other.to_dict()
    assert "SemEval" not in other.to_table()
