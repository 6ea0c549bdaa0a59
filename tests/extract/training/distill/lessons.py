"""A batch as a student and its teacher read it, and teachers to learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

import corpora
from extract.encoder.windows import EncodedBatch
from extract.heads.base import GoldWindow
from extract.model import EncoderConfig, ExtractionModel
from extract.models.folder import ModelFolder, Settings, write_model
from extract.predict import windower_of
from extract.schema import Schema
from extract.training.data import Annotated, Collator, to_batch, training_windows
from extract.training.distill.teacher import Teacher

N_SENTENCES = 4


@dataclass(frozen=True)
class Lesson:
    """The same words for the student and for the teacher, with their gold annotation."""

    batch: EncodedBatch
    teacher: EncodedBatch
    gold: list[GoldWindow]


def lesson(student: ExtractionModel, teacher: ExtractionModel, corpus: Path) -> Lesson:
    """The first sentences of a corpus in HyperRED's format."""
    sentences = [e.sentence for e in corpora.read("hyperred", corpus)["file"]][:N_SENTENCES]
    windower, own = windower_of(student), windower_of(teacher)
    annotated = Annotated.by(student.schema, student.schema)
    items = training_windows(sentences, windower, student.schema, annotated)
    taught = Teacher("x", teacher, own, own.cuts_as(windower)).with_windows(items, sentences)
    inputs = Collator(windower, 0.0, own)(taught)
    return Lesson(to_batch(inputs), to_batch(inputs["teacher"]), inputs["gold"])


def write_teacher(folder: Path, encoder: Path, schema: Schema, like: ExtractionModel) -> Path:
    """A model of another encoder with random weights and the settings of `like`."""
    torch.manual_seed(4)
    settings = like.settings.model_copy(update={"encoder": EncoderConfig(name=str(encoder))})
    model = ExtractionModel(settings, schema)
    write_model(
        ModelFolder(folder), model, schema, Settings(name="other", version="1", model=settings)
    )
    return folder


def other_vocabulary(folder: Path, corpus: Path) -> Path:
    """A corpus of a few of a corpus's words, from which an encoder gets a vocabulary of its own."""
    lines = corpus.read_text(encoding="utf-8").splitlines()[:2]
    words = [w for line in lines for w in json.loads(line)["sentences"][0]]
    folder.mkdir()
    few = folder / "few.jsonl"
    few.write_text(json.dumps({"sentences": [words]}) + "\n", encoding="utf-8")
    return few
