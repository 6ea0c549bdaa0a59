"""Score a model folder on the development parts of its own recipe, as training did when it ended.

    python -m benchmarks.dev_figures MODEL --out benchmarks/results/NAME.json

What is scored are the weights, calibration and thresholds in the folder, so the figures are those of the
model at hand and not of another run of its recipe. Precision, recall and F1 are in the reports; calibration
errors are cross-fitted, each half of a part scored by the calibration fitted on the other, beside those that
as many predictions would show by chance if their probabilities were true.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.seeds import calibration_errors
from extract import load
from extract.models.folder import ModelFolder
from extract.training.corpora import load_corpora
from extract.training.finish import DevPart, cross_fitted_calibration, report
from extract.training.recipe import read_recipe
from extract.versions import environment


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, score the model, write the file and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a model folder with its recipe")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    found = measured(given.model, given.threads)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measured(path: Path, threads: int | None = None) -> dict[str, Any]:
    """What is recorded of a model folder; the tables are printed on the way."""
    folder = ModelFolder(path)
    recipe = read_recipe(folder.recipe)
    extractor = load(path, device="cpu", dtype="float32", threads=threads)
    scored = [corpus for corpus in load_corpora(recipe.corpora) if corpus.dev]
    parts = [DevPart.of(corpus, extractor._predictor) for corpus in scored]
    decoder = extractor._decoder
    cross_fitted = cross_fitted_calibration(parts, decoder)
    reports = {}
    for part in parts:
        found = report(part, decoder)
        print(f"{part.corpus.title} dev\n{found.to_table()}")
        reports[part.corpus.title] = found.to_dict()
    return {
        "model": {"name": extractor.name, "version": extractor.version},
        "weights_sha256": hashlib.sha256(folder.weights.read_bytes()).hexdigest(),
        "recipe": recipe.model_dump(mode="json"),
        "split": "dev; epoch, thresholds and calibration are chosen on it",
        "thresholds": decoder.thresholds,
        "cross_fitted_ece": calibration_errors(cross_fitted),
        "ece_by_chance": calibration_errors(cross_fitted, "error_by_chance"),
        "corpora": {
            name: {kind: found[kind] for kind in ("entity", "relation", "hyper")}
            for name, found in reports.items()
        },
        "environment": environment(),
    }


if __name__ == "__main__":
    main()
