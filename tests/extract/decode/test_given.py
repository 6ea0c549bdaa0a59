"""Entities that are known beforehand: their scores, and what the decoder makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.decode.calibration import Calibration
from extract.decode.candidates import Candidates
from extract.decode.decoder import Decoder
from extract.decode.given import certain
from extract.schema import Relation
from extract.structures import Sentence
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import TYPES, candidates_of, schema_of

SCHEMA = schema_of([Relation("employer", domain=("PER",)), Relation("part of")])
TEXT = "Ann Lee joined Acme Labs in May"


def gold(*entities: tuple[int, int, str]) -> Sentence:
    return sentence_of(TEXT, list(entities), [])


def test_known_type_is_raised_and_the_others_lowered() -> None:
    found = candidates_of([(0, 2, [-5, 3, -8]), (3, 5, [0, 9, 1])])
    scores = certain(found, gold((0, 2, "PER"), (3, 5, "ORG")).entities, TYPES, 6.0).entity_scores
    assert scores.tolist() == [[6, -6, -8], [-6, 9, -6]]


def test_of_an_unknown_type_the_best_known_one_is_raised_and_the_rest_with_it() -> None:
    found = candidates_of([(0, 2, [-5, -3, -8]), (3, 5, [0, 9, 1])])
    known = gold((0, 2, "Nominal"), (3, 5, "Nominal")).entities
    scores = certain(found, known, TYPES, 6.0).entity_scores
    assert scores.tolist() == [[4, 6, 1], [0, 9, 1]]


def test_span_that_is_no_candidate_becomes_one_and_rows_stay_in_place() -> None:
    found = candidates_of([(3, 5, [1, 2, 3]), (0, 2, [1, 1, 1])], [(0, 1, 1, 2.0)])
    after = certain(found, gold((6, 7, "TIME"), (3, 5, "ORG")).entities, TYPES, 6.0)
    assert after.spans.tolist() == [[3, 5], [0, 2], [6, 7]]
    assert after.entity_scores.tolist() == [[-6, 6, -6], [1, 1, 1], [-6, -6, 6]]
    assert after.triples.tolist() == [[0, 1, 1]]


def test_no_given_entities_change_nothing() -> None:
    found = candidates_of([(0, 2, [1, 2, 3])])
    assert np.array_equal(certain(found, (), TYPES, 6.0).entity_scores, found.entity_scores)
    empty = certain(Candidates.empty(3), (), TYPES, 6.0)
    assert empty.spans.shape == (0, 2) and empty.entity_scores.shape == (0, 3)


# No calibration and no threshold may drop a given entity, nor may overlap or the model's own doubts.
@given(
    slope=st.floats(0, 3),
    shift=st.floats(-8, 8),
    threshold=st.floats(0.01, 0.99),
    scores=st.lists(st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3), max_size=3),
    triple=st.floats(-9, 9, width=32),
)
def test_decoder_keeps_every_given_entity_with_its_type(
    slope: float, shift: float, threshold: float, scores: list[list[float]], triple: float
) -> None:
    spans = [(0, 2), (1, 2), (3, 5)]
    sentence = gold((0, 2, "PER"), (1, 2, "TIME"), (3, 5, "ORG"))
    rows = [(*span, row) for span, row in zip(spans, scores, strict=False)]
    triples = [(0, 0, 1, triple)] if len(rows) > 1 else []
    decoder = Decoder(
        SCHEMA,
        calibration=Calibration(entity=(slope, shift), triple=(1.0, 0.3, 0.0, 0.0)),
        thresholds=(threshold, 0.5, 0.5),
    )
    kept = decoder.decode(TEXT, gold(), candidates_of(rows, triples), given=sentence.entities)
    assert [(e.span, e.label) for e in kept.entities] == [
        (e.span, e.label) for e in sentence.entities
    ]
    assert all(e.score == pytest.approx(1.0) for e in kept.entities)


def test_given_types_hold_triples_to_the_schema() -> None:
    found = candidates_of([(0, 2, [0, 9, 0]), (3, 5, [9, 0, 0])], [(1, 0, 0, 5.0), (0, 0, 1, 1.0)])
    decoder = Decoder(SCHEMA)
    known = gold((0, 2, "PER"), (3, 5, "ORG")).entities
    (triple,) = decoder.decode(TEXT, gold(), found, given=known).triples
    assert (triple.subject.text, triple.object.text) == ("Ann Lee", "Acme Labs")
    # Left to itself, the model has the types the other way round.
    assert decoder.decode(TEXT, gold(), found).triples[0].subject.text == "Acme Labs"


def test_calibration_of_triples_meets_ends_as_sure_as_those_it_knows() -> None:
    found = candidates_of([(0, 2, [-9, -9, -9]), (3, 5, [0, 0, 0])], [(0, 1, 1, -1.0)])
    decoder = Decoder(SCHEMA, calibration=Calibration(triple=(1.0, 0.5, 0.0, -3.0)))
    known = gold((0, 2, "PER"), (3, 5, "ORG")).entities
    (triple,) = decoder.decode(TEXT, gold(), found, threshold=0.0, given=known).triples
    # Log-odds -1 + 0.5 * 6 - 3.
    assert triple.score == pytest.approx(1 / (1 + np.exp(1.0)))
