"""Train a recipe with the cube pruned to k words for several k, and compare accuracy, time and memory.

    python -m benchmarks.cube recipes/hyperred-minilm.toml --k 5 10 20 40 none [--pipeline] [--epochs N] \
        --out benchmarks/results/cube-hyperred-minilm.json [--table] [--seeds 13] [key=value ...]

k is how many words a sentence enter the cube: in training, where all cells of these words are trained
(model.head.cells), and in inference. `none` prunes nothing: the cube then grows with the third power of a
window's words, which model.encoder.max_words bounds. `--pipeline` adds two networks that follow each other
(`benchmarks/two_stage.py`), whose cube has the recipe's own size.

Run folders are kept under --runs, so an interrupted comparison goes on where it stopped, and finished runs
are neither trained nor measured again; the file is written anew after each row. Each training and each
measurement is a process of its own, whose peak resident memory is recorded (MiB). Training seconds and
peak are those since a run's last start. Speed is that of the finished model on one thread, from the words
of the dev parts to decoded triples, the median of three rounds.

Chia et al. 2022, A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach (cube-pruning).
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks import two_stage
from benchmarks.pace import ROUNDS, sentences_per_second
from benchmarks.seeds import result_of, spread, summarise
from benchmarks.tables import cell, line
from extract import load
from extract.training.corpora import load_corpus
from extract.training.recipe import Recipe, read_recipe
from extract.versions import environment

_MEASURED = "cube.json"  # in a run folder, so that a finished run is measured once
_FIGURES = {"triplet_f1": "triplets", "quintuplet_f1": "quintuplets"}
_COSTS = {
    "training_seconds": "training, s",
    "training_peak_mib": "training, MiB",
    "sentences_per_second": "sentences/s",
    "inference_peak_mib": "inference, MiB",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, train and measure each row, write and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", help="key=value settings of the recipe")
    parser.add_argument("--k", nargs="*", type=words, default=[5, 10, 20, 40, 0], metavar="K")
    parser.add_argument("--pipeline", action="store_true", help="add two networks in a row")
    parser.add_argument("--epochs", type=int, help="of each run; by default the recipe's")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--threads", type=int, default=None, help="for training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print a table and not JSON")
    given = parser.parse_intermixed_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    overrides = list(given.overrides)
    if given.epochs is not None:
        overrides.append(f"training.epochs={given.epochs}")
    of_row = {
        name_of(k): [recipe_with(k, given.recipe, overrides, s) for s in given.seeds]
        for k in given.k
    }
    first = read_recipe(given.recipe, overrides)
    summary: dict[str, Any] = {
        "recipe": given.recipe,
        "overrides": overrides,
        "encoder": first.model.encoder.name,
        "split": "dev; epoch, thresholds and calibration are chosen on it",
        "seeds": given.seeds,
        "rounds": ROUNDS,
        "environment": environment(),
        "rows": {},
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    stem = given.runs / given.out.stem
    for name, recipes in of_row.items():
        summary["rows"][name] = pruned_row(
            recipes, stem.with_name(f"{stem.name}-{name}"), given.threads
        )
        given.out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    if given.pipeline:
        summary["rows"]["pipeline"] = pipeline_row(
            given.recipe, overrides, given.seeds, stem, given.threads
        )
        given.out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(table(summary) if given.table else json.dumps(summary["rows"], indent=1))


def words(text: str) -> int:
    """How many words `text` names; 0 for "none"."""
    if text == "none":
        return 0
    if not (text.isascii() and text.isdigit()) or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number of words or none, got {text!r}")
    return int(text)


def name_of(k: int) -> str:
    """The name of a row."""
    return str(k or "none")


def recipe_with(k: int, path: str, overrides: Sequence[str], seed: int) -> Recipe:
    """The recipe with a cube of `k` words. Raises `RecipeError` for settings it has not."""
    pruning = [f"model.head.cube_words={k}", f"model.head.cube_words_inference={k}"]
    return read_recipe(path, [*overrides, "model.head.cells=true", *pruning, f"seed={seed}"])


def apart(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a function returns in a process of its own, and that process's peak memory in MiB."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, arguments).result()


def _with_peak(function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, float]:
    result = function(*arguments)
    return result, round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def trained(recipe: Recipe, run: Path, threads: int | None) -> dict[str, Any]:
    """The metrics of a run, trained now unless it was, with its peak memory (None if that is lost)."""
    stored = run / "training.json"
    if not stored.is_file():
        lost = (run / "metrics.json").is_file()  # finished, but killed before its peak was written
        _, peak = apart(_train, recipe, run, threads)
        stored.write_text(json.dumps({"peak_mib": None if lost else peak}) + "\n", encoding="utf-8")
    metrics: dict[str, Any] = result_of(recipe, run)
    return metrics | {"training_peak_mib": json.loads(stored.read_text("utf-8"))["peak_mib"]}


def _train(recipe: Recipe, run: Path, threads: int | None) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if threads:
        torch.set_num_threads(threads)
    result_of(recipe, run)


def _pace(run: Path) -> float:
    recipe = read_recipe(run / "recipe.toml")
    sentences = [e.sentence for corpus in recipe.corpora for e in load_corpus(corpus).dev]
    return sentences_per_second(load(run, device="cpu", dtype="float32", threads=1), sentences)


def measured(folder: Path, pace: Callable[..., float], *arguments: Any) -> dict[str, float]:
    """Speed and peak memory of a finished model, measured now unless they were before."""
    stored = folder / _MEASURED
    if not stored.is_file():
        rate, peak = apart(pace, *arguments)
        found = {"sentences_per_second": rate, "inference_peak_mib": peak}
        stored.write_text(json.dumps(found) + "\n", encoding="utf-8")
    known: dict[str, float] = json.loads(stored.read_text(encoding="utf-8"))
    return known


def pruned_row(recipes: Sequence[Recipe], stem: Path, threads: int | None) -> dict[str, Any]:
    """What is recorded of one k: a run a recipe, which differ in their seeds alone."""
    runs = [stem.with_name(f"{stem.name}-{recipe.seed}") for recipe in recipes]
    results = [trained(recipe, run, threads) for recipe, run in zip(recipes, runs, strict=True)]
    costs = [
        {
            "training_seconds": result["seconds"],
            "training_peak_mib": result["training_peak_mib"],
            **measured(run, _pace, run),
        }
        for result, run in zip(results, runs, strict=True)
    ]
    return {
        "settings": recipes[0].model.head.model_dump(mode="json"),
        "best_epochs": [result["best_epoch"] for result in results],
        **_row([result["dev"] for result in results], costs),
    }


def pipeline_row(
    path: str, overrides: Sequence[str], seeds: Sequence[int], stem: Path, threads: int | None
) -> dict[str, Any]:
    """What is recorded of two networks in a row; training seconds are those of both together."""
    dev, costs, epochs = [], [], []
    for seed in seeds:
        own = [*overrides, "model.head.cells=true", f"seed={seed}"]
        folder, *runs = (
            stem.with_name(f"{stem.name}-pipeline{part}-{seed}")
            for part in ("", "-triples", "-qualifiers")
        )
        folder.mkdir(parents=True, exist_ok=True)
        schema = folder / "schema.json"
        if not schema.is_file():
            apart(two_stage.write_schema, read_recipe(path, own), schema)
        recipes = (
            two_stage.triples_recipe(path, own, schema),
            two_stage.qualifiers_recipe(path, own),
        )
        results = [trained(*pair, threads) for pair in zip(recipes, runs, strict=True)]
        composed = folder / two_stage.COMPOSED
        if not composed.is_file():
            apart(two_stage.compose, *runs, composed)
        dev.append(json.loads(composed.read_text(encoding="utf-8"))["dev"])
        peaks = [result["training_peak_mib"] for result in results]
        costs.append(
            {
                "training_seconds": round(sum(result["seconds"] for result in results), 1),
                "training_peak_mib": None if None in peaks else max(peaks),
                **measured(folder, two_stage.pace, *runs, composed),
            }
        )
        epochs.append([result["best_epoch"] for result in results])
    return {
        "settings": [recipe.model.head.model_dump(mode="json") for recipe in recipes],
        "best_epochs": epochs,
        **_row(dev, costs),
    }


def _row(dev: Sequence[dict[str, Any]], costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures by corpus and costs, from a dev report and the costs of each seed; None for a lost cost."""
    by_cost = {name: [of_seed[name] for of_seed in costs] for name in _COSTS}
    return {
        "corpora": {name: summarise([reports[name] for reports in dev]) for name in dev[0]},
        **{name: None if None in found else spread(found) for name, found in by_cost.items()},
    }


def table(summary: dict[str, Any]) -> str:
    """A markdown table a corpus, rows as they were asked for; F1 in percent, mean ± standard deviation."""
    rows = summary["rows"]
    tables = []
    for corpus in next(iter(rows.values()))["corpora"]:
        head = ["words in the cube", *_FIGURES.values(), *_COSTS.values()]
        lines = [line(head), line(["---"] * len(head))]
        for name, row in rows.items():
            figures = [cell(row["corpora"][corpus].get(figure), 2) for figure in _FIGURES]
            lines.append(line([name, *figures, *(cell(row[cost], 0) for cost in _COSTS)]))
        tables.append("\n".join([f"{corpus}, dev, {summary['encoder']}", "", *lines]))
    return "\n\n".join(tables)


if __name__ == "__main__":
    main()
