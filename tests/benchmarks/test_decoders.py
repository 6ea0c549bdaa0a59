"""The benchmark of decoders, on candidates whose every figure is known."""

from __future__ import annotations

import pytest

from benchmarks.decoders import Everything, decoded
from extract.decode.decoder import Decoder
from extract.decode.exact import ExactSolver
from extract.decode.greedy import GreedySolver
from extract.schema import Relation
from extract.structures import Entity, Sentence, Span, Triple
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import candidates_of, schema_of

SCHEMA = schema_of([Relation("r", domain=("ORG",))])
# The subject is rather PER, which "r" does not admit; retyping costs 5 and brings 4.
MISFIT = candidates_of([(0, 1, (5, 0, -9)), (2, 3, (3, -9, -9))], [(0, 0, 1, 4.0)])
FITS = candidates_of([(0, 1, (-9, 2, -9)), (2, 3, (3, -9, -9))], [(0, 0, 1, 4.0)])


def gold_of(label: str) -> Sentence:
    sentence = sentence_of("a b c")
    subject = Entity(Span(0, 1), 0, 1, "a", label)
    object_ = Entity(Span(2, 3), 4, 5, "c", "PER")
    triple = Triple(subject, "r", object_)
    return Sentence(sentence.tokens, (subject, object_), (triple,))


def test_unconstrained_output_breaks_what_constrained_does_not() -> None:
    gold = [gold_of("PER"), gold_of("ORG")]
    found, decoder = [MISFIT, FITS], Decoder(SCHEMA)
    free = decoded(gold, found, decoder, Everything())
    assert (free["broken"], free["worth"], free["breaches"]) == (0.5, 12 + 9, 1)
    assert free["strict"]["f1"] == 1
    for solver in (GreedySolver(), ExactSolver()):
        bound = decoded(gold, found, decoder, solver)
        assert (bound["broken"], bound["worth"], bound["breaches"]) == (0, 8 + 9, 0)
        assert bound["strict"]["recall"] == 0.5
        untyped = decoded(gold, found, decoder, solver, typed=False)
        assert (untyped["broken"], untyped["worth"]) == (0.5, 12 + 9)
        assert 0 < untyped["decode_ms"]["median"] <= untyped["decode_ms"]["p99"]


@pytest.mark.parametrize("score", [1.0, -1.0])
def test_everything_adds_the_ends_that_triples_lack(score: float) -> None:
    found = candidates_of([(0, 1, (-3, -2, -9)), (0, 2, (1, -9, -9))], [(0, 0, 1, score)])
    kept = Everything().solve(found, Decoder(SCHEMA).constraints)
    assert kept.entities == (((0, 1), (1, 0)) if score > 0 else ((1, 0),))
    assert kept.triples == ((0,) if score > 0 else ())
