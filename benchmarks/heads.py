"""Train every recipe of some corpora and one encoder and write benchmarks/heads.md.

    python -m benchmarks.heads [--corpora conll04 hyperred] [--only NAME ...] [--seeds 13] [--threads N]

Every recipe recipes/CORPUS-*.toml of that one corpus and the encoder is a row, named by the rest of its
file's name; CORPUS-minilm.toml is the row `table`. --only takes such names, and names of heads for all
their rows. Run folders are kept under --runs, so an interrupted comparison goes on with the missing rows
and finished runs are neither trained nor measured again. Each row is a file under --results; the page is
written from all of them.

Training seconds are those since a run's last start, on whatever else the machine did. Speed is that of the
finished model on one thread, from the words of the dev part to decoded triples, the median of three
rounds; peak memory is that of the process that measures it, the encoder included.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.seeds import result_of, spread, summarise
from benchmarks.tables import cell, line, mean_of
from extract.heads import HEADS
from extract.model import EncoderConfig
from extract.training.recipe import read_recipe
from extract.versions import environment

_MEASURED = "head.json"  # in a run folder, so that a finished run is measured once
_RECIPES = Path("recipes")
_ENCODER = EncoderConfig().name
_COLUMNS = {
    "entity_f1": "entities",
    "relation_boundary_micro_f1": "relations, boundary",
    "relation_strict_micro_f1": "relations, strict",
    "triplet_f1": "triplets",
    "quintuplet_f1": "quintuplets",
}
_PREFACE = """# Heads compared

