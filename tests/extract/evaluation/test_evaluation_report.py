from __future__ import annotations

import json
import subprocess
import sys

import pytest

from extract.evaluation.metrics import HYPER_RULES, MATCHING_RULES, Score
from extract.evaluation.report import ENTITY_RULES, evaluate_sentences
from extract.structures import Sentence
from tests.extract.evaluation.build import Words

#             0       1      2   3  4   5    6       7          8  9
MADE = Words("Leonard Parker got a PhD from Harvard University in 1967")
PARKER, PHD, HARVARD, YEAR = (0, 2, "PER"), (4, 5, "DEG"), (6, 8, "ORG"), (9, 10, "TIME")


GOLD_TRIPLE = MADE.triple(PARKER, "educated at", HARVARD)


def gold_sentence(id: str = "") -> Sentence:
    qualifiers = [("end time", YEAR, 1.0), ("degree", PHD, 1.0)]
    triple = MADE.triple(PARKER, "educated at", HARVARD, qualifiers)
    return MADE.sentence([MADE.entity(m) for m in (PARKER, PHD, HARVARD, YEAR)], [triple], id)


def pred_sentence(id: str = "") -> Sentence:
    place = (6, 8, "LOC")
    triples = [
        MADE.triple(PARKER, "educated at", place, [("end time", YEAR, 0.75)], 0.9),
        MADE.triple(PARKER, "employer", place, score=0.4),
    ]
    return MADE.sentence([MADE.entity(m, 0.8) for m in (PARKER, place, YEAR)], triples, id)


def test_report_hand_worked() -> None:
    report = evaluate_sentences([gold_sentence("a"), MADE.sentence()], [pred_sentence("b")] * 2)
    assert (report.n_sentences, report.n_words, report.n_unaligned) == (2, 20, 0)
    assert report.entity == Score(4, 6, 2)
    assert report.entity_metric == "seqeval"
    assert report.entity_by_type["PER"] == Score(1, 2, 1)
    assert report.relation == {
        "boundary": Score(1, 4, 1),
        "strict": Score(1, 4, 0),
        "partial": Score(1, 4, 1),
        "exact": Score(1, 4, 1),
    }
    # "educated at": 1 gold, 2 predicted, 1 right; "employer" is not in gold.
    assert report.relation_macro_f1["boundary"] == pytest.approx(2 / 3)
    assert report.relation_macro_f1["strict"] == 0.0
    assert report.hyper == {"triplet": Score(1, 4, 1), "quintuplet": Score(2, 2, 1)}
    assert report.breakdown.by_n_triples == {"0": Score(0, 2, 0), "1": Score(1, 2, 1)}
    errors = {"entity": 6, "triple": 4, "qualifier": 2}
    assert {kind: found.n for kind, found in report.calibration.items()} == errors
    assert report.calibration["entity"].error == pytest.approx(0.8 - 2 / 6)
    assert report.calibration["triple"].error == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert report.calibration["qualifier"].error == pytest.approx(0.75 - 1 / 2)
    assert report.errors.counts["wrong type"] == 1
    assert report.errors.counts["spurious"] == 3


def test_report_perfect_predictions_score_one() -> None:
    report = evaluate_sentences([gold_sentence()], [gold_sentence()])
    scores = [report.entity, *report.relation.values(), *report.hyper.values()]
    assert [score.f1 for score in scores] == [1.0] * len(scores)
    assert set(report.relation_macro_f1.values()) == {1.0}
    assert {found.error for found in report.calibration.values()} == {0.0}
    assert sum(report.errors.counts.values()) == 0


def test_report_nested_is_found_in_gold_or_predictions() -> None:
    flat = gold_sentence()
    nested = MADE.sentence([MADE.entity(PARKER), MADE.entity((1, 2, "PER"))])
    assert evaluate_sentences([nested], [flat]).entity_metric == "span sets"
    assert evaluate_sentences([flat], [nested]).entity_metric == "span sets"
    assert evaluate_sentences([flat], [nested]).entity == Score(4, 2, 1)
    with pytest.raises(ValueError, match="share a word"):
        evaluate_sentences([flat], [nested], nested=False)


def test_report_both_entity_metrics_agree_on_flat_spans() -> None:
    by_sets, by_seqeval = (
        evaluate_sentences([gold_sentence()], [pred_sentence()], nested=nested)
        for nested in (True, False)
    )
    assert (by_sets.entity_metric, by_seqeval.entity_metric) == ("span sets", "seqeval")
    assert by_sets.entity == by_seqeval.entity == Score(4, 3, 2)


