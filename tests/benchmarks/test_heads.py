"""Comparing heads: which recipes are rows, what is recorded, that finished rows are kept, the page."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from benchmarks import heads, seeds
from extract.encoder.fusion import fusion_config
from extract.heads import HEADS
from extract.model import EncoderConfig
from extract.training.recipe import Recipe, read_recipe, write_recipe
from extract.training.run import train
from tests.conftest import ROOT
from tests.extract.training.runs import short_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path) -> Path:
    """A folder with recipes, two of which are rows, and the finished comparison of the table's."""
    folder = tmp_path_factory.mktemp("heads")
    recipe = short_recipe(tiny_encoder, facts_file, epochs=6, eval_from=6)
    write(folder, "hyperred-minilm", recipe)
    fusion = recipe.model.model_copy(update={"fusion": fusion_config({"name": "layer_tapped"})})
    write(folder, "hyperred-layer_tapped", recipe.model_copy(update={"model": fusion}))
    # What is none: another encoder, two corpora, another corpus.
    write(folder, "hyperred-mpnet", recipe, "model.encoder.name=all-mpnet-base-v2")
    write(folder, "hyperred-both", recipe.model_copy(update={"corpora": recipe.corpora * 2}))
    write(folder, "hyperred-news", recipe, "corpora.0.name=conll04")
    write(folder, "hyperredder-minilm", recipe)
    compare(folder, tiny_encoder, "--only", "table")
    return folder


def write(folder: Path, name: str, recipe: Recipe, *changes: str) -> None:
    path = folder / "recipes" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    write_recipe(recipe, path)
    write_recipe(read_recipe(path, list(changes)), path)


def compare(folder: Path, encoder: Path, *more: str) -> None:
    options = {"--recipes": "recipes", "--runs": "runs", "--results": "rows", "--page": "page.md"}
    paths = [part for key, name in options.items() for part in (key, str(folder / name))]
    heads.main(["--corpora", "hyperred", "--encoder", str(encoder), "--seeds", "13", *paths, *more])


def test_rows_are_the_recipes_of_the_corpus_and_the_encoder(
    folder: Path, tiny_encoder: Path
) -> None:
    rows = heads.rows_of(folder / "recipes", "hyperred", str(tiny_encoder))
    assert [(row.label, row.source.name, row.head) for row in rows] == [
        ("layer_tapped", "hyperred-layer_tapped.toml", "table"),
        ("table", "hyperred-minilm.toml", "table"),
    ]
    (other,) = heads.rows_of(folder / "recipes", "hyperred", "all-mpnet-base-v2")
    assert other.label == "mpnet"
    assert heads.rows_of(folder / "recipes", "scierc", str(tiny_encoder)) == []


def test_names_mean_a_row_before_a_head() -> None:
    one, two, three = rows = [
        heads.Row("table", Path("a"), "table"),
        heads.Row("layer_tapped", Path("b"), "table"),
        heads.Row("token_pair-softmax", Path("c"), "token_pair"),
    ]
    assert heads.named("table", rows) == [one]
    assert heads.named("table", [two, three]) == [two]
    assert heads.named("token_pair", rows) == [three]
    assert heads.named("cube", rows) == []
    assert heads.unique(["layer_tapped", "token_pair", "token_pair-softmax"], rows) == [two, three]


