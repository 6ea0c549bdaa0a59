"""From candidates to sentences: names, ids, offsets, scores, thresholds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.decode.base import Solver
from extract.decode.beam import BeamSolver
from extract.decode.calibration import Calibration, probability
from extract.decode.candidates import Candidates
from extract.decode.decoder import Decoder
from extract.decode.exact import ExactSolver
from extract.decode.greedy import GreedySolver
from extract.decode.standard import MaximumDistance
from extract.schema import QualifierType, Relation
from extract.structures import Entity, Sentence, Span, Token, Triple
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import candidate_sets, candidates_of, schema_of

SCHEMA = schema_of(
    [Relation("works for", "P108"), Relation("knows")], [QualifierType("when", "P585")]
)
TEXT = "So: Ann  Lind joined Acme in 1999."
TOKENS = tuple(
    Token(TEXT[a:b], a, b)
    for a, b in ((4, 7), (9, 13), (14, 20), (21, 25), (26, 28), (29, 33), (33, 34))
)
SENTENCE = Sentence(TOKENS, id="s", doc_id="d", left_context=("So", ":"))
FOUND = candidates_of(
    [(5, 6, (-5, -5, 3)), (0, 2, (2, -1, -5)), (3, 4, (-1, 1, -5)), (1, 2, (1, -2, -5))],
    [(1, 0, 2, 2.0), (1, 1, 2, -1.0), (3, 0, 2, 0.2)],
    [(0, 0, 0, 1.5), (1, 0, 0, 9.0)],
)


def test_decoded_sentence_has_names_ids_exact_texts_and_probabilities() -> None:
    found = Decoder(SCHEMA).decode(TEXT, SENTENCE, FOUND)
    assert [(e.text, e.label, e.start_char, e.end_char) for e in found.entities] == [
        ("Ann  Lind", "PER", 4, 13),
        ("Acme", "ORG", 21, 25),
        ("1999", "TIME", 29, 33),
    ]
    assert [e.span for e in found.entities] == [Span(0, 2), Span(3, 4), Span(5, 6)]
    (triple,) = found.triples
    assert (triple.subject, triple.object) == found.entities[:2]
    assert (triple.relation, triple.relation_id, triple.sentence) == ("works for", "P108", (4, 34))
    assert triple.score == pytest.approx(probability(2.0))
    (qualifier,) = triple.qualifiers
    assert (qualifier.label, qualifier.label_id, qualifier.value.text) == ("when", "P585", "1999")
    assert qualifier.score == pytest.approx(probability(1.5))
    assert qualifier.value.score == pytest.approx(probability(3.0))
    assert (found.id, found.doc_id, found.left_context) == ("s", "d", ("So", ":"))


def test_without_a_text_entities_are_words_and_gaps_as_spaces() -> None:
    found = Decoder(SCHEMA).decode(None, SENTENCE, FOUND)
    assert [e.text for e in found.entities] == ["Ann  Lind", "Acme", "1999"]


def test_nested_keeps_inner_spans_outer_first() -> None:
    found = Decoder(SCHEMA, nested=True).decode(TEXT, SENTENCE, FOUND)
    assert [e.text for e in found.entities] == ["Ann  Lind", "Lind", "Acme", "1999"]
    assert [t.subject.text for t in found.triples] == ["Ann  Lind", "Lind"]


def test_scores_are_calibrated_and_thresholds_apply_to_them() -> None:
    calibration = Calibration(entity=(1, 0.5), triple=(1, 0, 0, -1.0), qualifier=(1, 0, -1.0))
    decoder = Decoder(SCHEMA, calibration=calibration)
    (triple,) = decoder.decode(TEXT, SENTENCE, FOUND).triples
    assert triple.score == pytest.approx(probability(1.0))
    assert triple.subject.score == pytest.approx(probability(2.5))
    assert triple.qualifiers[0].score == pytest.approx(probability(0.5))
    strict = replace(decoder, thresholds=(0.5, 0.5, 0.7))
    assert strict.decode(TEXT, SENTENCE, FOUND).triples[0].qualifiers == ()
    stricter = replace(decoder, thresholds=(0.95, 0.5, 0.5))
    assert [e.text for e in stricter.decode(TEXT, SENTENCE, FOUND).entities] == ["1999"]


def test_threshold_argument_replaces_those_of_triples_and_qualifiers_only() -> None:
    decoder = Decoder(SCHEMA, thresholds=(0.8, 0.99, 0.99))
    found = decoder.decode(TEXT, SENTENCE, FOUND, threshold=0.5)
    assert [e.text for e in found.entities if e.score < 0.8] == ["Acme"]  # an end of the triple
    assert len(found.triples) == 1
    assert len(found.triples[0].qualifiers) == 1
    assert decoder.decode(TEXT, SENTENCE, FOUND).triples == ()
    assert decoder.decode(TEXT, SENTENCE, FOUND, threshold=1.0).triples == ()
    everything = decoder.decode(TEXT, SENTENCE, FOUND, threshold=0.0)
    assert [t.relation for t in everything.triples] == ["knows", "works for"]


@given(candidate_sets(), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_lower_threshold_loses_nothing_where_nothing_competes(
    candidates: Candidates, one: float, two: float
) -> None:
    # With flat spans, type constraints or functional relations a triple that a lower threshold lets
    # in may push out a worse one, so monotony is promised without these only.
    schema = schema_of([Relation("r0"), Relation("r1")], [QualifierType("q0"), QualifierType("q1")])
    decoder, sentence = Decoder(schema, nested=True), sentence_of("a b c d e f g")
    strict, lenient = (
        decoder.decode(None, sentence, candidates, threshold)
        for threshold in sorted((one, two))[::-1]
    )
    assert {e.span for e in strict.entities} <= {e.span for e in lenient.entities}
    bare = lambda found: {(t.subject.span, t.relation, t.object.span) for t in found.triples}  # noqa: E731
    assert bare(strict) <= bare(lenient)
    count = lambda found: sum(len(t.qualifiers) for t in found.triples)  # noqa: E731
    assert count(strict) <= count(lenient)


@pytest.mark.parametrize("solver", [GreedySolver(), BeamSolver(), ExactSolver()])
def test_no_triple_is_below_a_threshold_that_is_asked_for(solver: Solver) -> None:
    """Also where a sure qualifier would make up for it, which counts under a model's own thresholds."""
    schema = schema_of([Relation("r")], [QualifierType("q")])
    sure = (3, -9, -9)
    weak = candidates_of(
        [(0, 1, sure), (1, 2, sure), (2, 3, sure)], [(0, 0, 1, -1)], [(0, 0, 2, 4)]
    )
    decoder, sentence = Decoder(schema, solver=solver), sentence_of("a b c")
    own = decoder.decode(None, sentence, weak)
    assert len(own.triples) == isinstance(solver, ExactSolver | BeamSolver)
    found = decoder.decode(None, sentence, weak, 0.5)
    assert found.triples == () and len(found.entities) == 3
    assert len(decoder.decode(None, sentence, weak, 0.2).triples) == 1


