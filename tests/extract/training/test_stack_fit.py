"""Folds of a stack's dev part: disjoint, and no number on a sentence knows its annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from corpora.base import Example
from extract.decode.candidates import Candidates
from extract.decode.stacking import LinearWeights, StackWeights
from extract.schema import Relation
from extract.structures import Sentence
from extract.training.corpora import CorpusData
from extract.training.stack_fit import StackFitter, StackPart, alone, fold_numbers, learnt
from extract.training.stack_weights import Examples
from tests.extract.cases import key, sentence_of
from tests.extract.decode.cases import candidates_of, schema_of

SCHEMA = schema_of([Relation("r0"), Relation("r1")])
N = 60


def made(seed: int = 0, n: int = N) -> tuple[CorpusData, list[tuple[Candidates, ...]]]:
    """Sentences of one fact, which two models score with noise of their own; each misses some."""
    rng = np.random.default_rng(seed)
    examples, found = [], []
    for row in range(n):
        right = bool(rng.random() < 0.5)
        sentence = sentence_of(
            "Ann met Bob",
            [(0, 1, "PER"), (2, 3, "ORG")],
            [(0, f"r{row % 2}", 1, [])] if right else [],
        )
        sentence = replace(sentence, doc_id=f"d{row // 2}")
        examples.append(Example("Ann met Bob", sentence))
        own = []
        for _ in range(2):
            score = (2 if right else -2) + 2 * rng.normal()
            spans = [(0, 1, (3, -3, -3)), (2, 3, (-3, 3, -3))]
            own.append(candidates_of(spans, [(0, row % 2, 1, score)] if score > -3 else []))
        found.append(tuple(own))
    return CorpusData("c", [], examples, SCHEMA, "strict", True), found


def part_of(seed: int = 0, n_folds: int = 5) -> StackPart:
    corpus, found = made(seed)
    return StackPart.of(corpus, found, SCHEMA, n_folds)


FITTER = StackFitter(SCHEMA, False, learnt(SCHEMA, by_relation=False))


# Folds


def test_folds_are_disjoint_even_and_hold_whole_documents() -> None:
    sentences = [example.sentence for example in made()[0].dev]
    folds = fold_numbers(sentences, 4).tolist()
    documents: dict[int, set[str]] = {}
    for sentence, fold in zip(sentences, folds, strict=True):
        documents.setdefault(fold, set()).add(sentence.doc_id)
    assert sum(map(len, documents.values())) == len(set.union(*documents.values())) == N // 2
    assert max(map(len, documents.values())) - min(map(len, documents.values())) <= 1


def test_sentences_without_a_document_are_documents_of_their_own() -> None:
    assert fold_numbers([sentence_of("a b")] * 7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("fold", range(5))
def test_a_fold_and_the_others_share_nothing_and_lack_nothing(fold: int) -> None:
    part = part_of()
    numbered = replace(part, dev=list(range(N)))  # type: ignore[arg-type]
    own, others = numbered.only(fold), numbered.without(fold)
    assert set(own.dev) & set(others.dev) == set()  # type: ignore[arg-type]
    assert sorted(own.dev + others.dev) == list(range(N))  # type: ignore[type-var, arg-type]
    assert set(own.folds) == {fold} and fold not in others.folds
    assert len(own.found) == len(own.examples) == len(own.dev) == len(own.folds)


def noting(seen: list[set[int]], part: StackPart):  # type: ignore[no-untyped-def]
    """A fit that notes of which sentences of `part` it is given the examples."""
    place = {id(example): row for row, example in enumerate(part.examples)}

    def fit(examples: Sequence[Examples]) -> StackWeights:
        seen.append({place[id(example)] for example in examples})
        one = LinearWeights(slopes=(float(len(seen)), 0.0), absent=(0.0, 0.0))
        return StackWeights(entity=one, triple=one, qualifier=one)

    return fit


def test_candidates_out_of_fold_are_stacked_by_weights_of_other_folds() -> None:
    part, seen = part_of(), []
    (held,) = StackFitter(SCHEMA, False, noting(seen, part)).out_of_fold([part])
    assert len(seen) == 5
    for row, candidates in enumerate(held.candidates):
        by = int(candidates.entity_scores[0, 0] / 3) - 1  # the fit that weighed this sentence
        assert row not in seen[by]
        assert {other for other in range(N) if other not in seen[by]} == {
            other for other in range(N) if part.folds[other] == part.folds[row]
        }


def test_figures_of_a_fold_come_from_fits_that_never_saw_it() -> None:
    part, seen = part_of(), []
    fitter = StackFitter(SCHEMA, False, noting(seen, part))
    predicted = fitter.cross_fitted([part])[0]
    assert len(predicted) == N
    # For each fold: out of fold on each of the four others, then on all four.
    assert len(seen) == 5 * 5
    for fold in range(5):
        of_fold = set(np.flatnonzero(part.folds == fold).tolist())
        for given in seen[5 * fold : 5 * fold + 5]:
            assert not given & of_fold


def test_annotation_of_a_fold_cannot_change_its_own_predictions() -> None:
    """Turn the gold of one fold over: what is predicted for it stays, and for others changes."""
    part = part_of()
    chosen = part.folds == 2

    def turned(sentence: Sentence) -> Sentence:
        return replace(sentence, triples=(), entities=())

    dev = [
        replace(example, sentence=turned(example.sentence)) if flag else example
        for example, flag in zip(part.corpus.dev, chosen, strict=True)
    ]
    other = StackPart.of(replace(part.corpus, dev=dev), part.found, SCHEMA, 5)
    before, after = (FITTER.cross_fitted([p])[0] for p in (part, other))

    def scores(sentence: Sentence) -> list[float]:
        return [e.score for e in sentence.entities] + [t.score for t in sentence.triples]

    same = [key(a) == key(b) and scores(a) == scores(b) for a, b in zip(before, after, strict=True)]
    assert all(np.array(same)[chosen])
    assert not all(np.array(same)[~chosen])


# What is fitted


def test_two_noisy_models_are_better_than_either() -> None:
    part = part_of(n_folds=5)
    stacked = FITTER.reports([part])["c"].relation["boundary"].f1
    for model in range(2):
        single = StackPart.of(part.corpus, [(own[model],) for own in part.found], SCHEMA, 5)
        report = StackFitter(SCHEMA, False, alone).reports([single])["c"]
        assert stacked > report.relation["boundary"].f1


def test_stack_of_one_model_is_its_own_order() -> None:
    """Weights, then calibration: both go up with the model's score, within a relation."""
    part = part_of()
    single = StackPart.of(part.corpus, [(own[0],) for own in part.found], SCHEMA, 5)
    stack = FITTER.fitted([single])
    raw, final = [], []
    for own, dev in zip(single.found, single.stacked(stack.weights).candidates, strict=True):
        if len(own[0].triples) and own[0].triples[0, 1] == 0:
            raw.append(float(own[0].triple_scores[0]))
            final.append(float(stack.decoder.calibration.apply(dev).triple_scores[0]))
    assert len(raw) > 20
    assert (np.diff(np.array(final)[np.argsort(raw)]) > 0).all()


def test_final_weights_are_learnt_on_all_and_the_decoder_is_tuned_out_of_fold() -> None:
    part = part_of()
    stack = FITTER.fitted([part])
    assert stack.weights == FITTER.fit(part.examples)
    (held,) = FITTER.out_of_fold([part])
    from extract.training.finish import calibrated, tuned

    expected = tuned([held], calibrated([held], SCHEMA, nested=False))
    assert stack.decoder.calibration == expected.calibration
    assert stack.decoder.thresholds == expected.thresholds


def test_corpora_are_reported_apart_and_learnt_from_together() -> None:
    one, two = part_of(0), part_of(1)
    two = replace(two, corpus=replace(two.corpus, name="d"))
    reports = FITTER.reports([one, two])
    assert set(reports) == {"c", "d"}
    assert FITTER.fitted([one, two]).weights == FITTER.fit(one.examples + two.examples)
