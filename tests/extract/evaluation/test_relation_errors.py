from __future__ import annotations

import random

import pytest

from extract.evaluation.errors import ERROR_RULES, ErrorKind, relation_errors
from extract.evaluation.metrics import relation_score
from extract.structures import Sentence, Triple
from tests.extract.evaluation.build import Words

#             0       1      2       3  4       5          6  7
MADE = Words("Leonard Parker studied at Harvard University in Boston")
PARKER, HARVARD, BOSTON = (0, 2, "PER"), (4, 6, "ORG"), (7, 8, "LOC")
GOLD = MADE.triple(PARKER, "educated at", HARVARD)


def make(*triples: Triple) -> Sentence:
    return MADE.sentence((), triples)


def counts(gold: list[Triple], pred: list[Triple]) -> dict[ErrorKind, int]:
    found = relation_errors([make(*gold)], [make(*pred)])
    return {kind: n for kind, n in found.counts.items() if n}


@pytest.mark.parametrize(
    ("pred", "expected"),
    [
        (MADE.triple(PARKER, "educated at", HARVARD), {}),
        (MADE.triple(PARKER, "educated at", (4, 6, "LOC")), {"wrong type": 1}),
        (MADE.triple(HARVARD, "educated at", PARKER), {"swapped direction": 1}),
        (MADE.triple(PARKER, "employer", HARVARD), {"wrong relation": 1}),
        (MADE.triple((1, 2, "PER"), "educated at", HARVARD), {"wrong span": 1}),
        (MADE.triple((1, 2, "PER"), "educated at", (4, 5, "ORG")), {"wrong span": 1}),
        (MADE.triple(PARKER, "educated at", BOSTON), {"missing": 1, "spurious": 1}),
        (MADE.triple((1, 2, "PER"), "employer", HARVARD), {"missing": 1, "spurious": 1}),
        (MADE.triple(HARVARD, "employer", PARKER), {"missing": 1, "spurious": 1}),
    ],
)
def test_relation_errors_one_prediction_is_sorted_into_its_kind(
    pred: Triple, expected: dict[ErrorKind, int]
) -> None:
    assert counts([GOLD], [pred]) == expected


def test_relation_errors_only_gold_is_missing_and_only_pred_is_spurious() -> None:
    assert counts([GOLD], []) == {"missing": 1}
    assert counts([], [GOLD]) == {"spurious": 1}
    assert counts([], []) == {}


def test_relation_errors_one_gold_triple_excuses_one_prediction() -> None:
    wrong = [MADE.triple(PARKER, relation, HARVARD) for relation in ("employer", "founder")]
    assert counts([GOLD], wrong) == {"wrong relation": 1, "spurious": 1}


def test_relation_errors_wrong_type_takes_precedence_over_wrong_span() -> None:
    pred = [
        MADE.triple((1, 2, "PER"), "educated at", HARVARD),
        MADE.triple(PARKER, "educated at", (4, 6, "LOC")),
    ]
    assert counts([GOLD], pred) == {"wrong type": 1, "spurious": 1}


def test_relation_errors_wrong_span_pairs_with_the_nearest_gold() -> None:
    short = MADE.triple((0, 1, "PER"), "educated at", (4, 5, "ORG"))
    pred = MADE.triple(PARKER, "educated at", (3, 6, "ORG"))
    found = relation_errors([make(short, GOLD)], [make(pred)])
    assert [(e.kind, e.gold) for e in found.examples] == [("wrong span", GOLD), ("missing", short)]


def test_relation_errors_correct_triple_is_not_paired_again() -> None:
    pred = [GOLD, MADE.triple(PARKER, "employer", HARVARD)]
    found = relation_errors([make(GOLD)], [make(*pred)])
    assert (found.n_correct, found.counts["spurious"], found.counts["wrong relation"]) == (1, 1, 0)


def test_relation_errors_duplicates_count_once() -> None:
    wrong = MADE.triple(PARKER, "employer", HARVARD)
    assert counts([GOLD, GOLD], [wrong, wrong]) == {"wrong relation": 1}


def test_relation_errors_examples_are_capped_by_kind_and_counts_are_not() -> None:
    spurious = MADE.triple(PARKER, "lives in", BOSTON)
    found = relation_errors([make(GOLD)] * 4, [make(spurious)] * 4, max_examples=2)
    assert (found.counts["missing"], found.counts["spurious"]) == (4, 4)
    assert [(e.kind, e.sentence) for e in found.examples] == [
        ("missing", 0),
        ("missing", 1),
        ("spurious", 0),
        ("spurious", 1),
    ]
    assert relation_errors([make(GOLD)], [make()], max_examples=0).examples == ()


def test_relation_errors_to_dict_describes_the_examples() -> None:
    pred = MADE.triple(PARKER, "employer", HARVARD)
    plain = relation_errors([make(GOLD)], [make(pred)]).to_dict()
    assert plain["n_correct"] == 0
    assert list(plain["counts"]) == list(ERROR_RULES)
    ends = {"subject": "Leonard Parker (PER)", "object": "Harvard University (ORG)"}
    assert plain["examples"] == [
        {
            "kind": "wrong relation",
            "sentence": 0,
            "text": MADE.text,
            "gold": {"relation": "educated at", **ends},
            "predicted": {"relation": "employer", **ends},
        }
    ]


def random_triples(rng: random.Random) -> list[Triple]:
    def mention() -> tuple[int, int, str]:
        start = rng.randrange(4)
        return start, rng.randrange(start + 1, 6), rng.choice(["PER", "LOC"])

    return [
        MADE.triple(mention(), rng.choice(["a", "b"]), mention()) for _ in range(rng.randrange(9))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_relation_errors_add_up_to_all_triples_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    gold = [random_triples(rng) for _ in range(5)]
    pred = [random_triples(rng) + rng.sample(g, k=min(2, len(g))) for g in gold]
    found = relation_errors([make(*g) for g in gold], [make(*p) for p in pred])
    score = relation_score([make(*g) for g in gold], [make(*p) for p in pred], "strict")
    n_errors = sum(found.counts.values())
    assert found.n_correct == score.n_correct
    assert found.n_correct + n_errors - found.counts["spurious"] == score.n_gold
    assert found.n_correct + n_errors - found.counts["missing"] == score.n_pred
    shuffled = relation_errors([make(*g[::-1]) for g in gold], [make(*p[::-1]) for p in pred])
    assert shuffled.counts == found.counts


def test_relation_errors_unpaired_sentences_is_refused() -> None:
    with pytest.raises(ValueError, match="1 gold and 0 predicted"):
        relation_errors([make()], [])
