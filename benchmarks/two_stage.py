"""Triples by one network, their qualifiers by another: the baseline of models that find both at once.

The first network never sees a qualifier: its schema has none. The second is trained on the same corpora
to find spans and, given gold triples, their values; it is not trained to find triples, so that its last
epoch is kept and not its best. In use, the first network's decoded triples are final, and the second's cube
scores their qualifiers among the first network's spans.

Chia et al. 2022, A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach (the two-stage
pipeline that the cube is compared with). Differs from the paper: both stages are the table head, where the
paper's second stage tags values with a marked triple in the text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from benchmarks.pace import sentences_per_second
from extract import Extractor, load
from extract.decode.calibration import NO_QUALIFIER, Calibration
from extract.decode.candidates import Candidates
from extract.decode.decoder import Decoder
from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.windows import EncodedBatch
from extract.errors import RecipeError
from extract.heads.base import GivenSpans
from extract.model import ExtractionModel
from extract.predict import Predictor, windower_of
from extract.training.calibrate import GRID
from extract.training.corpora import load_corpus, merged_schema
from extract.training.finish import DevPart, calibrated, report
from extract.training.recipe import Recipe, read_recipe

COMPOSED = "two_stage.json"


def write_schema(recipe: Recipe, path: Path) -> None:
    """Write what a recipe's corpora annotate, less the qualifiers."""
    schema = merged_schema(recipe, [load_corpus(corpus) for corpus in recipe.corpora])
    replace(schema, qualifiers=()).write(path)


def triples_recipe(path: str, overrides: Sequence[str], schema: Path) -> Recipe:
    """The first network's recipe: no qualifiers, the best epoch by triplets."""
    n_corpora = len(read_recipe(path, list(overrides)).corpora)
    metrics = [f"corpora.{i}.metric=triplet" for i in range(n_corpora)]
    return read_recipe(path, [*overrides, *metrics, f"schema_file={json.dumps(str(schema))}"])


def qualifiers_recipe(path: str, overrides: Sequence[str]) -> Recipe:
    """The second network's recipe: relations weigh nothing, and no epoch but the last is scored."""
    epochs = read_recipe(path, list(overrides)).training.epochs
    weights = [f"training.loss_weights.{task}=0.0" for task in ("pairs", "relations")]
    return read_recipe(path, [*overrides, *weights, f"training.eval_from={epochs}"])


class TwoStage(nn.Module):
    """Candidates of the first network with the qualifiers that the second gives them."""

    def __init__(self, triples: ExtractionModel, qualifiers: ExtractionModel) -> None:
        super().__init__()
        self.triples = triples
        self.qualifiers = qualifiers
        self.schema = qualifiers.schema

    @property
    def encoder(self) -> PretrainedEncoder:
        """The first network's, by which batches are cut."""
        return self.triples.encoder

    def candidates(self, batch: EncodedBatch, given: GivenSpans | None = None) -> list[Candidates]:
        """Candidates of each window, among given spans if there are any; both networks cut text alike."""
        found = self.triples.candidates(batch, given)
        second = self.qualifiers
        qualified: list[Candidates] = second.head.qualified(second.word_states(batch), found)
        return qualified


def joined(first: Path, second: Path) -> tuple[Predictor, Decoder]:
    """A predictor of two finished runs, and a decoder by which qualifiers cannot change the triples.

    The decoder has the first run's calibration and thresholds; those of qualifiers are yet to be set.

    Raises `RecipeError` if the networks do not know the same entity types and relations.
    """
    stages = [load(run, device="cpu", dtype="float32", threads=1) for run in (first, second)]
    models = [stage._predictor.model for stage in stages]
    known = [(model.schema.entity_names, model.schema.relation_names) for model in models]
    if known[0] != known[1]:
        raise RecipeError(f"Expected {first} and {second} to know the same types and relations.")
    decoder = stages[0]._decoder
    score, end, qualifier, shift = decoder.calibration.triple
    calibration = decoder.calibration.model_copy(
        # What a triple without qualifiers gets, for all of them.
        update={"triple": (score, end, 0.0, shift + qualifier * NO_QUALIFIER)}
    )
    predictor = Predictor(TwoStage(*models), windower_of(models[0]))
    return predictor, replace(decoder, schema=models[1].schema, calibration=calibration)


def compose(first: Path, second: Path, out: Path) -> None:
    """Calibrate the qualifiers of two finished runs on dev, set their threshold, write the dev report."""
    predictor, decoder = joined(first, second)
    recipe = read_recipe(second / "recipe.toml")
    parts = [DevPart.of(load_corpus(corpus), predictor) for corpus in recipe.corpora]
    parts = [part for part in parts if part.gold]
    fitted = calibrated(parts, decoder.schema, nested=decoder.nested).calibration
    calibration = decoder.calibration.model_copy(update={"qualifier": fitted.qualifier})
    decoder = replace(decoder, calibration=calibration)
    trials = [replace(decoder, thresholds=(*decoder.thresholds[:2], chance)) for chance in GRID]
    decoder = max(
        trials, key=lambda trial: (_quintuplet_f1(parts, trial), -abs(trial.thresholds[2] - 0.5))
    )
    found: dict[str, Any] = {
        "dev": {part.corpus.title: report(part, decoder).to_dict() for part in parts},
        "calibration": calibration.model_dump(mode="json"),
        "thresholds": decoder.thresholds,
    }
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _quintuplet_f1(parts: Sequence[DevPart], decoder: Decoder) -> float:
    scores = [part.f1(part.decode(decoder), "quintuplet") for part in parts]
    return sum(scores) / len(scores)


def extractor(first: Path, second: Path, composed: Path) -> Extractor:
    """The two networks as one, with what `compose` found."""
    found = json.loads(composed.read_text(encoding="utf-8"))
    predictor, decoder = joined(first, second)
    decoder = replace(
        decoder,
        calibration=Calibration.model_validate(found["calibration"]),
        thresholds=tuple(found["thresholds"]),
    )
    return Extractor(predictor, decoder, name="two-stage", version="1")


def pace(first: Path, second: Path, composed: Path) -> float:
    """Sentences a second of the two networks over the dev parts of their recipe."""
    recipe = read_recipe(second / "recipe.toml")
    sentences = [e.sentence for corpus in recipe.corpora for e in load_corpus(corpus).dev]
    return sentences_per_second(extractor(first, second, composed), sentences)
