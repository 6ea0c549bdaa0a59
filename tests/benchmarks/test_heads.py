"""Comparing heads: rows are recorded, finished ones kept, heads without a recipe left out, the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import heads, seeds
from extract.training.recipe import write_recipe
from tests.conftest import ROOT
from tests.extract.training.runs import short_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path) -> Path:
    """A folder with one recipe, the table's, and the finished comparison of it."""
    folder = tmp_path_factory.mktemp("heads")
    recipe = short_recipe(tiny_encoder, facts_file, epochs=6, eval_from=6)
    (folder / "recipes").mkdir()
    write_recipe(recipe, folder / "recipes" / "facts-minilm.toml")
    compare(folder)
    return folder


def compare(folder: Path) -> None:
    options = {"--recipes": "recipes", "--runs": "runs", "--results": "rows", "--page": "page.md"}
    paths = [part for key, name in options.items() for part in (key, str(folder / name))]
    heads.main(["--corpora", "facts", "--seeds", "13", *paths])


def test_row_holds_what_the_run_found(folder: Path) -> None:
    (path,) = (folder / "rows").iterdir()  # heads without a recipe have no row
    row = json.loads(path.read_text(encoding="utf-8"))
    metrics = json.loads((folder / "runs" / "facts-minilm-13" / "metrics.json").read_text())
    scores = metrics["dev"]["hyperred"]
    assert path.name == "facts-table.json"
    assert scores["entity"]["f1"] > 0  # or the figures would say nothing
    assert row["figures"]["entity_f1"]["mean"] == round(100 * scores["entity"]["f1"], 2)
    assert row["head"] == "table"
    assert row["epochs"] == 6
    assert row["parameters"] > 1000
    assert row["sentences_per_second"]["mean"] > 0
    assert 100 < row["peak_mib"]["mean"] < 4000
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "## hyperred, " in page
    assert "| `table` | 1 | 6 |" in page


def test_finished_rows_are_neither_trained_nor_measured_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a finished run was trained again")

    before = (folder / "page.md").read_text(encoding="utf-8")
    measured = (folder / "runs" / "facts-minilm-13" / "head.json").stat().st_mtime_ns
    monkeypatch.setattr(seeds, "train", refuse)
    compare(folder)
    assert (folder / "runs" / "facts-minilm-13" / "head.json").stat().st_mtime_ns == measured
    assert (folder / "page.md").read_text(encoding="utf-8") == before


def row(head: str, strict: list[float], quintuplets: list[float], corpus: str) -> dict[str, Any]:
    figures = {"relation_strict_micro_f1": strict, "quintuplet_f1": quintuplets}
    return {
        "head": head,
        "corpus": corpus,
        "encoder": "tiny",
        "seeds": [13] * len(strict),
        "epochs": 3,
        "parameters": 12345,
        "figures": {name: seeds.spread(values) for name, values in figures.items()},
        **{
            key: seeds.spread([10.0])
            for key in ("training_seconds", "sentences_per_second", "peak_mib")
        },
    }


def test_page_sorts_heads_by_what_the_corpus_asks_for() -> None:
    rows = [
        row("a", [60.0], [0.0], "flat"),
        row("b", [70.0, 72.0], [0.0, 0.0], "flat"),
        row("a", [60.0], [50.0], "hyper"),
        row("b", [70.0], [40.0], "hyper"),
    ]
    lines = heads.page(rows).splitlines()
    flat = lines.index("## flat, tiny")
    assert "quintuplets" not in lines[flat + 2]
    assert lines[flat + 4] == "| `b` | 2 | 3 | - | - | 71.0 ± 1.4 | 12,345 | 10 | 10 | 10 |"
    assert lines[flat + 5].startswith("| `a` | 1 |")
    hyper = lines.index("## hyper, tiny")
    assert lines[hyper + 4] == "| `a` | 1 | 3 | - | - | 60.0 | - | 50.0 | 12,345 | 10 | 10 | 10 |"


def test_recipes_of_rows_name_their_head_and_corpus() -> None:
    found = 0
    for corpus in ("conll04", "hyperred"):
        for name in heads.HEADS:
            source = heads.recipe_file(ROOT / "recipes", corpus, name)
            if source.is_file():
                recipe = heads.read_recipe(source)
                assert recipe.model.head.name == name
                assert [c.name for c in recipe.corpora] == [corpus]
                assert recipe.model.encoder.name == "all-MiniLM-L6-v2"
                found += 1
    assert found >= 2