Written by `python -m benchmarks.heads` from the files in `benchmarks/results/heads/`, which also hold
settings, versions and machine. F1 in percent on the development part, on which epochs and thresholds were
chosen; mean ± standard deviation where there are several seeds. A row is a recipe, `recipes/CORPUS-ROW.toml`
(`table`: `recipes/CORPUS-minilm.toml`). Parameters are the head's. Speed: sentences a second on one thread
in float32, encoder included. Rows were trained and measured in several runs, on machines that their files
name (`trained_with`, `measured_with`) and beside whatever else those did, so compare times and memory with
care."""


@dataclass(frozen=True, slots=True)
class Row:
    """A recipe to compare, and the name that its row goes by."""

    label: str
    source: Path
    head: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, train and measure each head, write the rows and the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", nargs="+", default=["conll04", "hyperred"])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows, or heads for all theirs")
    parser.add_argument("--encoder", default=_ENCODER, help="of the recipes (default: %(default)s)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--threads", type=int, default=None, help="for training")
    parser.add_argument("--recipes", type=Path, default=_RECIPES, help="folder of the recipes")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/heads"))
    parser.add_argument("--page", type=Path, default=Path("benchmarks/heads.md"))
    parser.add_argument(
        "--measure", type=Path, help=argparse.SUPPRESS
    )  # one run, in a process of its own
    given = parser.parse_args(arguments)
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if given.threads:
        import torch

        torch.set_num_threads(given.threads)
    rows = {corpus: rows_of(given.recipes, corpus, given.encoder) for corpus in given.corpora}
    if unknown := unknown_names(given.only or [], [row for own in rows.values() for row in own]):
        labels = sorted({row.label for own in rows.values() for row in own})
        parser.error(
            f"argument --only: expected rows ({', '.join(labels)}) or heads ({', '.join(sorted(HEADS))}), "
            f"got {unknown[0]!r}"
        )
    given.results.mkdir(parents=True, exist_ok=True)
    for corpus, own in rows.items():
        for name in [name for name in given.only or sorted(HEADS) if not named(name, own)]:
            logging.info("%s: no recipe for %s", corpus, name)
        for row in own if given.only is None else unique(given.only, own):
            found = compare(row, corpus, given.seeds, given.runs)
            written = given.results / f"{corpus}-{row.label}.json"
            written.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            given.page.write_text(page(read_rows(given.results)), encoding="utf-8")


def rows_of(folder: Path, corpus: str, encoder: str) -> list[Row]:
    """The recipes of one corpus and encoder, in the order of their file names.

    Raises `RecipeError` for a file that is no recipe.
    """
    rows = []
    for source in sorted(folder.glob(f"{corpus}-*.toml")):
        recipe = read_recipe(source)
        corpora = [part.name for part in recipe.corpora]
        # A head that only says which entities are related has no figures to compare.
        comparable = HEADS[recipe.model.head.name].labels_relations
        if corpora == [corpus] and recipe.model.encoder.name == encoder and comparable:
            rest = source.stem.removeprefix(f"{corpus}-")
            label = "table" if rest == "minilm" else rest
            rows.append(Row(label, source, recipe.model.head.name))
    return rows


def named(name: str, rows: Sequence[Row]) -> list[Row]:
    """The row of that name; where there is none, all rows of the head of that name."""
    return [row for row in rows if row.label == name] or [row for row in rows if row.head == name]


def unique(names: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    """All rows that are named, each once."""
    return list(dict.fromkeys(row for name in names for row in named(name, rows)))


def unknown_names(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """What is neither a row of any corpus nor a head."""
    return [name for name in names if name not in HEADS and not named(name, rows)]


def compare(row: Row, corpus: str, seeds: Sequence[int], runs: Path) -> dict[str, Any]:
    """What is recorded of one recipe: a run a seed."""
    recipes = [read_recipe(row.source, [f"seed={seed}"]) for seed in seeds]
    folders = [runs / f"{row.source.stem}-{seed}" for seed in seeds]
    results = [result_of(recipe, run) for recipe, run in zip(recipes, folders, strict=True)]
    measured = [_measured(run) for run in folders]
    return {
        "row": row.label,
        "recipe": str(row.source),
        "head": row.head,
        "fusion": recipes[0].model.fusion.name,
        "corpus": corpus,
        "encoder": recipes[0].model.encoder.name,
        "split": "dev; epoch, thresholds and calibration are chosen on it",
        "seeds": list(seeds),
        "settings": recipes[0].model.head.model_dump(mode="json"),
        "epochs": recipes[0].training.epochs,
        "best_epochs": [result["best_epoch"] for result in results],
        "parameters": measured[0]["head_parameters"],
        "training_seconds": spread([result["seconds"] for result in results]),
        "sentences_per_second": spread([run["sentences_per_second"] for run in measured]),
        "peak_mib": spread([run["peak_mib"] for run in measured]),
        "figures": summarise([result["dev"][corpus] for result in results]),
        "trained_with": [result["environment"] for result in results],
        "measured_with": [run["environment"] for run in measured],
        "environment": environment(),
    }


def _measured(run: Path) -> dict[str, Any]:
    """Size, speed and memory of a finished run, measured now unless they were before."""
    stored = run / _MEASURED
    if not stored.is_file():
        command = [sys.executable, "-m", "benchmarks.heads", "--measure", str(run)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        stored.write_text(found.stdout.splitlines()[-1] + "\n", encoding="utf-8")
    measured: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
    return measured


def measure(run: Path) -> dict[str, Any]:
    """Size, speed and peak memory of a run's model over the dev part of its recipe, on one thread."""
    from benchmarks.pace import ROUNDS, sentences_per_second
    from extract import load
    from extract.training.corpora import load_corpus

    recipe = read_recipe(run / "recipe.toml")
    sentences = [e.sentence for e in load_corpus(recipe.corpora[0]).dev]
    extractor = load(run, device="cpu", dtype="float32", threads=1)
    rate = sentences_per_second(extractor, sentences)
    head = extractor._predictor.model.head
    return {
        "head_parameters": sum(parameter.numel() for parameter in head.parameters()),
        "sentences": len(sentences),
        "rounds": ROUNDS,
        "sentences_per_second": rate,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "environment": environment(),
    }


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """All rows that were recorded, in the order of their file names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The page: a table a corpus, rows by strict relation F1, or by quintuplets where there are some."""
    lines = _PREFACE.splitlines()
    for corpus in dict.fromkeys(row["corpus"] for row in rows):
        own = [row for row in rows if row["corpus"] == corpus]
        hyper = any(mean_of(row["figures"], "quintuplet_f1") > 0 for row in own)
        columns = list(_COLUMNS) if hyper else list(_COLUMNS)[:3]
        own.sort(key=lambda row: [-mean_of(row["figures"], c) for c in reversed(columns)])
        head = ["row", "head", "fusion", "seeds", "epochs", *(_COLUMNS[c] for c in columns)]
        head += ["parameters", "training, s", "sentences/s", "peak, MiB"]
        lines += [
            "",
            f"## {corpus}, {own[0]['encoder']}",
            "",
            line(head),
            line(["---"] * len(head)),
        ]
        lines += [line(_cells(row, columns)) for row in own]
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any], columns: Sequence[str]) -> list[str]:
    figures = dict(row["figures"])
    if "qualifiers" not in HEADS[row["head"]].tasks.values():
        figures.pop("quintuplet_f1", None)  # such a head has no figure, rather than none right
    return [
        *(f"`{row[key]}`" for key in ("row", "head", "fusion")),
        str(len(row["seeds"])),
        str(row["epochs"]),
        *(cell(figures.get(column), 1) for column in columns),
        f"{row['parameters']:,}",
        *(cell(row[key], 0) for key in ("training_seconds", "sentences_per_second", "peak_mib")),
    ]


if __name__ == "__main__":
    main()