def test_no_candidates_leave_the_words() -> None:
    found = Decoder(SCHEMA).decode(TEXT, SENTENCE, Candidates.empty(3))
    assert found == SENTENCE


def test_explanation_has_facts_with_scores_and_names() -> None:
    decoder = Decoder(SCHEMA, further=(MaximumDistance(0),), solver=ExactSolver())
    found = decoder.decode(TEXT, SENTENCE, FOUND, explain=True)
    assert found.triples == ()
    assert found.removed is not None
    entity, near, far, qualifier, _ = found.removed
    assert isinstance(entity.what, Entity) and entity.what.text == "Lind"
    assert entity.constraint == "flat spans"
    assert entity.in_favour_of == found.entities[:1]
    assert isinstance(near.what, Triple) and near.what.subject.text == "Ann  Lind"
    assert (near.constraint, near.score) == ("maximum distance", pytest.approx(probability(2.0)))
    assert isinstance(far.what, Triple) and far.what.subject.text == "Lind"
    assert far.constraint == "ends of a triple are entities"
    assert far.in_favour_of == found.entities[:1]
    assert isinstance(qualifier.what, Triple)
    assert [q.value.text for q in qualifier.what.qualifiers] == ["1999"]
    assert (qualifier.score, qualifier.in_favour_of) == (pytest.approx(probability(1.5)), ())
    assert decoder.decode(TEXT, SENTENCE, FOUND).removed is None
