from __future__ import annotations

import pytest

from extract.evaluation.breakdown import break_down, overlap_classes, word_distance
from extract.evaluation.metrics import Score, relation_score
from extract.structures import Sentence, Span
from tests.extract.evaluation.build import Words

MADE = Words(" ".join(f"w{number}" for number in range(60)))


def make(*facts: tuple[int, str, int]) -> Sentence:
    """Triples between single words, given by their places."""
    return MADE.sentence(
        (), [MADE.triple((s, s + 1, "X"), r, (o, o + 1, "X")) for s, r, o in facts]
    )


@pytest.mark.parametrize(
    ("facts", "classes"),
    [
        ([], ("no triples",)),
        ([(1, "r", 2)], ("normal",)),
        ([(1, "r", 2), (4, "r", 5)], ("normal",)),
        ([(1, "r", 2), (1, "r", 2)], ("normal",)),  # one fact given twice
        ([(1, "r", 2), (1, "q", 2)], ("same pair",)),
        ([(1, "r", 2), (2, "r", 5)], ("shared entity",)),
        ([(1, "r", 2), (1, "r", 5)], ("shared entity",)),
        ([(1, "r", 2), (2, "r", 1)], ("shared entity",)),  # pairs are ordered
        ([(1, "r", 2), (1, "q", 2), (2, "r", 5)], ("same pair", "shared entity")),
        ([(1, "r", 2), (1, "q", 2), (4, "r", 5)], ("same pair",)),
    ],
)
def test_overlap_classes_hand_worked(
    facts: list[tuple[int, str, int]], classes: tuple[str, ...]
) -> None:
    assert overlap_classes(make(*facts)) == classes


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [((0, 2), (2, 3), 0), ((0, 2), (5, 6), 3), ((0, 4), (2, 6), 0), ((0, 9), (2, 3), 0)],
)
def test_word_distance_counts_the_words_between(
    first: tuple[int, int], second: tuple[int, int], distance: int
) -> None:
    assert word_distance(Span(*first), Span(*second)) == distance
    assert word_distance(Span(*second), Span(*first)) == distance


GOLD = [
    make((1, "r", 2), (1, "q", 2), (2, "r", 6)),  # same pair and shared entity
    make((1, "r", 10)),
    make(),
    make((0, "r", 1), (2, "r", 3), (4, "r", 5), (6, "r", 7), (8, "r", 9), (10, "q", 59)),
]
PRED = [
    make((1, "r", 2), (2, "r", 6), (6, "r", 2)),
    make((1, "q", 10)),
    make((3, "r", 4)),
    make((0, "r", 1), (10, "q", 59)),
]


def test_breakdown_by_overlap_hand_worked() -> None:
    assert break_down(GOLD, PRED).by_overlap == {
        "no triples": Score(0, 1, 0),
        "normal": Score(7, 3, 2),
        "same pair": Score(3, 3, 2),
        "shared entity": Score(3, 3, 2),
    }


def test_breakdown_by_number_of_triples_hand_worked() -> None:
    assert break_down(GOLD, PRED).by_n_triples == {
        "0": Score(0, 1, 0),
        "1": Score(1, 1, 0),
        "3": Score(3, 3, 2),
        "5+": Score(6, 2, 2),
    }


def test_breakdown_by_distance_hand_worked() -> None:
    assert break_down(GOLD, PRED).by_distance == {
        "0": Score(7, 3, 2),  # 1-2 twice, five pairs of the last sentence
        "1-3": Score(1, 2, 1),  # 2-6 both ways
        "8-15": Score(1, 1, 0),
        "32+": Score(1, 1, 1),
    }


@pytest.mark.parametrize(
    ("n_between", "name"),
    [
        *[(0, "0"), (1, "1-3"), (3, "1-3"), (4, "4-7"), (7, "4-7"), (8, "8-15")],
        *[(15, "8-15"), (16, "16-31"), (31, "16-31"), (32, "32+"), (50, "32+")],
    ],
)
def test_breakdown_distance_classes_have_these_bounds(n_between: int, name: str) -> None:
    sentence = make((n_between + 1, "r", 0))
    assert break_down([sentence], [sentence]).by_distance == {name: Score(1, 1, 1)}


def test_breakdown_by_relation_hand_worked() -> None:
    assert break_down(GOLD, PRED).by_relation == {
        "q": Score(2, 2, 1),
        "r": Score(8, 5, 3),
    }


@pytest.mark.parametrize("matching", ["boundary", "strict"])
def test_breakdown_parts_add_up_to_the_total(matching: str) -> None:
    found = break_down(GOLD, PRED, matching)  # type: ignore[arg-type]
    total = relation_score(GOLD, PRED, matching)  # type: ignore[arg-type]
    for part in (found.by_n_triples, found.by_distance, found.by_relation):
        assert sum(part.values(), Score()) == total


def test_breakdown_strict_wants_types() -> None:
    gold = [MADE.sentence((), [MADE.triple((0, 1, "X"), "r", (2, 3, "X"))])]
    pred = [MADE.sentence((), [MADE.triple((0, 1, "Y"), "r", (2, 3, "X"))])]
    assert break_down(gold, pred, "boundary").by_distance == {"1-3": Score(1, 1, 1)}
    assert break_down(gold, pred, "strict").by_distance == {"1-3": Score(1, 1, 0)}


def test_breakdown_of_nothing_is_empty() -> None:
    found = break_down([], [])
    assert (found.by_overlap, found.by_n_triples, found.by_distance, found.by_relation) == (
        {},
        {},
        {},
        {},
    )


def test_breakdown_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'exact'.*boundary, strict"):
        break_down(GOLD, PRED, "exact")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="4 gold and 3 predicted"):
        break_down(GOLD, PRED[:3])


def test_breakdown_to_dict_is_plain() -> None:
    plain = break_down(GOLD, PRED).to_dict()
    assert plain["matching"] == "boundary"
    assert plain["by_relation"]["r"]["n_gold"] == 8
    assert plain["by_overlap"]["normal"]["precision"] == pytest.approx(2 / 3)
