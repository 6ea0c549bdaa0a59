"""One training run: data, schema, network, loop, calibration, and the finished model folder."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from extract.decode.decoder import Decoder
from extract.encoder.windows import Windower
from extract.errors import OutputError, RecipeError
from extract.evaluation.metrics import entity_score
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, Settings, round_to_int8, write_model
from extract.predict import Predictor, windower_of
from extract.schema import Schema
from extract.schemas.read import read_schema
from extract.training.corpora import CorpusData, load_corpora, merged_schema
from extract.training.data import Annotated, Collator, TrainingWindow, training_windows
from extract.training.distill.student import FILTERS, Student
from extract.training.distill.teacher import Teacher
from extract.training.finish import DevPart, cross_fitted_calibration
from extract.training.fitted import Fitted, fit_exits
from extract.training.recipe import Recipe, read_recipe, write_recipe
from extract.training.start import start_from
from extract.training.stated import annotated_sentences
from extract.training.trainer import BEST_METRICS, ExtractionTrainer, has_bf16
from extract.versions import environment

logger = logging.getLogger(__name__)

_RECIPE = "recipe.toml"  # in a run folder


def train(
    recipe: Recipe, run_dir: str | Path, *, resume: bool = True, progress: bool = True
) -> dict[str, Any]:
    """Train a recipe into a run folder and return its dev metrics.

    The folder holds `recipe.toml`, checkpoints, `metrics.json` and, at the end, `model/`. An
    interrupted run goes on from its last checkpoint and ends as if it had not been interrupted.

    Raises `OutputError` if the folder holds a run of another recipe; `RecipeError`, `CorpusError` and
    `ModelError` for what they name.
    """
    from transformers import set_seed

    folder = Path(run_dir)
    _open(folder, recipe)
    set_seed(recipe.fresh_seed)
    run = _Run.prepare(recipe)  # the trainer sets the seed of order and dropout
    with _told_of(folder):  # only now: a recipe that cannot be trained has no run
        write_recipe(recipe, folder / _RECIPE)
    last = _last_checkpoint(folder) if resume else None
    if last is None:
        (folder / BEST_METRICS).unlink(missing_ok=True)  # an earlier run's best is not this one's
        if not resume:
            (folder / FILTERS).unlink(missing_ok=True)
            for checkpoint in folder.glob("checkpoint-*"):  # else a resumed run would go on from it
                shutil.rmtree(checkpoint)
    trainer = ExtractionTrainer(
        run.model,
        run.windows,
        Collator(
            run.windower,
            recipe.training.piece_dropout,
            None if run.teacher is None else run.teacher.windower,
        ),
        recipe.training,
        seed=recipe.seed,
        run_dir=folder,
        measure=run.measure,
        progress=progress,
        student=run.student(),
    )
    started = time.monotonic()
    if last is None:
        trainer.learn_filters(folder)
    if last is None or not trainer.has_stopped(last):
        trainer.train(resume_from_checkpoint=last)
    trainer.best.load_into(run.model)
    report = run.finish(folder, trainer.best.epoch, time.monotonic() - started)
    return report


def _open(folder: Path, recipe: Recipe) -> None:
    """Make the folder, unless what another recipe has come to is in it."""
    stored = folder / _RECIPE
    another = stored.is_file() and read_recipe(stored) != recipe
    if another and (_last_checkpoint(folder) is not None or (folder / "model").exists()):
        raise OutputError(
            f"{folder} holds a run of another recipe. Choose another --output folder, or delete it."
        )
    with _told_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if another:  # it came to nothing that could be gone on with
            (folder / FILTERS).unlink(missing_ok=True)


@contextmanager
def _told_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot write to run folder {folder}: {error.strerror or error}."
        ) from error


def _last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; the trainer's state is written last and so marks it whole."""
    found = [path for path in folder.glob("checkpoint-*") if _is_whole(path)]
    found.sort(key=lambda path: int(path.name.split("-")[1]))
    return str(found[-1]) if found else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


