"""What every head must do: learn by heart, reach all its parameters, not mind the batch, name its source."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import corpora
from corpora.base import Example
from extract.decode.candidates import Candidates
from extract.encoder.fusion import TASKS
from extract.encoder.windows import EncodedBatch
from extract.errors import ModelError
from extract.heads import HEADS, GoldWindow, Head
from extract.model import ExtractionModel, ModelConfig
from extract.predict import Predictor, windower_of
from extract.schema import EntityType, QualifierType, Relation, Schema
from extract.structures import Sentence
from extract.training.data import Annotated, Collator, TrainingWindow, training_windows
from extract.training.data import to_batch as batch_of
from extract.training.one_relation import one_relation
from extract.training.recipe import Recipe
from extract.training.run import train
from tests.extract.heads.cases import same
from tests.tiny import tiny_recipe


@dataclass(frozen=True)
class Case:
    """How a head is tested.

    settings: of the head, for the tiny encoder. qualifiers: whether it finds them. training: changes
    to the tiny recipe's training, where the head needs them to know its corpus by heart. lost: facts of
    the corpus that the method's labels cannot say beside the others, and so must be all it misses.
    of_spans: losses of relations that read the states of entities alone, as pairs of spans.
    """

    settings: dict[str, Any]
    qualifiers: bool = False
    training: dict[str, Any] | None = None
    lost: int = 0
    of_spans: tuple[str, ...] = ()


# By the head's name; a further variant of a head has its own after a slash.
CASES = {
    "feature_table": Case({"width": 48, "cube_width": 48, "channels": 8}, qualifiers=True),
    # Cells call a nested entity related where the one around it is; pairs must outweigh them.
    "pair_filter": Case({"width": 48}, training={"loss_weights": {"cells": 0.2}}),
    "packed_markers": Case({"width": 48, "hidden": 64, "max_pairs": 8}),
    "knowledge_table": Case(
        {
            "width": 48,
            "cube_width": 48,
            "graph_width": 6,
            "graph_epochs": 5,
            "n_names": 64,
            "knowledge_dropout": 0.0,
        },
        qualifiers=True,
    ),
    "head_then_tail": Case({"width": 48}),
    "recurrent": Case({"width": 48, "max_pairs": 7}),
    "recurrent/rnn": Case({"width": 48, "cell": "rnn"}),
    "span_pairs": Case(
        {"width": 48, "features": 48, "hidden": 64, "cube_width": 48}, qualifiers=True
    ),
    "span_pairs/dependency": Case(
        {
            "width": 48,
            "features": 48,
            "hidden": 64,
            "span_pooling": "attention",
            "pair_pooling": "dependency",
            "cube_width": 48,
        },
        qualifiers=True,
    ),
    "proposer": Case({"width": 48, "max_width": 8, "n_proposals": 16, "n_layers": 2}),
    "refined_spans": Case(
        {"width": 48, "n_heads": 4, "max_width": 8, "max_pairs": 16, "refine_dropout": 0.0},
        of_spans=("related",),
    ),
    "table": Case({"width": 48, "cube_width": 48}, qualifiers=True),
    "token_pair": Case({"width": 24}),
    # One fact of the corpus is the reverse of another.
    "token_pair/softmax": Case({"width": 24, "tagging": "softmax", "scorer": "concat"}, lost=1),
    # Some types are hidden from the markers in training, so that it takes longer.
    "typed_markers": Case(
        {"width": 48, "hidden": 64, "max_pairs": 8}, training={"epochs": 80, "eval_from": 79}
    ),
    "typed_markers/inserted": Case(
        {"width": 48, "hidden": 64, "mode": "inserted"}, training={"epochs": 80, "eval_from": 79}
    ),
}

N_PAIRS = 18  # of entities that are related, in the corpus of 19 facts
EVERY_HEAD = pytest.mark.parametrize("name", sorted(CASES))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sentences(facts_file: Path) -> list[Sentence]:
    return [example.sentence for example in corpora.read("hyperred", facts_file)["file"]]


def head_of(name: str) -> str:
    """The registered name of a case's head."""
    return name.partition("/")[0]


def as_taught(name: str, sentences: list[Sentence]) -> list[Sentence]:
    """The sentences as the head learns them: with one relation, if it tells no more than related or not."""
    if HEADS[head_of(name)].labels_relations:
        return sentences
    return [one_relation(Example("", sentence)).sentence for sentence in sentences]


def recipe_of(name: str, encoder: Path, corpus: Path) -> Recipe:
    case = CASES[name]
    data = tiny_recipe(encoder, corpus).model_dump()
    data["model"]["head"] = {"name": head_of(name), "dropout": 0.0, **case.settings}
    data["training"] |= case.training or {}
    if not HEADS[head_of(name)].labels_relations:
        data["corpora"][0]["relations"] = "one"
    data["corpora"][0]["metric"] = "quintuplet" if case.qualifiers else "strict"
    return Recipe.model_validate(data)


