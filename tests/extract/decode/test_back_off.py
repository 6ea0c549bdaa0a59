"""Relation back-off: chances within their bounds, one level a pair, the same under every solver."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.decode.back_off import BACKED_OFF, BackOff, OneLevel
from extract.decode.base import Solver
from extract.decode.beam import BeamSolver
from extract.decode.calibration import log_odds, probability
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.decode.exact import ExactSolver
from extract.decode.greedy import GreedySolver
from extract.decode.limits import Limits
from extract.decode.restrict import restrict
from extract.schema import QualifierType, Relation, Schema
from extract.structures import Sentence
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import best_worth, candidates_of, schema_of, worth

SOLVERS: list[Solver] = [GreedySolver(), BeamSolver(3), ExactSolver()]
TREE = schema_of(
    [
        Relation("place"),
        Relation("birth", parents=("place",)),
        Relation("death", parents=("place",)),
        Relation("city of birth", parents=("birth",)),
    ],
    [QualifierType("when")],
)
PLACE, BIRTH, DEATH, CITY = range(4)
SENTENCE = sentence_of("Ann saw Oslo then")


def found(**chances: float) -> Candidates:
    """Candidates of one pair of sure spans, with probabilities by relation."""
    place = {name.replace(" ", "_"): at for at, name in enumerate(TREE.relation_names)}
    rows = [(0, place[name], 1, log_odds(p)) for name, p in chances.items()]
    return candidates_of([(0, 1, (9, -9, -9)), (2, 3, (-9, 9, -9))], rows)


def decoded(candidates: Candidates, solver: Solver | None = None, **settings: object) -> Sentence:
    decoder = Decoder(TREE, solver=solver or GreedySolver(), back_off=True)
    return replace(decoder, **settings).decode(None, SENTENCE, candidates, explain=True)  # type: ignore[arg-type]


def relations(sentence: Sentence) -> dict[str, float]:
    return {t.relation: t.score for t in sentence.triples}


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
def test_parent_stands_for_unsure_children(solver: Solver) -> None:
    result = decoded(found(birth=0.4, death=0.3), solver)
    assert relations(result) == {"place": pytest.approx(1 - 0.6 * 0.7, abs=1e-4)}
    assert result.removed is not None
    told = [(r.what.relation, r.constraint, r.in_favour_of[0].relation) for r in result.removed]  # type: ignore[union-attr]
    assert told == [("birth", BACKED_OFF, "place"), ("death", BACKED_OFF, "place")]
    assert [r.score for r in result.removed] == pytest.approx([0.4, 0.3], abs=1e-4)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        ({"birth": 0.7, "death": 0.4}, {"birth": 0.7}),  # a sure child needs no parent
        ({"birth": 0.2, "death": 0.2}, {}),  # 0.36 is not enough
        ({"place": 0.45, "birth": 0.2}, {}),  # two estimates of one chance do not add up
        ({"place": 0.55, "birth": 0.2}, {"place": 0.55}),
        ({"place": 0.6, "birth": 0.6}, {"place": 0.6, "birth": 0.6}),  # the model asserts both
        ({"city_of_birth": 0.4, "birth": 0.3, "death": 0.4}, {"place": 0.64}),
        ({"city_of_birth": 0.4, "birth": 0.55}, {"birth": 0.55}),  # the lowest level that is sure
    ],
)
def test_the_lowest_sure_level_is_given(
    solver: Solver, chances: dict[str, float], expected: dict[str, float]
) -> None:
    assert relations(decoded(found(**chances), solver)) == pytest.approx(expected, abs=1e-4)


def test_without_back_off_nothing_changes() -> None:
    unsure = found(birth=0.4, death=0.3)
    assert relations(decoded(unsure, back_off=False)) == {}


def test_the_threshold_is_that_of_triples() -> None:
    decoder = Decoder(TREE, back_off=True)
    unsure = found(birth=0.2, death=0.2)
    assert relations(decoder.decode(None, SENTENCE, unsure, 0.3)) == {
        "place": pytest.approx(0.36, abs=1e-4)
    }
    assert relations(decoder.decode(None, SENTENCE, unsure, 0.15)).keys() == {"birth", "death"}


def test_parent_is_no_surer_than_its_spans_but_as_sure_as_its_best_child() -> None:
    unsure = found(birth=0.4, death=0.4)
    unsure.entity_scores[1, 1] = log_odds(0.55)
    assert relations(decoded(unsure)) == {"place": pytest.approx(0.55, abs=1e-4)}
    tree = BackOff(TREE)
    assert tree.chance(PLACE, {BIRTH: 0.4, DEATH: 0.4}, most=0.3) == 0.4


def test_relations_that_may_not_be_kept_still_speak_for_their_parents() -> None:
    limits = Limits(np.ones(3, bool), np.array([True, False, False, False]), np.ones(1, bool))
    assert relations(decoded(found(birth=0.9, death=0.1), limits=limits)) == {
        "place": pytest.approx(0.91, abs=1e-4)
    }


def test_child_that_a_qualifier_carries_goes_before_its_parent_or_not_at_all() -> None:
    unsure = found(birth=0.45, death=0.3)
    value = np.array([[3, 4]])
    carried = Candidates(
        np.concatenate([unsure.spans, value]),
        np.concatenate([unsure.entity_scores, [[-9, -9, 5]]]).astype(np.float32),
        unsure.triples,
        unsure.triple_scores,
        np.array([[0, 0, 2]]),
        np.array([4.0], np.float32),
    )
    for solver in SOLVERS:
        result = decoded(carried, solver)
        assert relations(result).keys() in ({"birth"}, {"place"})
    assert relations(decoded(carried, ExactSolver())).keys() == {"birth"}


def below(schema: Schema, one: str, other: str) -> bool:
    return other in schema.subrelations([one])


@st.composite
def hierarchies(draw: st.DrawFn) -> tuple[Schema, list[float]]:
    """Relations with parents among those before them, any number each, and their chances."""
    n = draw(st.integers(2, 7))
    rows = [
        Relation(
            f"r{i}",
            parents=tuple(f"r{j}" for j in range(i) if draw(st.booleans())),
        )
        for i in range(n)
    ]
    chances = draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
    return schema_of(rows), chances


@given(hierarchies())
def test_chance_lies_between_the_best_and_the_sum(case: tuple[Schema, list[float]]) -> None:
    schema, chances = case
    hierarchy = BackOff(schema)
    own = dict(enumerate(chances))
    for at, name in enumerate(schema.relation_names):
        under = [own[schema.relation_names.index(r)] for r in schema.subrelations([name])]
        chance = hierarchy.chance(at, own)
        assert max(under) - 1e-12 <= chance <= min(1.0, sum(under)) + 1e-12
        cut = hierarchy.chance(at, own, most=0.5)
        assert max(under) <= cut <= max(chance, max(under)) + 1e-12


@given(hierarchies(), st.floats(0.05, 0.95))
def test_no_pair_has_two_levels_unless_the_model_is_sure_of_both(
    case: tuple[Schema, list[float]], threshold: float
) -> None:
    schema, chances = case
    rows = [(0, at, 1, log_odds(p)) for at, p in enumerate(chances) if p > 0.02]
    candidates = candidates_of([(0, 1, (9, -9, -9)), (2, 3, (-9, 9, -9))], rows)
    scores = {schema.relation_names[r]: score for _, r, _, score in rows}
    results = []
    for solver in SOLVERS:
        decoder = Decoder(schema, solver=solver, back_off=True)
        kept = [t.relation for t in decoder.decode(None, SENTENCE, candidates, threshold).triples]
        for one, other in combinations(kept, 2):
            if below(schema, one, other) or below(schema, other, one):
                assert min(scores.get(one, -9), scores.get(other, -9)) >= log_odds(threshold) - 1e-5
        plain = Decoder(schema, solver=solver).decode(None, SENTENCE, candidates, threshold)
        assert {t.relation for t in plain.triples} <= set(kept)  # what is sure stays
        results.append(sorted(kept))
    assert results[0] == results[1] == results[2]


def test_one_level_is_worth_what_brute_force_finds() -> None:
    """Exact decoding under the rule equals trying every selection that obeys it."""
    rng = np.random.default_rng(7)
    hierarchy, n_backed = BackOff(TREE), 0
    for _ in range(60):
        pairs = [(0, 1), (1, 0)]
        keys = [(s, r, o) for s, o in pairs for r in range(4)]
        rows = [(*keys[i], float(rng.normal(-0.5, 1))) for i in rng.permutation(8)[:4]]
        quals = [(0, 0, 2, float(rng.normal(0, 2)))]
        spans = [(i, i + 1, rng.normal(1, 2, 3).tolist()) for i in range(3)]
        backed = hierarchy.apply(candidates_of(spans, rows, quals), 0.5)
        n_backed += bool(backed.stands_for)
        limits = Constraints.from_schema(TREE, nested=False, further=[OneLevel(backed.stands_for)])
        kept = ExactSolver().solve(backed.candidates, limits)
        for parent, children in backed.stands_for.items():
            assert parent not in kept.triples or not set(children) & set(kept.triples)
        free = best_worth(TREE, False, backed.candidates)
        assert worth(backed.candidates, kept) <= free + 1e-4
        best = best_worth_one_level(backed.candidates, backed.stands_for)
        assert worth(backed.candidates, kept) == pytest.approx(best, abs=1e-4)
    assert n_backed > 10


def best_worth_one_level(candidates: Candidates, stands_for: dict[int, tuple[int, ...]]) -> float:
    """The best over all ways to forbid one side of each parent and child."""
    rivals = [(p, c) for p, below in stands_for.items() for c in below]
    best = 0.0
    for choice in np.ndindex(*[2] * len(rivals)):
        out = {pair[side] for pair, side in zip(rivals, choice, strict=True)}
        scores = candidates.triple_scores.copy()
        scores[list(out)] = -100
        best = max(best, best_worth(TREE, False, replace(candidates, triple_scores=scores)))
    return best


OWN = schema_of([Relation("birth", domain=("PER",)), Relation("death"), Relation("spouse")])
WANTED = schema_of(
    [
        Relation("place", id="P0", domain=("PER",), parents=("fact",)),
        Relation("fact"),
        Relation("birth", parents=("place",)),
        Relation("death", parents=("place",)),
        Relation("weight"),
    ]
)


def test_parents_of_the_given_schema_are_added_to_the_models() -> None:
    held = restrict(OWN, WANTED, hierarchy=True)
    assert held.schema.relation_names == ["birth", "death", "spouse", "place", "fact"]
    assert held.limits.relations.tolist() == [True, True, False, True, True]
    place = held.schema.relation("place")
    assert (place.id, place.domain, place.parents) == ("P0", ("PER",), ("fact",))
    assert held.schema.relation("birth").parents == ("place",)
    assert held.unknown["relations"] == ["weight"]
    plain = restrict(OWN, WANTED)
    assert plain.schema.relation_names == OWN.relation_names
    assert plain.unknown["relations"] == ["place", "fact", "weight"]


def test_added_parent_is_decoded_with_its_name_and_id() -> None:
    held = restrict(OWN, WANTED, hierarchy=True)
    decoder = Decoder(held.schema, limits=held.limits, back_off=True)
    rows = [(0, 0, 1, log_odds(0.4)), (0, 1, 1, log_odds(0.4)), (0, 2, 1, 4.0)]
    candidates = candidates_of([(0, 1, (9, -9, -9)), (2, 3, (-9, 9, -9))], rows)
    (triple,) = decoder.decode(None, SENTENCE, candidates).triples
    assert (triple.relation, triple.relation_id) == ("place", "P0")
    assert triple.score == pytest.approx(0.64, abs=1e-4)
    assert probability(log_odds(0.64)) == pytest.approx(0.64)
