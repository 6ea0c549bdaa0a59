"""Running a stack: what verifiers are asked, and that batches do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import corpora
from extract import load
from extract.decode.candidates import Candidates
from extract.decode.stacking import LinearWeights, StackWeights
from extract.models.folder import ModelFolder, read_model
from extract.models.registry import resolve
from extract.predict import CandidateSource, Predictor, windower_of
from extract.stacked import StackMember, StackPredictor, verified
from extract.structures import Sentence
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import candidates_of
from tests.extract.heads.cases import as_dict, same


def weights_of(n: int) -> StackWeights:
    one = LinearWeights(slopes=(1.0,) * n, absent=(-4.0,) * n)
    return StackWeights(entity=one, triple=one, qualifier=one)


class Recorder(Predictor):
    """A predictor that notes what it is asked."""

    def __init__(self, run: Path) -> None:
        network, _, _ = read_model(ModelFolder(resolve(run)))
        super().__init__(network, windower_of(network))
        self.asked: list[tuple[list[Sentence], Any]] = []

    def candidates(
        self,
        sentences: Sequence[Sentence],
        batch_size: int = 32,
        given: Any = None,
        stop: Any = None,
    ) -> list[Candidates]:
        self.asked.append((list(sentences), given))
        return super().candidates(sentences, batch_size, given, stop)


@pytest.fixture
def verifier(tiny_verifier: Path) -> Recorder:
    return Recorder(tiny_verifier)


@pytest.fixture
def sentences(facts_file: Path) -> list[Sentence]:
    """Facts, between sentences without any."""
    facts = [example.sentence for example in corpora.read("hyperred", facts_file)["file"]]
    return [sentence_of("The sun was warm ."), *facts[:5], sentence_of("So it was ."), *facts[5:]]


# What a verifier is asked


NOTHING = candidates_of([])
SPANS_ALONE = candidates_of([(0, 1, (9, 9, 9)), (2, 3, (9, 9, 9))])
FACT = candidates_of([(4, 6, (0, 0, 0)), (0, 2, (0, 0, 0))], [(0, 0, 1, -3.9)])


def test_only_sentences_with_a_proposed_triple_are_read(
    verifier: Recorder, sentences: list[Sentence]
) -> None:
    before = [
        [NOTHING, FACT, SPANS_ALONE, SPANS_ALONE, NOTHING],
        [SPANS_ALONE, SPANS_ALONE, NOTHING, FACT, NOTHING],
    ]
    found = verified(verifier, sentences[:5], before)
    ((read, given),) = verifier.asked  # one call
    assert read == [sentences[1], sentences[3]]
    assert given == [[(0, 1), (0, 2), (2, 3), (4, 6)]] * 2  # of all models before, each once
    assert [len(one.spans) for one in found] == [0, 4, 0, 4, 0]
    for row in (1, 3):
        assert {tuple(span) for span in found[row].spans.tolist()} == set(given[0])


def test_nothing_is_read_where_nothing_is_proposed(
    verifier: Recorder, sentences: list[Sentence]
) -> None:
    found = verified(verifier, sentences[:2], [[SPANS_ALONE, NOTHING]])
    assert verifier.asked == []
    assert [as_dict(one) for one in found] == [{}, {}]
    assert found[0].entity_scores.shape == (0, len(verifier.model.schema.entity_types))
    assert verified(verifier, [], [[]]) == []


def test_verifier_is_run_only_where_needed(
    verifier: Recorder, tiny_run: Path, sentences: list[Sentence]
) -> None:
    proposer = Recorder(tiny_run)
    stack = StackPredictor([StackMember(proposer), StackMember(verifier, True)], weights_of(2))
    found = stack.candidates(sentences, batch_size=4)
    proposals = Predictor.candidates(proposer, sentences)
    with_triples = [s for s, own in zip(sentences, proposals, strict=True) if len(own.triples)]
    assert 0 < len(with_triples) < len(sentences)
    assert [read for read, _ in proposer.asked] == [sentences]
    ((read, given),) = verifier.asked
    assert read == with_triples
    for own, whole in zip(found, proposals, strict=True):
        # It adds no spans, and where it is not asked the first model's candidates stay, less its absence.
        assert {*map(tuple, own.spans.tolist())} == {*map(tuple, whole.spans.tolist())}
        if not len(whole.triples):
            scores = as_dict(whole)
            assert as_dict(own) == pytest.approx({k: v - 4 for k, v in scores.items()}, abs=1e-5)
    assert [sorted(spans) for spans in given] == [
        sorted(map(tuple, own.spans.tolist())) for own in proposals if len(own.triples)
    ]


# The stack as a source of candidates


def test_batches_do_not_matter(tiny_stack: Path, sentences: list[Sentence]) -> None:
    source: CandidateSource = load(tiny_stack, accuracy="best", device="cpu")._predictor
    assert isinstance(source, StackPredictor)
    together = source.candidates(sentences, batch_size=32)
    for size in (1, 3):
        for one, other in zip(source.candidates(sentences, size), together, strict=True):
            same(one, other)
    backwards = source.candidates(sentences[::-1], batch_size=5)[::-1]
    for one, other in zip(backwards, together, strict=True):
        same(one, other)
    streamed = list(source.stream(iter(sentences), batch_size=2, chunk=3))
    assert [sentence for sentence, _ in streamed] == sentences
    for (_, one), other in zip(streamed, together, strict=True):
        same(one, other)


def test_context_is_that_of_the_model_that_reads_most(verifier: Recorder, tiny_run: Path) -> None:
    proposer = Recorder(tiny_run)
    verifier.windower.context_words = 30
    stack = StackPredictor([StackMember(proposer), StackMember(verifier, True)], weights_of(2))
    assert (proposer.context_words, stack.context_words) == (0, 30)


def test_what_cannot_be_stacked_is_refused(verifier: Recorder) -> None:
    with pytest.raises(ValueError, match="Expected 2 models to stack, got 1"):
        StackPredictor([StackMember(verifier)], weights_of(2))
    with pytest.raises(ValueError, match="first model of a stack to propose"):
        StackPredictor([StackMember(verifier, True)], weights_of(1))