def test_report_unaligned_gold_counts_in_text_scores_and_macro_alone() -> None:
    unaligned = [[("Leonard Parker", "born in", "Ohio")]]
    report = evaluate_sentences([gold_sentence()], [gold_sentence()], unaligned=unaligned)
    assert report.n_unaligned == 1
    assert report.relation["exact"] == report.relation["partial"] == Score(2, 1, 1)
    assert report.relation["boundary"] == Score(1, 1, 1)
    assert report.relation_macro_f1["exact"] == pytest.approx(1 / 2)
    assert "1 gold triples have no span" in report.to_table()


def test_report_of_no_sentences_is_all_zero() -> None:
    report = evaluate_sentences([], [])
    assert report.entity == report.relation["boundary"] == report.hyper["quintuplet"] == Score()
    assert report.calibration["triple"].error is None
    table = report.to_table()
    assert table.startswith("0 sentences, 0 words")
    assert "  nothing in gold or predictions" in table.splitlines()


def test_report_to_dict_survives_json_and_states_each_rule() -> None:
    report = evaluate_sentences([gold_sentence()], [pred_sentence()])
    plain = report.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["entity"]["metric"] == "seqeval"
    assert plain["entity"]["rule"] == ENTITY_RULES["seqeval"]
    assert plain["relation"]["boundary"]["rule"] == MATCHING_RULES["boundary"]
    assert plain["relation"]["boundary"]["f1"] == pytest.approx(2 / 3)
    assert plain["relation"]["boundary"]["macro_f1"] == pytest.approx(1.0)
    assert plain["hyper"]["quintuplet"]["recall"] == pytest.approx(1 / 2)
    assert plain["calibration"]["triple"]["error"] == pytest.approx((0.1 + 0.4) / 2)


def test_report_to_table_prints_the_rule_above_each_score() -> None:
    lines = evaluate_sentences([gold_sentence()], [pred_sentence()]).to_table().splitlines()
    titles = [f"Entities ({ENTITY_RULES['seqeval']})"]
    titles += [f"Relations, {name} ({rule})" for name, rule in MATCHING_RULES.items()]
    titles += [f"Qualified facts, {name} ({rule})" for name, rule in HYPER_RULES.items()]
    for title in titles:
        place = lines.index(title)
        assert lines[place + 1].split()[:3] == ["precision", "recall", "F1"]
        assert lines[place + 2].split()[0] == "micro"
    boundary = lines[lines.index(titles[1]) + 2]
    assert boundary.split() == ["micro", "50.00", "100.00", "66.67", "1", "2", "1"]
    assert all(line == line.rstrip() for line in lines)


def test_report_to_table_keeps_columns_under_long_names_and_marks_empty_scores() -> None:
    name = "located in the administrative territorial entity"
    sentence = MADE.sentence((), [MADE.triple(PARKER, name, HARVARD), GOLD_TRIPLE])
    lines = evaluate_sentences([sentence], [sentence]).to_table().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("By relation"))
    assert len({len(line) for line in lines[place + 1 : place + 4]}) == 1
    assert lines[lines.index(f"Entities ({ENTITY_RULES['seqeval']})") + 2].split()[1:4] == ["-"] * 3


def test_report_other_words_is_refused() -> None:
    other = Words(MADE.text.replace("PhD", "MSc")).sentence()
    with pytest.raises(ValueError, match="Sentence 2 of 2 has gold 'PhD' and predicted 'MSc'"):
        evaluate_sentences([MADE.sentence()] * 2, [MADE.sentence(), other])
    shorter = Words("Leonard Parker got").sentence()
    with pytest.raises(ValueError, match="Sentence 1 of 1 has 10 gold and 3 predicted words"):
        evaluate_sentences([MADE.sentence()], [shorter])


def test_report_unpaired_sentences_is_refused() -> None:
    with pytest.raises(ValueError, match="2 gold and 3 predicted sentences"):
        evaluate_sentences([MADE.sentence()] * 2, [MADE.sentence()] * 3)


def test_evaluation_does_not_load_torch() -> None:
    code = (
        "import sys; from extract.evaluation import report, metrics; "
        "report.evaluate_sentences([], []).to_table(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
