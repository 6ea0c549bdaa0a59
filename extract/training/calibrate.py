"""Calibration and thresholds, fitted on the development part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from extract.decode.calibration import Calibration, fit_logistic, triple_features, weakest_parts
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.decode.greedy import GreedySolver
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.corpora import CorpusData

GRID = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
# For figures that count only what the gold annotation decides, so that more may be given.
LOW_GRID = (0.02, 0.03, 0.05, 0.07)
_LENIENCE = 2.0  # log-odds by which the decoder that calibration is fitted on is more generous
_ENTITIES, _TRIPLES, _QUALIFIERS = range(3)


def fit_calibration(
    candidates: Sequence[Candidates],
    gold: Sequence[Sentence],
    sources: Sequence[CorpusData],
    schema: Schema,
    constraints: Constraints,
) -> Calibration:
    """Logistic maps from raw scores to whether a candidate is in the gold annotation.

    They are fitted on what a lenient decoder keeps, since those are the candidates that a threshold
    decides about; the mass of hopeless ones would bend the maps. Entities: span and type right.
    Triples: both spans and the relation right. Qualifiers: triple, label and value span right. What
    the sentence's corpus (`sources`) does not annotate is left out, and so are entities that it gives.
    """
    entities: list[tuple[np.ndarray, bool]] = []
    triples: list[tuple[np.ndarray, bool]] = []
    of_relation: list[int] = []
    qualifiers: list[tuple[np.ndarray, bool]] = []
    solver = GreedySolver()
    for found, sentence, corpus in zip(candidates, gold, sources, strict=True):
        relations = decided_relations(sentence, corpus)
        kept = solver.solve(
            _lenient(found), replace(constraints, nested=True) if corpus.given else constraints
        )
        spans = [tuple(span) for span in found.spans.tolist()]
        gold_types = {(e.span.start_word, e.span.end_word): e.label for e in sentence.entities}
        for row, label in kept.entities if corpus.typed and not corpus.given else ():
            right = gold_types.get(spans[row]) == schema.entity_names[label]
            entities.append((found.entity_scores[row, [label]], right))
        gold_triples, gold_qualifiers = gold_keys(sentence)
        keys = [
            (spans[s], schema.relation_names[r], spans[o]) for s, r, o in found.triples.tolist()
        ]
        features = triple_features(found)
        known = [row for row in kept.triples if keys[row][1] in relations]
        triples += [(features[row], keys[row] in gold_triples) for row in known]
        of_relation += found.triples[known, 1].tolist()
        features = np.stack([found.qualifier_scores, weakest_parts(found)], axis=1)
        for row in kept.qualifiers if corpus.schema.qualifiers else ():
            triple, label, value = found.qualifiers[row].tolist()
            if keys[triple][1] not in relations:
                continue
            key = (*keys[triple], schema.qualifier_names[label], spans[value])
            qualifiers.append((features[row], key in gold_qualifiers))
    entity, _ = _fit(entities, 1)
    triple, relation_shifts = _fit(triples, 3, of_relation, len(schema.relations))
    qualifier, _ = _fit(qualifiers, 2)
    return Calibration(
        entity=(entity[0], entity[1]),
        triple=(triple[0], triple[1], triple[2], triple[3]),
        relations=relation_shifts,
        qualifier=(qualifier[0], qualifier[1], qualifier[2]),
    )


def decided_relations(sentence: Sentence, corpus: CorpusData) -> set[str]:
    """The relations whose triples a sentence's annotation can confirm or deny."""
    if corpus.complete < 1:
        return {triple.relation for triple in sentence.triples}
    return set(corpus.schema.relation_names)


def _lenient(found: Candidates) -> Candidates:
    return replace(
        found,
        entity_scores=found.entity_scores + np.float32(_LENIENCE),
        triple_scores=found.triple_scores + np.float32(_LENIENCE),
        qualifier_scores=found.qualifier_scores + np.float32(_LENIENCE),
    )


def _fit(
    items: list[tuple[np.ndarray, bool]],
    n_features: int,
    groups: list[int] | None = None,
    n_groups: int = 0,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    features = np.array([row for row, _ in items], np.float64).reshape(-1, n_features)
    correct = np.array([right for _, right in items], bool)
    of = None if groups is None else np.array(groups, np.int64)
    return fit_logistic(features, correct, of, n_groups)


def gold_keys(sentence: Sentence) -> tuple[set[object], set[object]]:
    """A sentence's triples and qualifiers by what they say: spans as words, labels as names."""
    triples: set[object] = set()
    qualifiers: set[object] = set()
    for t in sentence.triples:
        s, o = t.subject.span, t.object.span
        key = ((s.start_word, s.end_word), t.relation, (o.start_word, o.end_word))
        triples.add(key)
        for q in t.qualifiers:
            qualifiers.add((*key, q.label, (q.value.span.start_word, q.value.span.end_word)))
    return triples, qualifiers


def tune_thresholds(
    decoder: Decoder,
    measure_entities: Callable[[Decoder], float],
    measure_triples: Callable[[Decoder], float],
    measure_qualifiers: Callable[[Decoder], float],
    grid: Sequence[float] = GRID,
) -> tuple[float, float, float]:
    """Thresholds of entities, triples and qualifiers that raise the measure of each most.

    One after the other: triples, entities, triples again, qualifiers. Ties go to the threshold nearest
    to 0.5, so a dev set that does not care changes nothing. `grid` holds those that are tried.
    """
    best = decoder.thresholds
    measures = {
        _ENTITIES: measure_entities, _TRIPLES: measure_triples, _QUALIFIERS: measure_qualifiers
    }  # fmt: skip
    seen: dict[tuple[int, tuple[float, float, float]], float] = {}  # decoding dev is what costs
    for kind in (_TRIPLES, _ENTITIES, _TRIPLES, _QUALIFIERS):
        scored = []
        for threshold in grid:
            entity, triple, qualifier = (threshold if k == kind else best[k] for k in range(3))
            tried = (entity, triple, qualifier)
            known = (kind, tried)
            if known not in seen:
                seen[known] = measures[kind](replace(decoder, thresholds=tried))
            scored.append((seen[known], -abs(threshold - 0.5), tried))
        best = max(scored)[2]
    return best