@dataclass
class _Run:
    """What a run holds in memory."""

    recipe: Recipe
    schema: Schema
    model: ExtractionModel
    windower: Windower
    windows: list[TrainingWindow]
    corpora: list[CorpusData]
    predictor: Predictor
    teacher: Teacher | None = None

    @classmethod
    def prepare(cls, recipe: Recipe) -> _Run:
        corpora = load_corpora(recipe.corpora)
        schema = (
            read_schema(recipe.schema_file)
            if recipe.schema_file
            else merged_schema(recipe, corpora)
        )
        if not schema.entity_types:
            raise RecipeError(
                "Expected training data with entities, got none. Check the corpora of the recipe."
            )
        model = ExtractionModel(recipe.model, schema)
        if recipe.start is not None:
            start_from(model, recipe.start)
        windower = windower_of(model)
        teacher = Teacher.load(recipe.distill.teacher, windower) if recipe.distill else None
        by_corpus = []
        for corpus in corpora:
            sentences = [e.sentence for e in corpus.train]
            annotated = replace(Annotated.by(corpus.schema, schema), given=corpus.given)
            if not corpus.typed:
                annotated = replace(annotated, entity_types=frozenset())
            each: Annotated | list[Annotated] = annotated
            if corpus.complete < 1:
                each = annotated_sentences(corpus.train, annotated, schema, corpus.complete)
            items = training_windows(sentences, windower, schema, each)
            by_corpus.append(items if teacher is None else teacher.with_windows(items, sentences))
        model.head.study(
            [[(item.window, item.gold) for item in windows] for windows in by_corpus],
            recipe.fresh_seed,
        )
        windows = [item for own in by_corpus for item in own]
        logger.info("%d training windows, %d relations", len(windows), len(schema.relations))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        fast = recipe.training.bf16 != "no" and has_bf16()
        predictor = Predictor(model, windower, device=device, autocast=fast)
        if teacher is not None:
            teacher.model.to(device)
        return cls(recipe, schema, model, windower, windows, corpora, predictor, teacher)

    def student(self) -> Student | None:
        """The network with what its teacher adds to its training, if it has one."""
        if self.teacher is None or self.recipe.distill is None:
            return None
        return Student(self.model, self.teacher, self.recipe.distill)

    def _with_dev(self) -> list[CorpusData]:
        """The corpora that the model is scored on; others only teach."""
        return [corpus for corpus in self.corpora if corpus.dev]

    def measure(self) -> dict[str, float]:
        """Dev F1 with raw scores and no threshold: the mean over the corpora with a dev part."""
        self.model.eval()
        decoder = Decoder(self.schema, nested=self.recipe.decode.nested)
        values, others = {}, {}
        for corpus in self._with_dev():
            part = DevPart.of(corpus, self.predictor)
            pred = part.decode(decoder)
            values[corpus.title] = part.f1(pred)
            if corpus.typed:
                others[f"{corpus.title}_entities"] = entity_score(part.gold, pred).f1
        mean = sum(values.values()) / len(values)
        return {"f1": mean, **(values if len(values) > 1 else {}), **others}

    def finish(self, folder: Path, best_epoch: float, seconds: float) -> dict[str, Any]:
        """Calibrate on dev, tune thresholds, score, and write the model folder."""
        if self.recipe.storage == "int8":
            round_to_int8(self.model)  # figures are those of what is stored
        own: dict[str, Any] = {"nested": self.recipe.decode.nested, "device": self.predictor.device}
        fitted = Fitted.on(self._with_dev(), self.model, **own)
        parts, decoder = fitted.parts, fitted.decoder
        reports = fitted.reports()
        result = {
            "name": self.recipe.name,
            "version": self.recipe.version,
            "seed": self.recipe.seed,
            "best_epoch": best_epoch,
            "seconds": round(seconds, 1),
            "thresholds": decoder.thresholds,
            "dev": reports,
            "cross_fitted_calibration": cross_fitted_calibration(parts, decoder),
            "environment": environment(),
        }
        layers = self.recipe.exits(self.model.encoder.n_layers)
        exits, figures = fit_exits(layers, self._with_dev(), self.model, **own)
        if exits:
            result["exits"] = figures
        (folder / "metrics.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        settings = Settings(
            name=self.recipe.name,
            version=self.recipe.version,
            description=self.recipe.description,
            model=self.recipe.model,
            nested=self.recipe.decode.nested,
            entities="given" if all(part.corpus.given for part in parts) else "found",
            calibration=decoder.calibration,
            thresholds=decoder.thresholds,
            exits=exits,
        )
        write_model(
            ModelFolder(folder / "model"),
            self.model,
            self.schema,
            settings,
            self.recipe,
            storage=self.recipe.storage,
        )
        return result