def make_model(name: str, encoder: Path, sentences: list[Sentence]) -> ExtractionModel:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {
            "encoder": {"name": str(encoder), "freeze_embeddings": False, "dropout": 0.0},
            "head": {
                "name": head_of(name),
                "dropout": 0.0,
                **CASES[name].settings,
                # Wide open: random scores must give candidates of every kind.
                "span_floor": -1e3,
                "triple_floor": -1e3,
                "max_spans": 6,
            },
        }
    )
    model = ExtractionModel(config, Schema.infer(as_taught(name, sentences)))
    with torch.no_grad():
        for parameter in model.head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
    model.head.study([[(w.window, w.gold) for w in windows_of(model, sentences)]], seed=0)
    return model


def windows_of(model: ExtractionModel, sentences: list[Sentence]) -> list[TrainingWindow]:
    annotated = Annotated.by(model.schema, model.schema)
    sentences = as_taught(model.settings.head.name, sentences)
    return training_windows(sentences, windower_of(model), model.schema, annotated)


def batch_and_gold(
    model: ExtractionModel, sentences: list[Sentence]
) -> tuple[EncodedBatch, list[GoldWindow]]:
    inputs = Collator(windower_of(model))(windows_of(model, sentences))
    gold = inputs.pop("gold")
    return batch_of(inputs), gold  # type: ignore[arg-type, return-value]


def batch_losses(model: ExtractionModel, sentences: list[Sentence]) -> dict[str, torch.Tensor]:
    losses: dict[str, torch.Tensor] = model(*batch_and_gold(model, sentences))
    return losses


def test_every_head_is_registered_tested_here_and_names_its_source() -> None:
    found, todo = set(), [Head]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            if not getattr(cls, "__abstractmethods__", None):
                found.add(cls)
    assert found == set(HEADS.values())
    assert set(map(head_of, CASES)) == set(HEADS)
    for name, cls in HEADS.items():
        text = sys.modules[cls.__module__].__doc__ or ""
        assert "et al." in text or " and " in text, name
        assert any(str(year) in text for year in range(1990, 2027)), name
        assert "Differs from the paper" in text, name


@EVERY_HEAD
def test_head_knows_every_fact_by_heart(
    name: str, tiny_encoder: Path, facts_file: Path, sentences: list[Sentence], tmp_path: Path
) -> None:
    train(recipe_of(name, tiny_encoder, facts_file), tmp_path / "run", progress=False)
    dev = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))["dev"]
    scores = dev["hyperred"]
    assert scores["entity"]["f1"] == 1.0
    strict = scores["relation"]["strict"]
    n_facts = sum(len(sentence.triples) for sentence in as_taught(name, sentences))
    assert n_facts == (19 if HEADS[head_of(name)].labels_relations else N_PAIRS)
    assert strict["n_gold"] == n_facts
    assert strict["n_correct"] == strict["n_pred"] == n_facts - CASES[name].lost
    if CASES[name].qualifiers:
        assert scores["hyper"]["quintuplet"]["f1"] == 1.0
        assert scores["hyper"]["quintuplet"]["n_gold"] == 23


