"""Weights, calibration and thresholds of a stack, and figures on sentences that none of them has seen.

Weights are learnt on scores of sentences that the stacked models were not trained on: the dev part
(Wolpert 1992, Stacked Generalization). So that calibration and thresholds do not trust weights on the
very sentences they were learnt from, they are fitted on candidates stacked out of fold. For figures
the whole of that is done again for each fold, on the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpora.base import Example
from extract.decode.candidates import Candidates, Ints
from extract.decode.decoder import Decoder
from extract.decode.stacking import StackWeights
from extract.evaluation.report import Report, evaluate_sentences
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.corpora import CorpusData
from extract.training.finish import DevPart, calibrated, tuned
from extract.training.stack_weights import Examples, examples_of, fit_weights

Fit = Callable[[Sequence[Examples]], StackWeights]


def fold_numbers(sentences: Sequence[Sentence], n_folds: int) -> Ints:
    """(sentences,): the fold of each; those of one document share one, documents take turns."""
    place: dict[object, int] = {}
    numbers = [
        place.setdefault(sentence.doc_id or row, len(place) % n_folds)
        for row, sentence in enumerate(sentences)
    ]
    return np.array(numbers, np.int64)


@dataclass(frozen=True)
class StackPart:
    """One corpus's development sentences with the candidates of each stacked model.

    found: a sentence, candidates of each model. folds: (sentences,). examples: a sentence.
    """

    corpus: CorpusData
    dev: list[Example]
    found: list[tuple[Candidates, ...]]
    folds: Ints
    examples: list[Examples]

    @classmethod
    def of(
        cls,
        corpus: CorpusData,
        found: list[tuple[Candidates, ...]],
        schema: Schema,
        n_folds: int,
    ) -> StackPart:
        """The whole development part of a corpus, with a tuple of candidates for each sentence."""
        gold = [example.sentence for example in corpus.dev]
        examples = [
            examples_of(own, sentence, corpus, schema)
            for own, sentence in zip(found, gold, strict=True)
        ]
        return cls(corpus, corpus.dev, found, fold_numbers(gold, n_folds), examples)

    def without(self, fold: int) -> StackPart:
        """The sentences of all other folds."""
        return self._where(self.folds != fold)

    def only(self, fold: int) -> StackPart:
        """The sentences of one fold."""
        return self._where(self.folds == fold)

    def _where(self, chosen: npt.NDArray[np.bool_]) -> StackPart:
        rows = np.flatnonzero(chosen).tolist()
        return StackPart(
            self.corpus,
            [self.dev[row] for row in rows],
            [self.found[row] for row in rows],
            self.folds[chosen],
            [self.examples[row] for row in rows],
        )

    def stacked(self, weights: StackWeights) -> DevPart:
        """The sentences with their candidates made one."""
        return self.with_candidates([weights.apply(own) for own in self.found])

    def with_candidates(self, candidates: list[Candidates]) -> DevPart:
        """The sentences with those candidates."""
        return DevPart(self.corpus, self.dev, candidates)


@dataclass(frozen=True)
class FittedStack:
    """Weights, and the decoder of what they stack."""

    weights: StackWeights
    decoder: Decoder


@dataclass(frozen=True)
class StackFitter:
    """How stacks are fitted.

    fit: gives weights for sentences' examples. nested: whether entities may overlap.
    """

    schema: Schema
    nested: bool
    fit: Fit

    def out_of_fold(self, parts: Sequence[StackPart]) -> list[DevPart]:
        """Each sentence with candidates stacked by weights that were learnt on the other folds."""
        weights = {
            fold: self._weights([part.without(fold) for part in parts]) for fold in _folds(parts)
        }
        return [
            part.with_candidates(
                [
                    weights[fold].apply(own)
                    for fold, own in zip(part.folds.tolist(), part.found, strict=True)
                ]
            )
            for part in parts
        ]

    def fitted(self, parts: Sequence[StackPart]) -> FittedStack:
        """Weights learnt on all sentences; calibration and thresholds on what is stacked out of fold."""
        held = self.out_of_fold(parts)
        decoder = tuned(held, calibrated(held, self.schema, nested=self.nested))
        return FittedStack(self._weights(parts), decoder)

    def cross_fitted(self, parts: Sequence[StackPart]) -> list[list[Sentence]]:
        """Predictions for each part's sentences, by stacks fitted on the folds they are not in."""
        predicted: list[dict[int, Sentence]] = [{} for _ in parts]
        for fold in _folds(parts):
            stack = self.fitted([part.without(fold) for part in parts])
            for part, own in zip(parts, predicted, strict=True):
                rows = np.flatnonzero(part.folds == fold).tolist()
                found = part.only(fold).stacked(stack.weights).decode(stack.decoder)
                own.update(zip(rows, found, strict=True))
        return [
            [own[row] for row in range(len(part.dev))]
            for part, own in zip(parts, predicted, strict=True)
        ]

    def reports(self, parts: Sequence[StackPart]) -> dict[str, Report]:
        """Figures of `cross_fitted`, by corpus; the parts must be whole."""
        return {
            part.corpus.title: evaluate_sentences(
                [example.sentence for example in part.dev],
                found,
                unaligned=[example.unaligned for example in part.dev],
            )
            for part, found in zip(parts, self.cross_fitted(parts), strict=True)
        }

    def _weights(self, parts: Sequence[StackPart]) -> StackWeights:
        return self.fit([own for part in parts for own in part.examples])


def learnt(schema: Schema, *, by_relation: bool) -> Fit:
    """Weights that are learnt, for all relations or for each."""
    return lambda examples: fit_weights(examples, len(schema.relations), by_relation=by_relation)


def alone(_: Sequence[Examples]) -> StackWeights:
    """No weights: one model, as it is."""
    return StackWeights.identity()


def _folds(parts: Sequence[StackPart]) -> list[int]:
    return sorted({fold for part in parts for fold in part.folds.tolist()})
