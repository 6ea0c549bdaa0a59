"""The layer study: probes, measures and a fusion to try, for one encoder on one corpus."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from extract.errors import CorpusError
from extract.layers.gold import NO_RELATION, OUTSIDE, Gold, Labelled, gold_of
from extract.layers.probes import Labels, Probe, ProbeScore, draws, known_labels, score
from extract.layers.recommend import Curve, Recommendation, recommend, shorten
from extract.layers.representation import Representation, representations
from extract.layers.states import WordTable, pair_features, span_means, word_states
from extract.layers.studied import StudiedEncoder
from extract.structures import Sentence

logger = logging.getLogger(__name__)

MOST_SENTENCES = 1000


@dataclass(frozen=True, slots=True)
class LayerRow:
    """What the study found of one layer. `type` is None where the corpus has but one entity type."""

    layer: int
    boundary: ProbeScore
    type: ProbeScore | None
    relation: ProbeScore
    representation: Representation

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the probes under their names."""
        return {
            "layer": self.layer,
            "probes": {
                "boundary": self.boundary.to_dict(),
                "type": None if self.type is None else self.type.to_dict(),
                "relation": self.relation.to_dict(),
            },
            "representation": asdict(self.representation),
        }


@dataclass(frozen=True, slots=True)
class PartCounts:
    """What a part holds. `left_out` spans and pairs have a label that is too rare for a probe."""

    sentences: int
    words: int
    spans: int
    pairs: int
    related_pairs: int
    further_relations: int
    left_out_spans: int
    left_out_pairs: int


@dataclass(frozen=True, slots=True)
class Study:
    """A finished study. Layer 0 is the embedding output; `shorter` is the fusion for fewer layers."""

    encoder: str
    n_layers: int
    hidden: int
    train: PartCounts
    dev: PartCounts
    rows: tuple[LayerRow, ...]
    recommended: Recommendation
    shorter: Recommendation | None
    seconds: dict[str, float]

    def recipe(self, recommendation: Recommendation) -> str:
        """The recipe snippet of a recommendation for this encoder."""
        return recommendation.recipe(self.encoder)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ratios as fractions in [0, 1]."""
        return {
            "encoder": {"name": self.encoder, "n_layers": self.n_layers, "hidden": self.hidden},
            "data": {"train": asdict(self.train), "dev": asdict(self.dev)},
            "layers": [row.to_dict() for row in self.rows],
            "recommendation": self._recommendation(self.recommended),
            "shorter": None if self.shorter is None else self._recommendation(self.shorter),
            "seconds": self.seconds,
        }

    def _recommendation(self, found: Recommendation) -> dict[str, Any]:
        return asdict(found) | {"recipe": self.recipe(found)}


@dataclass(frozen=True, slots=True)
class _Part:
    """A corpus part, read: its gold examples and the states of its words."""

    name: str
    sentences: list[Sentence]
    gold: Gold

    def counts(self, labels: _Labels) -> PartCounts:
        pairs = self.gold.pairs
        return PartCounts(
            sentences=len(self.sentences),
            words=len(self.gold.words),
            spans=len(self.gold.spans),
            pairs=len(pairs),
            related_pairs=int((pairs.labels != NO_RELATION).sum()),
            further_relations=self.gold.n_further_relations,
            left_out_spans=int((~np.isin(self.gold.spans.labels, labels.types)).sum()),
            left_out_pairs=int((~np.isin(pairs.labels, labels.relations)).sum()),
        )


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels that probes tell apart, from the train part."""

    types: list[str]
    relations: list[str]


def study(
    studied: StudiedEncoder,
    train: Sequence[Sentence],
    dev: Sequence[Sentence],
    *,
    corpus: str,
    most_sentences: int = MOST_SENTENCES,
    seed: int = 13,
) -> Study:
    """Probe every layer of an encoder, and measure its states.

    Args:
        train: gold sentences that probes are fitted to.
        dev: gold sentences, of whatever split, that they are scored on and whose states are measured.
        corpus: what messages call the data.
        most_sentences: sentences drawn from each part if it has more.
        seed: of the draws and of the misspelt copies.

    Raises `CorpusError` if a part has no words, no entities or no relations, and `ModelError` if the
    encoder gives values that are no finite numbers.
    """
    started = time.monotonic()
    parts = [
        _part(name, sentences, corpus, most_sentences, seed)
        for name, sentences in (("train", train), ("dev", dev))
    ]
    labels = _Labels(
        known_labels(parts[0].gold.spans.labels), known_labels(parts[0].gold.pairs.labels)
    )
    if len(labels.types) < 2:
        logger.warning("corpus %s has one entity type: no probe tells types apart.", corpus)
    tables = [word_states(studied, part.sentences) for part in parts]
    read = time.monotonic()
    measured = representations(studied, parts[1].sentences, seed)
    represented = time.monotonic()
    resampled = draws(len(parts[1].sentences), seed)
    rows = []
    for layer, representation in enumerate(measured):
        scores = _probe_layer(layer, parts, tables, labels, resampled)
        rows.append(LayerRow(layer, *scores, representation))
        logger.info("layer %d of %d: %s", layer, len(measured) - 1, _in_short(rows[-1]))
    entities, relations = _curves(rows)
    recommended = recommend(entities, relations)
    ended = time.monotonic()
    return Study(
        encoder=studied.encoder.name,
        n_layers=studied.encoder.n_layers,
        hidden=studied.encoder.hidden,
        train=parts[0].counts(labels),
        dev=parts[1].counts(labels),
        rows=tuple(rows),
        recommended=recommended,
        shorter=shorten(entities, relations, recommended.n_layers),
        seconds={
            "states": round(read - started, 2),
            "representation": round(represented - read, 2),
            "probes": round(ended - represented, 2),
        },
    )


