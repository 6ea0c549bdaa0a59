"""Train a recipe with each layer fusion and compare dev figures, size, training time and speed.

    python -m benchmarks.fusions recipes/conll04-minilm.toml --seeds 13 [--only NAME ...] \
        --out benchmarks/results/fusions-conll04-minilm.json [--table] [key=value ...]

Each fusion has its default settings; overrides such as model.fusion.layers=[2,4,6] hold for all of
them. Run folders are kept under --runs, so an interrupted comparison goes on where it stopped, and
finished runs are neither trained nor timed again; the file is written anew after each fusion.

Training seconds are those since a run's last start. Speed is that of the finished model on one
thread, from the words of the dev parts to decoded triples, the median of three rounds.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.pace import ROUNDS, sentences_per_second
from benchmarks.seeds import result_of, spread, summarise
from benchmarks.tables import cell, line, mean_of
from extract import load
from extract.encoder.fusion import FUSIONS
from extract.structures import Sentence
from extract.training.corpora import load_corpus
from extract.training.recipe import Recipe, read_recipe
from extract.versions import environment

_MEASURED = "fusion.json"  # in a run folder, so that a finished run is measured once
_COLUMNS = {
    "entity_f1": "entities",
    "relation_boundary_micro_f1": "relations, boundary",
    "relation_strict_micro_f1": "relations, strict",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, train and measure each fusion, write and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", help="key=value settings of the recipe")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--only", nargs="+", choices=sorted(FUSIONS), help="leave the others out")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--threads", type=int, default=None, help="for training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print a table and not JSON")
    given = parser.parse_intermixed_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if given.threads:
        torch.set_num_threads(given.threads)
    names = given.only or list(FUSIONS)
    recipes = {
        name: [recipe_with(name, given.recipe, given.overrides, seed) for seed in given.seeds]
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
        "fusions": {},
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        stem = given.runs / f"{given.out.stem}-{name}"
        summary["fusions"][name] = compare(recipes[name], stem, sentences)
        given.out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(table(summary) if given.table else json.dumps(summary["fusions"], indent=1))


def recipe_with(name: str, path: str, overrides: list[str], seed: int) -> Recipe:
    """The recipe with a fusion in place of its own. Raises `RecipeError` for settings it has not."""
    changes = [f'model.fusion={{name = "{name}"}}', *overrides, f"seed={seed}"]
    recipe = read_recipe(path, changes)
    if recipe.model.fusion.name != name:
        raise SystemExit(f"Expected no override of the fusion's name, got {overrides}.")
    return recipe


def compare(recipes: Sequence[Recipe], stem: Path, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """What is recorded of one fusion: a run a recipe, which differ in their seeds alone."""
    runs = [stem.with_name(f"{stem.name}-{recipe.seed}") for recipe in recipes]
    results = [result_of(recipe, run) for recipe, run in zip(recipes, runs, strict=True)]
    measured = [_measured(run, sentences) for run in runs]
    return {
        "settings": recipes[0].model.fusion.model_dump(mode="json"),
        "parameters": measured[0]["parameters"],
        "training_seconds": spread([result["seconds"] for result in results]),
        "sentences_per_second": spread([of_run["sentences_per_second"] for of_run in measured]),
        "best_epochs": [result["best_epoch"] for result in results],
        "corpora": {
            name: summarise([result["dev"][name] for result in results])
            for name in results[0]["dev"]
        },
    }


def _measured(run: Path, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Parameters of a finished run's fusion, and the model's speed, measured now unless it was before."""
    stored = run / _MEASURED
    if stored.is_file():
        found: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        return found
    threads = torch.get_num_threads()
    extractor = load(run, device="cpu", dtype="float32", threads=1)
    try:
        rate = sentences_per_second(extractor, sentences)
    finally:
        torch.set_num_threads(threads)
    fusion = extractor._predictor.model.fusion
    measured = {
        "parameters": sum(parameter.numel() for parameter in fusion.parameters()),
        "sentences": len(sentences),
        "rounds": ROUNDS,
        "sentences_per_second": rate,
    }
    stored.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return measured


def table(summary: dict[str, Any]) -> str:
    """A markdown table a corpus, fusions by strict relation F1; percent, mean ± standard deviation."""
    corpora = list(next(iter(summary["fusions"].values()))["corpora"])
    tables = []
    for corpus in corpora:
        head = ["fusion", *_COLUMNS.values(), "parameters", "training, s", "sentences/s"]
        rows = [head, ["---"] * len(head)]
        fusions = sorted(
            summary["fusions"].items(),
            key=lambda item: -mean_of(item[1]["corpora"][corpus], "relation_strict_micro_f1"),
        )
        for name, found in fusions:
            rows.append(
                [f"`{name}`"]
                + [cell(found["corpora"][corpus].get(figure), 2) for figure in _COLUMNS]
                + [f"{found['parameters']:,}"]
                + [cell(found[key], 0) for key in ("training_seconds", "sentences_per_second")]
            )
        lines = [line(row) for row in rows]
        tables.append("\n".join([f"{corpus}, dev, {summary['encoder']}", "", *lines]))
    return "\n\n".join(tables)


if __name__ == "__main__":
    main()