def test_name_of_neither_row_nor_head_is_refused_before_anything_is_trained(
    folder: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        compare(folder, tiny_encoder, "--only", "layer_tapped", "cubes")
    message = f"expected rows (layer_tapped, table) or heads ({', '.join(sorted(HEADS))})"
    assert message in capsys.readouterr().err
    assert not list(folder.glob("runs/hyperred-layer_tapped-*"))


def test_head_without_a_recipe_is_left_out_and_said_so(
    folder: Path, tiny_encoder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = sorted((folder / "rows").iterdir())
    compare(folder, tiny_encoder, "--only", "token_pair")
    assert "hyperred: no recipe for token_pair" in caplog.messages
    assert sorted((folder / "rows").iterdir()) == before


def test_row_holds_what_the_run_found(folder: Path) -> None:
    path = folder / "rows" / "hyperred-table.json"
    row = json.loads(path.read_text(encoding="utf-8"))
    metrics = json.loads((folder / "runs" / "hyperred-minilm-13" / "metrics.json").read_text())
    scores = metrics["dev"]["hyperred"]
    assert scores["entity"]["f1"] > 0  # or the figures would say nothing
    assert row["figures"]["entity_f1"]["mean"] == round(100 * scores["entity"]["f1"], 2)
    assert (row["row"], row["head"], row["fusion"]) == ("table", "table", "task_mix")
    assert row["recipe"].endswith("hyperred-minilm.toml")
    assert row["epochs"] == 6
    assert row["parameters"] > 1000
    assert row["sentences_per_second"]["mean"] > 0
    assert 100 < row["peak_mib"]["mean"] < 4000
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "## hyperred, " in page
    assert "| `table` | `table` | `task_mix` | 1 | 6 |" in page


def test_finished_rows_are_kept_and_missing_ones_added(
    folder: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def train_noted(recipe: Recipe, run: Path) -> dict[str, Any]:
        trained.append(run.name)
        return train(recipe, run, progress=False)

    measured = folder / "runs" / "hyperred-minilm-13" / "head.json"
    before = measured.stat().st_mtime_ns
    monkeypatch.setattr(seeds, "train", train_noted)
    compare(folder, tiny_encoder)
    assert trained == ["hyperred-layer_tapped-13"]
    assert measured.stat().st_mtime_ns == before
    rows = {path.name for path in (folder / "rows").iterdir()}
    assert rows == {"hyperred-layer_tapped.json", "hyperred-table.json"}
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "| `layer_tapped` | `table` | `layer_tapped` | 1 | 6 |" in page
    compare(folder, tiny_encoder)
    assert trained == ["hyperred-layer_tapped-13"]
    assert (folder / "page.md").read_text(encoding="utf-8") == page


def row(head: str, strict: list[float], quintuplets: list[float], corpus: str) -> dict[str, Any]:
    figures = {"relation_strict_micro_f1": strict, "quintuplet_f1": quintuplets}
    return {
        "row": f"{head}-x",
        "head": head,
        "fusion": "last",
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


def test_page_sorts_rows_by_what_the_corpus_asks_for() -> None:
    rows = [
        row("table", [60.0], [0.0], "flat"),
        row("token_pair", [70.0, 72.0], [0.0, 0.0], "flat"),
        row("table", [60.0], [50.0], "hyper"),
        row("token_pair", [70.0], [40.0], "hyper"),
    ]
    lines = heads.page(rows).splitlines()
    flat = lines.index("## flat, tiny")
    assert "quintuplets" not in lines[flat + 2]
    assert (
        lines[flat + 4]
        == "| `token_pair-x` | `token_pair` | `last` | 2 | 3 | - | - | 71.0 ± 1.4 | 12,345 | 10 | 10 | 10 |"
    )
    assert lines[flat + 5].startswith("| `table-x` | `table` | `last` | 1 |")
    hyper = lines.index("## hyper, tiny")
    assert (
        lines[hyper + 4]
        == "| `table-x` | `table` | `last` | 1 | 3 | - | - | 60.0 | - | 50.0 | 12,345 | 10 | 10 | 10 |"
    )
    # A head without qualifiers has no figure for them.
    assert (
        lines[hyper + 5]
        == "| `token_pair-x` | `token_pair` | `last` | 1 | 3 | - | - | 70.0 | - | - | 12,345 | 10 | 10 | 10 |"
    )


def test_rows_of_the_recipes_that_are_kept() -> None:
    default = EncoderConfig().name
    rows = {row.label: row for row in heads.rows_of(ROOT / "recipes", "conll04", default)}
    assert rows["table"].source.name == "conll04-minilm.toml"
    assert rows["layer_tapped"].head == "table"
    assert {row.head for row in rows.values()} >= {"table", "token_pair", "packed_markers"}
    assert "mpnet" not in rows
    assert all(row.head == label for label, row in rows.items() if label in heads.HEADS)
    assert "table" in [row.label for row in heads.rows_of(ROOT / "recipes", "hyperred", default)]