def _part(name: str, sentences: Sequence[Sentence], corpus: str, most: int, seed: int) -> _Part:
    """Draw sentences with words, in their order. Raises `CorpusError` if there is nothing to probe for."""
    with_words = [sentence for sentence in sentences if len(sentence)]
    if not with_words:
        raise CorpusError(
            f"The {name} part of corpus {corpus!r} has {len(sentences)} sentences and not one word. "
            "Expected sentences with words."
        )
    if len(with_words) > most:
        chosen = sorted(random.Random(seed).sample(range(len(with_words)), most))
        with_words = [with_words[at] for at in chosen]
    gold = gold_of(with_words)
    for kind, found in (
        ("entity", len(gold.spans)),
        ("relation", int((gold.pairs.labels != NO_RELATION).sum())),
    ):
        if not found:
            raise CorpusError(
                f"The {name} part of corpus {corpus!r} has no {kind} in {len(with_words)} sentences: "
                "there is nothing to probe for. Choose a corpus with entities and relations."
            )
    return _Part(name, with_words, gold)


def _probe_layer(
    layer: int,
    parts: list[_Part],
    tables: list[WordTable],
    labels: _Labels,
    resampled: npt.NDArray[np.int64],
) -> tuple[ProbeScore, ProbeScore | None, ProbeScore]:
    """The scores of the layer's three probes."""
    words = [table.states[layer].astype(np.float32) for table in tables]  # (words, hidden)
    spans = [
        span_means(rows, part.gold.spans.rows) for rows, part in zip(words, parts, strict=True)
    ]
    boundary = _probe(words, [part.gold.words for part in parts], resampled, none=OUTSIDE)
    type_ = None
    if len(labels.types) > 1:
        examples = [part.gold.spans for part in parts]
        type_ = _probe(spans, examples, resampled, none=None, known=labels.types)
    pairs = [
        pair_features(means, part.gold.pairs.rows) for means, part in zip(spans, parts, strict=True)
    ]
    examples = [part.gold.pairs for part in parts]
    relation = _probe(pairs, examples, resampled, none=NO_RELATION, known=labels.relations)
    return boundary, type_, relation


def _probe(
    features: list[npt.NDArray[np.float32]],
    examples: list[Labelled],
    resampled: npt.NDArray[np.int64],
    *,
    none: str | None,
    known: list[str] | None = None,
) -> ProbeScore:
    """Fit to the train part, score on the dev part; examples of labels beyond `known` are left out.

    Raises `CorpusError` if that leaves nothing to tell apart or to score.
    """
    kept = [
        np.ones(len(part), bool) if known is None else np.isin(part.labels, known)
        for part in examples
    ]
    (x, x_dev), (y, y_dev) = (
        [values[chosen] for values, chosen in zip(features, kept, strict=True)],
        [part.labels[chosen] for part, chosen in zip(examples, kept, strict=True)],
    )
    if len(np.unique(y)) < 2 or not len(y_dev):
        raise CorpusError(
            f"Expected at least two labels to tell apart in the train part and one of them in the dev part, "
            f"got {len(np.unique(y))} ({', '.join(np.unique(y)[:5])}) and {len(y_dev)} dev examples."
        )
    probe = Probe().fit(x, y)
    predicted: Labels = probe.predict(x_dev)
    sentences = examples[1].sentences[kept[1]]
    return score(y_dev, predicted, sentences, resampled, none=none, converged=probe.converged)


def _curves(rows: Sequence[LayerRow]) -> tuple[Curve, Curve]:
    """Entities as the mean of boundary and type, and relations, by layer."""
    of_entities = [[s for s in (row.boundary, row.type) if s is not None] for row in rows]
    entities = Curve(
        "entities",
        np.array([np.mean([s.micro.f1 for s in scores]) for scores in of_entities]),
        np.stack([np.mean([s.resampled for s in scores], axis=0) for scores in of_entities]),
    )
    relations = Curve(
        "relations",
        np.array([row.relation.micro.f1 for row in rows]),
        np.stack([row.relation.resampled for row in rows]),
    )
    return entities, relations


def _in_short(row: LayerRow) -> str:
    scores = {"boundary": row.boundary, "type": row.type, "relation": row.relation}
    return ", ".join(
        f"{name} {100 * found.micro.f1:.1f}" for name, found in scores.items() if found is not None
    )