@EVERY_HEAD
def test_losses_are_finite_scalars_and_their_gradient_reaches_every_parameter(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make_model(name, tiny_encoder, sentences).train()
    losses = batch_losses(model, sentences)
    assert {"entities"} <= set(losses) <= set(HEADS[head_of(name)].tasks)
    for task, loss in losses.items():
        assert loss.shape == (), task
        assert bool(loss.isfinite()), task
    torch.stack(list(losses.values())).sum().backward()
    for where, parameter in model.named_parameters():
        if where.startswith("fusion."):
            continue  # a head may read the states of one task only
        assert parameter.grad is not None, where
        assert bool(parameter.grad.isfinite().all()), where
        assert bool(parameter.grad.abs().sum() > 0), where


@EVERY_HEAD
def test_each_loss_reads_the_states_of_the_task_that_it_says_it_trains(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make_model(name, tiny_encoder, sentences).train()
    batch, gold = batch_and_gold(model, sentences)
    states = model.word_states(batch)
    own = {task: states.task(task).detach().clone().requires_grad_() for task in TASKS}
    losses = model.head.loss(replace(states, **own), gold)
    assert losses
    for loss in losses:
        grads = torch.autograd.grad(
            losses[loss], list(own.values()), retain_graph=True, allow_unused=True
        )
        read = {
            task for task, grad in zip(own, grads, strict=True) if grad is not None and grad.any()
        }
        # One that reads the text again need not read word states.
        task = "entities" if loss in CASES[name].of_spans else model.head.tasks[loss]
        assert not read or task in read, loss


def test_every_loss_trains_one_of_the_tasks() -> None:
    for name, head in HEADS.items():
        assert set(head.tasks.values()) <= set(TASKS), name
        assert head.tasks["entities"] == "entities", name


@EVERY_HEAD
def test_loss_without_anything_annotated_in_the_text_is_finite(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make_model(name, tiny_encoder, sentences).train()
    bare = [replace(sentence, entities=(), triples=()) for sentence in sentences[:3]]
    losses = batch_losses(model, bare)
    torch.stack(list(losses.values())).sum().backward()
    assert all(bool(loss.isfinite()) for loss in losses.values())


def check(found: Candidates, sentence: Sentence, schema: Schema) -> None:
    """Rows point where they may, each says something of its own, scores are finite."""
    n_spans, n_triples = len(found.spans), len(found.triples)
    assert found.spans.dtype == found.triples.dtype == found.qualifiers.dtype == np.int64
    assert found.entity_scores.shape == (n_spans, len(schema.entity_types))
    assert found.triples.shape == (n_triples, 3)
    assert found.triple_scores.shape == (n_triples,)
    assert found.qualifiers.shape == (len(found.qualifier_scores), 3)
    for scores in (found.entity_scores, found.triple_scores, found.qualifier_scores):
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
    start, end = found.spans.T
    assert ((start >= 0) & (start < end) & (end <= len(sentence.tokens))).all()
    for rows in (found.spans, found.triples, found.qualifiers):
        assert len(np.unique(rows, axis=0)) == len(rows)
    for rows, limits in (
        (found.triples, (n_spans, len(schema.relations), n_spans)),
        (found.qualifiers, (n_triples, len(schema.qualifiers), n_spans)),
    ):
        assert ((rows >= 0) & (rows < np.array(limits))).all()


@EVERY_HEAD
def test_candidates_are_well_formed_and_do_not_depend_on_the_batch(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make_model(name, tiny_encoder, sentences)
    predictor = Predictor(model, windower_of(model))
    sentences = sentences[:4]  # each has up to a hundred thousand candidates
    alone = predictor.candidates(sentences, batch_size=1)
    together = predictor.candidates(sentences, batch_size=64)
    other_way = predictor.candidates(sentences[::-1], batch_size=3)[::-1]
    assert sum(len(found.triples) for found in alone)
    assert bool(sum(len(f.qualifiers) for f in alone)) == CASES[name].qualifiers
    for sentence, one, two, three in zip(sentences, alone, together, other_way, strict=True):
        check(one, sentence, model.schema)
        same(one, two)
        same(one, three)


@EVERY_HEAD
def test_given_spans_alone_are_candidates_or_the_head_says_it_takes_none(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make_model(name, tiny_encoder, sentences)
    predictor = Predictor(model, windower_of(model))
    given = [
        [(e.span.start_word, e.span.end_word) for e in sentence.entities] for sentence in sentences
    ]
    given[0] = []
    if not HEADS[head_of(name)].takes_spans:
        with pytest.raises(ModelError, match="takes none as given"):
            predictor.candidates(sentences, given=given)
        return
    found = predictor.candidates(sentences, given=given)
    alone = predictor.candidates(sentences, batch_size=1, given=given)
    for sentence, spans, one, two in zip(sentences, given, found, alone, strict=True):
        check(one, sentence, model.schema)
        same(one, two)
        assert sorted(map(tuple, one.spans.tolist())) == sorted(set(spans))
    assert any(len(one.triples) for one in found)


@EVERY_HEAD
def test_schema_without_relations_or_qualifiers_finds_entities(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    model = make_model(name, tiny_encoder, sentences)
    bare = ExtractionModel(model.settings, Schema((EntityType("Entity"), EntityType("Other"))))
    batch_losses(bare.train(), sentences)["entities"].backward()
    found = Predictor(bare, windower_of(bare)).candidates(sentences)
    assert any(len(one.spans) for one in found)
    assert not any(len(one.triples) or len(one.qualifiers) for one in found)


@EVERY_HEAD
def test_axes_of_labels_have_the_length_of_the_schema(
    name: str, tiny_encoder: Path, sentences: list[Sentence]
) -> None:
    n_relations = 7 if HEADS[head_of(name)].labels_relations else 1
    schema = Schema(
        tuple(EntityType(f"E{i}") for i in range(5)),
        tuple(Relation(f"r{i}") for i in range(n_relations)),
        tuple(QualifierType(f"q{i}") for i in range(3)),
    )
    counts = {"entity_types": 5, "relations": n_relations, "qualifiers": 3}
    settings = make_model(name, tiny_encoder, sentences).settings
    parameters = dict(ExtractionModel(settings, schema).head.named_parameters())
    smaller = dict(
        ExtractionModel(settings, Schema(*(part[:2] for part in (
            schema.entity_types, schema.relations, schema.qualifiers
        )))).head.named_parameters()
    )  # fmt: skip
    head = ExtractionModel(settings, schema).head
    axes = head.label_axes()
    assert set(axes) <= set(parameters)
    for where, kinds in axes.items():
        for axis, kind in enumerate(kinds):
            if kind is not None:
                assert parameters[where].shape[axis] == counts[kind], (where, axis)
    for where, parameter in parameters.items():  # whatever grows with the labels is named
        if parameter.shape != smaller[where].shape:
            assert where in axes, where
