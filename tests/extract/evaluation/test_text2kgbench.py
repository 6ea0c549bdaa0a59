"""Text2KGBench's measures, worked by hand."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import TripackError
from extract.evaluation import text2kgbench
from extract.evaluation.text2kgbench import Measures, locally_closed_f1, mean, measure
from tests.extract.cases import sentence_of

SENTENCE = "Torvik College, a school of engineering, opened in 1811 in the towns of Norland."
RELATIONS = ["inception", "located in", "head"]
CONCEPTS = ["college", "city"]
INCEPTION = ("Torvik_College", "inception", "01 January 1811")
PLACE = ("Torvik College", "located in", "Norland")


def measured(gold: list, pred: list) -> Measures:
    return measure(SENTENCE, gold, pred, RELATIONS, CONCEPTS)


def test_spaces_underscores_and_capitals_do_not_count() -> None:
    found = measured([INCEPTION, PLACE], [("torvik  college", "located_in", "NORLAND")])
    assert (found.precision, found.recall) == (1, 0.5)
    assert found.f1 == pytest.approx(2 / 3)
    assert (found.conformance, found.relation_hallucination) == (1, 0)


def test_precision_counts_only_relations_that_the_truth_has() -> None:
    # Of three "located in", one is right; "head" is not judged, though it hallucinates.
    pred = [
        PLACE,
        ("Norland", "located in", "Torvik College"),
        ("Torvik College", "located in", "1811"),
        ("Ada", "head", "Torvik College"),
    ]
    found = measured([INCEPTION, PLACE], pred)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == 0.5
    assert found.f1 == pytest.approx(2 * (1 / 3) * 0.5 / (1 / 3 + 0.5))
    assert found.subject_hallucination == 0.25
    assert found.object_hallucination == 0


def test_repeated_triples_count_once_in_precision() -> None:
    assert measured([PLACE], [PLACE, ("Torvik_College", "located_in", "norland")]).precision == 1


def test_relations_outside_the_ontology_do_not_conform() -> None:
    found = measured([PLACE], [PLACE, ("Norland", "ruler", "Torvik College")])
    assert (found.conformance, found.relation_hallucination) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "is_made_up"),
    [
        ("Torvik College", False),
        ("torvik_colleges", False),  # the same stem
        ("town of Norland", False),
        ("01 January 1811", False),  # stands for the year
        ("02 January 1811", True),
        ("city", False),  # a concept
        ("Oslo", True),
    ],
)
def test_hallucination_compares_stems_with_sentence_and_concepts(
    name: str, is_made_up: bool
) -> None:
    found = measured([PLACE], [(name, "head", name)])
    assert found.subject_hallucination == found.object_hallucination == float(is_made_up)


def test_no_prediction_scores_nothing_and_makes_nothing_up() -> None:
    assert measured([PLACE], []) == Measures(0, 0, 0, 1, 0, 0, 0)
    only_unjudged = measured([PLACE], [("Norland", "head", "Norland")])
    assert (only_unjudged.precision, only_unjudged.recall, only_unjudged.f1) == (0, 0, 0)


def test_mean_is_over_sentences() -> None:
    one, none = measured([PLACE], [PLACE]), measured([PLACE], [])
    assert mean([one, none]) == Measures(0.5, 0.5, 0.5, 1, 0, 0, 0)
    with pytest.raises(ValueError, match="at least one sentence, got none"):
        mean([])


names = st.sampled_from(["Torvik College", "Norland", "1811", "Ada", "Oslo_City"])
triples = st.lists(st.tuples(names, st.sampled_from([*RELATIONS, "ruler"]), names), max_size=5)


@given(triples, triples)
def test_measures_are_shares_and_the_truth_itself_is_perfect(gold: list, pred: list) -> None:
    found = measured(gold, pred)
    assert all(0 <= getattr(found, name) <= 1 for name in found.__slots__)
    assert found.f1 <= max(found.precision, found.recall) + 1e-12
    assert found.conformance + found.relation_hallucination == pytest.approx(1)
    if gold:
        assert measured(gold, gold).f1 == 1


def test_f1_of_sentences_leaves_out_those_without_truth() -> None:
    gold = sentence_of("Ann Oslo", [(0, 1, "PER"), (1, 2, "LOC")], [(0, "born in", 1, [])])
    other = sentence_of("Ann Oslo", [(0, 1, "X"), (1, 2, "X")], [(0, "lives in", 1, [])])
    empty = sentence_of("Ann Oslo")
    assert locally_closed_f1([gold, gold, empty], [gold, other, other]) == 0.5
    assert locally_closed_f1([empty], [other]) == 0


def test_missing_stemmer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk.stem", None)
    text2kgbench._nltk.cache_clear()
    with pytest.raises(TripackError, match="pip install nltk"):
        measured([PLACE], [PLACE])
    text2kgbench._nltk.cache_clear()
