"""Corpora whose relations become one: examples, and what a model of it is scored on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import corpora
from corpora.base import Example
from extract.structures import Triple
from extract.training.one_relation import RELATED, one_relation
from extract.training.recipe import Recipe
from extract.training.run import train
from tests.extract.cases import sentence_of
from tests.extract.interfaces.command import run_here
from tests.extract.training.runs import short_recipe


def test_each_ordered_pair_has_one_triple_without_qualifiers() -> None:
    sentence = sentence_of(
        "Ann joined Acme in May",
        [(0, 1, "PER"), (2, 3, "ORG"), (4, 5, "TIME")],
        [(0, "employer", 1, [("start", 2)]), (0, "founder", 1, []), (1, "employs", 0, [])],
    )
    ann, acme, _ = sentence.entities
    unaligned = (("Bo", "a", "Acme"), ("Bo", "b", "Acme"))
    found = one_relation(Example("Ann joined Acme in May", sentence, unaligned))
    assert found.sentence.triples == (Triple(ann, RELATED, acme), Triple(acme, RELATED, ann))
    assert found.sentence.entities == sentence.entities
    assert found.unaligned == (("Bo", RELATED, "Acme"),)
    assert one_relation(found) == found


@pytest.fixture(scope="module")
def pair_model(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    """A pair filter of a few epochs."""
    torch.set_num_threads(1)
    data = short_recipe(tiny_encoder, facts_file, epochs=12).model_dump()
    data["corpora"][0].update({"relations": "one", "metric": "boundary"})
    data["model"]["head"] = {"name": "pair_filter", "width": 32}
    run = tmp_path_factory.mktemp("pairs") / "run"
    train(Recipe.model_validate(data), run, progress=False)
    return run


def test_model_of_pairs_is_evaluated_on_pairs(
    pair_model: Path, facts_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    words = ["evaluate", "-m", pair_model, "-c", "hyperred", "--file", facts_file, "--json", out]
    assert run_here(*words) == 0
    relation = json.loads(out.read_text(encoding="utf-8"))["metrics"]["relation"]["boundary"]
    facts = corpora.read("hyperred", facts_file)["file"]
    assert relation["n_gold"] == sum(
        len({(t.subject, t.object) for t in e.sentence.triples}) for e in facts
    )
    trained = json.loads((pair_model / "metrics.json").read_text(encoding="utf-8"))["dev"]
    assert relation["n_correct"] == trained["hyperred"]["relation"]["boundary"]["n_correct"] > 0


def test_pairs_of_a_model_are_printed_as_hints(
    pair_model: Path, facts_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    facts = corpora.read("hyperred", facts_file)["file"]
    lines = []
    for example in facts:
        words = ["extract", example.text, "--format", "pairs", "--model", pair_model, "--quiet"]
        assert run_here(*words) == 0
        related = {(t.subject.text, t.object.text) for t in example.sentence.triples}
        lines += [
            line in {f"({s}, {o})" for s, o in related}
            for line in capfd.readouterr().out.splitlines()
        ]
    assert sum(lines) > len(lines) / 2  # after a few epochs most of its pairs are right
