"""From trained weights to a decoder: calibration and thresholds on dev, and the dev report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from corpora.base import Example
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.decode.given import SURE, certain
from extract.evaluation.directed import directed_macro_f1
from extract.evaluation.judged import judged
from extract.evaluation.metrics import Unaligned, entity_score, hyper_score, relation_score
from extract.evaluation.report import Report, evaluate_sentences
from extract.evaluation.text2kgbench import locally_closed_f1
from extract.predict import Predictor, spans_of
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.calibrate import GRID, LOW_GRID, fit_calibration, tune_thresholds
from extract.training.corpora import CorpusData


@dataclass(frozen=True)
class DevPart:
    """One corpus's development sentences with the candidates the model gave for them."""

    corpus: CorpusData
    dev: list[Example]
    candidates: list[Candidates]

    @classmethod
    def of(cls, corpus: CorpusData, predictor: Predictor) -> DevPart:
        """Run the model over a corpus's development part."""
        gold = [example.sentence for example in corpus.dev]
        found = predictor.candidates(gold, given=spans_of(gold) if corpus.given else None)
        if corpus.given:
            types = predictor.model.schema.entity_names
            found = [certain(f, s.entities, types, SURE) for f, s in zip(found, gold, strict=True)]
        return cls(corpus, corpus.dev, found)

    @property
    def gold(self) -> list[Sentence]:
        """The sentences as they are annotated."""
        return [example.sentence for example in self.dev]

    @property
    def unaligned(self) -> list[tuple[tuple[str, str, str], ...]]:
        """Of each sentence the gold triples that are known by their texts alone."""
        return [example.unaligned for example in self.dev]

    def half(self, number: int) -> DevPart:
        """Every second sentence, from the first (0) or the second (1)."""
        chosen = slice(number, None, 2)
        return DevPart(self.corpus, self.dev[chosen], self.candidates[chosen])

    def decode(self, decoder: Decoder) -> list[Sentence]:
        """Predictions for all sentences, as far as the corpus can judge them."""
        found = []
        for example, candidates in zip(self.dev, self.candidates, strict=True):
            gold = example.sentence
            known = gold.entities if self.corpus.given else None
            found.append(decoder.decode(example.text, bare(gold), candidates, given=known))
        return [judged(sentence, self.corpus.schema, typed=self.corpus.typed) for sentence in found]

    def f1(self, pred: Sequence[Sentence], metric: str | None = None) -> float:
        """F1 in [0, 1] of predictions for all sentences, under the corpus's metric or another."""
        return dev_f1(self.gold, pred, metric or self.corpus.metric, self.unaligned)


def bare(sentence: Sentence) -> Sentence:
    """The sentence without its annotation."""
    return replace(sentence, entities=(), triples=())


def dev_f1(
    gold: Sequence[Sentence],
    pred: Sequence[Sentence],
    metric: str,
    unaligned: Unaligned | None = None,
) -> float:
    """F1 in [0, 1] under a recipe's metric; entities may nest. Metrics of texts count `unaligned` as gold."""
    if metric == "entity":
        return entity_score(gold, pred).f1
    if metric == "directed_macro":
        return directed_macro_f1(gold, pred)
    if metric == "locally_closed":
        return locally_closed_f1(gold, pred)
    if metric in ("triplet", "quintuplet"):
        return hyper_score(gold, pred, metric).f1  # type: ignore[arg-type]
    by_texts = metric in ("partial", "exact")
    return relation_score(gold, pred, metric, unaligned if by_texts else None).f1  # type: ignore[arg-type]


def calibrated(parts: Sequence[DevPart], schema: Schema, *, nested: bool) -> Decoder:
    """A decoder with calibration fitted on `parts` and no thresholds tuned."""
    calibration = fit_calibration(
        [found for part in parts for found in part.candidates],
        [sentence for part in parts for sentence in part.gold],
        [part.corpus for part in parts for _ in part.gold],
        schema,
        Constraints.from_schema(schema, nested=nested),
    )
    return Decoder(schema, nested=nested, calibration=calibration)


def tuned(parts: Sequence[DevPart], decoder: Decoder) -> Decoder:
    """The decoder with the thresholds that give the highest mean F1 over the parts.

    Where the metric is of quintuplets, triples are tuned on triplets: a low threshold on triples
    costs quintuplets nothing, since a false triple seldom gets a qualifier, but it floods users. The
    threshold on entities is tuned on entities as much as on triples, which hardly mind it; entities count
    in parts that annotate all of them with their types and do not give them beforehand; a world that is
    closed only locally does not.
    """

    def mean_f1(
        trial: Decoder, instead: dict[str, str] | None = None, *, entities: bool = False
    ) -> float:
        scores, of_entities = [], []
        for part in parts:
            pred, metric = part.decode(trial), part.corpus.metric
            scores.append(part.f1(pred, (instead or {}).get(metric)))
            if entities and _all_entities(part.corpus):
                of_entities.append(entity_score(part.gold, pred).f1)
        mean = sum(scores) / len(scores)
        return mean + sum(of_entities) / len(of_entities) if of_entities else mean

    triplets = {"quintuplet": "triplet"}
    thresholds = tune_thresholds(
        decoder,
        lambda trial: mean_f1(trial, triplets, entities=True),
        lambda trial: mean_f1(trial, triplets),
        # Without qualifiers all their thresholds are as good, and the middle one is taken.
        lambda trial: mean_f1(trial) if decoder.schema.qualifiers else 0.0,
        (*LOW_GRID, *GRID) if all(p.corpus.metric == "locally_closed" for p in parts) else GRID,
    )
    return replace(decoder, thresholds=thresholds)


def _all_entities(corpus: CorpusData) -> bool:
    """Whether a corpus annotates all entities with their types, and does not give them beforehand."""
    return corpus.typed and not corpus.given and corpus.metric != "locally_closed"


def report(part: DevPart, decoder: Decoder) -> Report:
    """All dev figures of one part."""
    import corpora

    return evaluate_sentences(
        part.gold,
        part.decode(decoder),
        unaligned=part.unaligned,
        directed=corpora.get(part.corpus.name).one_answer or part.corpus.metric == "directed_macro",
    )


def cross_fitted_calibration(
    parts: Sequence[DevPart], decoder: Decoder
) -> dict[str, dict[str, Any]]:
    """Calibration errors by corpus and of all, each half of dev scored by the other's calibration."""
    halves = [
        replace(
            calibrated([p.half(1 - n) for p in parts], decoder.schema, nested=decoder.nested),
            thresholds=decoder.thresholds,
        )
        for n in (0, 1)
    ]
    errors = {}
    all_gold: list[Sentence] = []
    all_pred: list[Sentence] = []
    for part in parts:
        first, second = part.half(0), part.half(1)
        gold, pred = first.gold + second.gold, first.decode(halves[0]) + second.decode(halves[1])
        errors[part.corpus.title] = evaluate_sentences(gold, pred).to_dict()["calibration"]
        all_gold += gold
        all_pred += pred
    if len(parts) > 1:
        errors["all"] = evaluate_sentences(all_gold, all_pred).to_dict()["calibration"]
    return errors
