"""Several models over the same sentences, some of which verify what others propose, stacked into one.

A verifier reads only sentences in which the models before it propose a triple, and in those scores only the
spans that they propose. It costs little where little is found, and cannot find what nobody proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from extract.decode.candidates import Candidates
from extract.decode.stacking import StackWeights
from extract.heads import GivenSpans
from extract.predict import CandidateSource, Predictor
from extract.structures import Sentence


@dataclass(frozen=True)
class StackMember:
    """A model of a stack; one that verifies is given the spans of the models before it."""

    predictor: Predictor
    verifies: bool = False


class StackPredictor(CandidateSource):
    """Runs several models and stacks their candidates by learned weights.

    Raises `ValueError` unless there are weights for as many models, the first of which proposes.
    """

    def __init__(self, members: Sequence[StackMember], weights: StackWeights) -> None:
        if len(members) != weights.n_models:
            raise ValueError(f"Expected {weights.n_models} models to stack, got {len(members)}.")
        if members[0].verifies:
            raise ValueError("Expected the first model of a stack to propose, got a verifier.")
        self.members = tuple(members)
        self.weights = weights

    @property
    def context_words(self) -> int:
        """What the model that reads most of the surrounding sentences reads."""
        return max(member.predictor.context_words for member in self.members)

    def candidates(
        self,
        sentences: Sequence[Sentence],
        batch_size: int = 32,
        given: GivenSpans | None = None,
        stop: Event | None = None,
    ) -> list[Candidates]:
        """Stacked candidates of each sentence, in order; with `given`, of all models among these spans."""
        found: list[list[Candidates]] = []  # a list a model
        for member in self.members:
            if member.verifies and given is None:
                found.append(verified(member.predictor, sentences, found, batch_size, stop))
            else:
                found.append(member.predictor.candidates(sentences, batch_size, given, stop))
        return [self.weights.apply(of_one) for of_one in zip(*found, strict=True)]


def verified(
    verifier: Predictor,
    sentences: Sequence[Sentence],
    before: Sequence[Sequence[Candidates]],
    batch_size: int = 32,
    stop: Event | None = None,
) -> list[Candidates]:
    """A verifier's candidates of each sentence; none where no triple is proposed.

    Args:
        before: candidates of the sentences, a sequence a model.
    """
    given = [_proposed(of_one) for of_one in zip(*before, strict=True)]
    asked = [row for row, spans in enumerate(given) if spans]
    answers = [Candidates.empty(len(verifier.model.schema.entity_types))] * len(sentences)
    if asked:
        found = verifier.candidates(
            [sentences[row] for row in asked], batch_size, [given[row] for row in asked], stop
        )
        for row, candidates in zip(asked, found, strict=True):
            answers[row] = candidates
    return answers


def _proposed(before: Sequence[Candidates]) -> list[tuple[int, int]]:
    """All spans of one sentence's candidates if there is a triple among these, else none."""
    if not any(len(found.triples) for found in before):
        return []
    return sorted({(start, end) for found in before for start, end in found.spans.tolist()})
