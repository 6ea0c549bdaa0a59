"""Train a recipe with several seeds and write mean and standard deviation of its dev figures.

    python -m benchmarks.seeds recipes/conll04-minilm.toml --seeds 13 14 15 \
        --out benchmarks/results/conll04-minilm.json [key=value ...]

A seed's run folder is kept under --runs, so an interrupted comparison goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
from pathlib import Path
from typing import Any

from extract.training.recipe import Recipe, read_recipe
from extract.training.run import train
from extract.versions import environment


def main() -> None:
    """Parse the arguments, train each seed, write the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", help="key=value settings of the recipe")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13, 14, 15])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_intermixed_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    results = []
    for seed in arguments.seeds:
        recipe = read_recipe(arguments.recipe, [*arguments.overrides, f"seed={seed}"])
        results.append(result_of(recipe, arguments.runs / f"{arguments.out.stem}-{seed}"))
    summary = {
        "recipe": arguments.recipe,
        "overrides": arguments.overrides,
        "encoder": recipe.model.encoder.name,
        "split": "dev; epoch, thresholds and calibration are chosen on it",
        "environment": environment(),
        "corpora": {
            name: summarise([result["dev"][name] for result in results])
            for name in results[0]["dev"]
        },
        "runs": [
            {
                key: result[key]
                for key in ("seed", "best_epoch", "seconds", "thresholds", "environment")
            }
            | {"figures": {name: figures(result["dev"][name]) for name in result["dev"]}}
            | {"cross_fitted_ece": calibration_errors(result["cross_fitted_calibration"])}
            for result in results
        ],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary["corpora"], indent=1))


def result_of(recipe: Recipe, run: Path) -> dict[str, Any]:
    """The metrics of a run, trained now unless it is there and finished."""
    metrics = run / "metrics.json"
    if metrics.is_file() and read_recipe(run / "recipe.toml") == recipe:
        found: dict[str, Any] = json.loads(metrics.read_text(encoding="utf-8"))
        return found
    return train(recipe, run)


def figures(report: dict[str, Any]) -> dict[str, float | None]:
    """The headline figures of one evaluation report: F1 in percent, ECE in percent."""
    found: dict[str, float | None] = {"entity_f1": _percent(report["entity"]["f1"])}
    for matching, scores in report["relation"].items():
        found[f"relation_{matching}_micro_f1"] = _percent(scores["f1"])
        found[f"relation_{matching}_macro_f1"] = _percent(scores["macro_f1"])
    if "directed" in report:
        found["directed_macro_f1"] = _percent(report["directed"]["macro_f1"])
    for matching, score in report["hyper"].items():
        found[f"{matching}_f1"] = _percent(score["f1"])
    for kind, reliability in report["calibration"].items():
        found[f"{kind}_ece"] = _percent(reliability["error"])
    return found


def calibration_errors(
    calibration: dict[str, Any], of: str = "error"
) -> dict[str, dict[str, float | None]]:
    """ECE in percent by corpus and kind of prediction; of `error_by_chance`, what chance alone would give."""
    return {
        name: {kind: _percent(reliability[of]) for kind, reliability in kinds.items()}
        for name, kinds in calibration.items()
    }


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)


def summarise(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The headline figures of one corpus over seeds, from an evaluation report a seed."""
    by_seed = [figures(report) for report in reports]
    summary = {}
    for name in by_seed[0]:
        values = [value for found in by_seed if (value := found[name]) is not None]
        if values:
            summary[name] = spread(values)
    return summary


def spread(values: list[float]) -> dict[str, Any]:
    """Mean and standard deviation (None for one value) with the values themselves."""
    deviation = round(statistics.stdev(values), 2) if len(values) > 1 else None
    return {"mean": round(statistics.fmean(values), 2), "std": deviation, "seeds": values}


if __name__ == "__main__":
    main()
