"""Train a recipe under variants of one part and compare dev figures, size, training time and speed.

Run folders are kept, so an interrupted comparison goes on where it stopped, and finished runs are neither
trained nor timed again; the file is written anew after each variant. Variants that it has of the same recipe,
overrides and seeds stay in it where their run folders are gone, as they are on another machine.

Training seconds are those since a run's last start. Speed is that of the finished model on one
thread, from the words of the dev parts to decoded triples, the median of three rounds.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import nn

from benchmarks.pace import ROUNDS, sentences_per_second
from benchmarks.seeds import result_of, spread, summarise
from benchmarks.tables import cell, line, mean_of
from extract import load
from extract.model import ExtractionModel, ModelConfig
from extract.structures import Sentence
from extract.training.corpora import load_corpus
from extract.training.recipe import Recipe
from extract.versions import environment

_COLUMNS = {
    "entity_f1": "entities",
    "relation_boundary_micro_f1": "relations, boundary",
    "relation_strict_micro_f1": "relations, strict",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared, and how a recipe takes it.

    kind: what a variant is; its plural is the file's key.
    names: of all variants; a name of several parts has a plus sign between them.
    columns: of the table, one a part of a name.
    recipe_with: a recipe's file with a variant in place of its own, from the variant's name, the file,
        overrides and the seed.
    settings: those that a model's settings hold of it.
    part: the module whose parameters are counted.
    usual: the names that are compared unless others are asked for; all by default.
    """

    kind: str
    names: Sequence[str]
    columns: Sequence[str]
    recipe_with: Callable[[str, str, list[str], int], Recipe]
    settings: Callable[[ModelConfig], BaseModel]
    part: Callable[[ExtractionModel], nn.Module]
    usual: Sequence[str] | None = None

    @property
    def key(self) -> str:
        """Under which the file holds the variants."""
        return f"{self.kind}s"


def run(comparison: Comparison, about: str, arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, train and measure each variant, write and print the summary."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", help="key=value settings of the recipe")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument(
        "--only", nargs="+", choices=sorted(comparison.names), help="leave the others out"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--threads", type=int, default=None, help="for training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print a table and not JSON")
    given = parser.parse_intermixed_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if given.threads:
        torch.set_num_threads(given.threads)
    names = given.only or comparison.usual or comparison.names
    recipes = {
        name: [
            comparison.recipe_with(name, given.recipe, given.overrides, seed)
            for seed in given.seeds
        ]
        for name in names
    }
    (first, *_), *_ = recipes.values()
    sentences = [e.sentence for corpus in first.corpora for e in load_corpus(corpus).dev]
    summary = {
        "recipe": given.recipe,
        "overrides": given.overrides,
        "encoder": first.model.encoder.name,
        "split": "dev; epoch, thresholds and calibration are chosen on it",
        "seeds": given.seeds,
        "environment": environment(),
        comparison.key: {},
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    found = _found_before(given.out, summary, comparison.key)
    for name in names:
        stem = given.runs / f"{given.out.stem}-{name}"
        if name not in found or any(stem.parent.glob(f"{stem.name}-*")):
            found[name] = compare(comparison, recipes[name], stem, sentences)
        ordered = {name: found[name] for name in comparison.names if name in found}
        summary[comparison.key] = ordered
        given.out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    found = summary[comparison.key]
    print(table(comparison, summary) if given.table else json.dumps(found, indent=1))


def _found_before(out: Path, summary: dict[str, Any], key: str) -> dict[str, Any]:
    """The variants in the file, if what they were made with is the same."""
    if not out.is_file():
        return {}
    before = json.loads(out.read_text(encoding="utf-8"))
    same = all(before.get(k) == summary[k] for k in ("recipe", "overrides", "encoder", "seeds"))
    return dict(before[key]) if same else {}


def compare(
    comparison: Comparison, recipes: Sequence[Recipe], stem: Path, sentences: Sequence[Sentence]
) -> dict[str, Any]:
    """What is recorded of one variant: a run a recipe, which differ in their seeds alone."""
    runs = [stem.with_name(f"{stem.name}-{recipe.seed}") for recipe in recipes]
    results = [result_of(recipe, run) for recipe, run in zip(recipes, runs, strict=True)]
    measured = [_measured(comparison, run, sentences) for run in runs]
    return {
        "settings": comparison.settings(recipes[0].model).model_dump(mode="json"),
        "parameters": measured[0]["parameters"],
        "training_seconds": spread([result["seconds"] for result in results]),
        "sentences_per_second": spread([of_run["sentences_per_second"] for of_run in measured]),
        "best_epochs": [result["best_epoch"] for result in results],
        "trained_with": [result["environment"] for result in results],
        "measured_with": [of_run["environment"] for of_run in measured],
        "corpora": {
            name: summarise([result["dev"][name] for result in results])
            for name in results[0]["dev"]
        },
    }


def _measured(comparison: Comparison, run: Path, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Parameters of a finished run's part, and the model's speed, measured now unless it was before."""
    stored = run / f"{comparison.kind}.json"  # so that a finished run is measured once
    if stored.is_file():
        found: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        return found
    threads = torch.get_num_threads()
    extractor = load(run, device="cpu", dtype="float32", threads=1)
    try:
        rate = sentences_per_second(extractor, sentences)
    finally:
        torch.set_num_threads(threads)
    part = comparison.part(extractor._predictor.model)
    measured = {
        "parameters": sum(parameter.numel() for parameter in part.parameters()),
        "sentences": len(sentences),
        "rounds": ROUNDS,
        "sentences_per_second": rate,
        "environment": environment(),
    }
    stored.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return measured


def table(comparison: Comparison, summary: dict[str, Any]) -> str:
    """A markdown table a corpus, variants by strict relation F1; percent, mean ± standard deviation."""
    variants = summary[comparison.key]
    tables = []
    for corpus in next(iter(variants.values()))["corpora"]:
        head = [
            *comparison.columns, *_COLUMNS.values(), "parameters", "training, s", "sentences/s"
        ]  # fmt: skip
        rows = [head, ["---"] * len(head)]
        best_first = sorted(
            variants.items(),
            key=lambda item: -mean_of(item[1]["corpora"][corpus], "relation_strict_micro_f1"),
        )
        for name, found in best_first:
            rows.append(
                [f"`{part}`" for part in name.split("+")]
                + [cell(found["corpora"][corpus].get(figure), 2) for figure in _COLUMNS]
                + [f"{found['parameters']:,}"]
                + [cell(found[key], 0) for key in ("training_seconds", "sentences_per_second")]
            )
        lines = [line(row) for row in rows]
        tables.append("\n".join([f"{corpus}, dev, {summary['encoder']}", "", *lines]))
    return "\n\n".join(tables)
