"""Comparing cubes: what k sets, what is recorded, two networks in a row, that finished runs are kept."""

from __future__ import annotations

import json
import os
import shutil
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import cube, seeds, two_stage
from extract.errors import RecipeError
from extract.training.corpora import load_corpus
from extract.training.recipe import read_recipe, write_recipe
from extract.training.run import train
from tests.conftest import ROOT
from tests.extract.training.runs import short_recipe
from tests.tiny import tiny_recipe

_apart = cube.apart  # before it is replaced


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """Processes of their own cost seconds each; one test has a real one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cube, "apart", lambda function, *given: cube._with_peak(function, given))
        patch.setattr(seeds, "train", lambda *given: train(*given, progress=False))
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path) -> Path:
    """A comparison of two cubes after few epochs, and one of two networks that know the facts by heart."""
    folder = tmp_path_factory.mktemp("cube")
    write_recipe(short_recipe(tiny_encoder, facts_file, epochs=9), folder / "short.toml")
    write_recipe(tiny_recipe(tiny_encoder, facts_file), folder / "whole.toml")
    compare(folder, "short", "--k", "3", "none", "--epochs", "4")
    compare(folder, "whole", "--k", "--pipeline", "--epochs", "40")
    return folder


def compare(folder: Path, recipe: str, *options: str) -> dict[str, Any]:
    command = [str(folder / f"{recipe}.toml"), "--runs", str(folder / "runs"), "--seeds", "13"]
    cube.main([*command, "--out", str(folder / f"{recipe}.json"), *options])
    return read(folder, recipe)


def read(folder: Path, recipe: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{recipe}.json").read_text(encoding="utf-8"))
    return found


def metrics_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return found


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a finished run was trained or measured again")


def test_k_sets_the_words_of_training_and_of_inference() -> None:
    source = str(ROOT / "recipes" / "hyperred-minilm.toml")
    for k in (5, 0):
        recipe = cube.recipe_with(k, source, ["training.epochs=3"], 7)
        head = recipe.model.head.model_dump()
        assert (head["cells"], head["cube_words"], head["cube_words_inference"]) == (True, k, k)
        assert (recipe.training.epochs, recipe.seed) == (3, 7)
    assert (cube.words("none"), cube.words("40")) == (0, 40)
    for text in ("0", "-1", "all", "1.5"):
        with pytest.raises(ArgumentTypeError, match=f"a number of words or none, got '{text}'"):
            cube.words(text)


def test_row_holds_what_its_run_found(folder: Path) -> None:
    written = read(folder, "short")
    assert list(written["rows"]) == ["3", "none"]
    assert written["overrides"] == ["training.epochs=4"]
    for name, row in written["rows"].items():
        run = folder / "runs" / f"short-{name}-13"
        found = metrics_of(run)
        hyper = found["dev"]["hyperred"]["hyper"]
        figures = row["corpora"]["hyperred"]
        assert figures["triplet_f1"]["mean"] == round(100 * hyper["triplet"]["f1"], 2)
        assert figures["quintuplet_f1"]["mean"] == round(100 * hyper["quintuplet"]["f1"], 2)
        assert row["training_seconds"]["seeds"] == [found["seconds"]]
        assert row["best_epochs"] == [found["best_epoch"]]
        assert row["sentences_per_second"]["mean"] > 0
        for peak in ("training_peak_mib", "inference_peak_mib"):
            assert 100 < row[peak]["mean"] < 4000
        assert read_recipe(run / "recipe.toml") == cube.recipe_with(
            cube.words(name), str(folder / "short.toml"), ["training.epochs=4"], 13
        )


def test_finished_rows_are_neither_trained_nor_measured_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(folder, "short")["rows"], read(folder, "whole")["rows"]
    monkeypatch.setattr(cube, "apart", refuse)
    monkeypatch.setattr(seeds, "train", refuse)
    short = compare(folder, "short", "--k", "3", "none", "--epochs", "4")
    whole = compare(folder, "whole", "--k", "--pipeline", "--epochs", "40")
    assert (short["rows"], whole["rows"]) == before


def test_peak_of_a_run_that_ended_before_it_was_written_is_lost_and_not_made_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = folder / "runs" / "short-3-13" / "training.json"
    kept = stored.read_text(encoding="utf-8")
    stored.unlink()
    monkeypatch.setattr(seeds, "train", refuse)
    row = compare(folder, "short", "--k", "3", "--epochs", "4")["rows"]["3"]
    assert row["training_peak_mib"] is None
    assert row["training_seconds"]["mean"] > 0
    stored.write_text(kept, encoding="utf-8")
    compare(folder, "short", "--k", "3", "none", "--epochs", "4")


# Two networks in a row


def test_pipeline_finds_the_first_networks_triples_and_the_seconds_qualifiers(folder: Path) -> None:
    row = read(folder, "whole")["rows"]["pipeline"]
    first, second = (folder / "runs" / f"whole-pipeline-{p}-13" for p in ("triples", "qualifiers"))
    alone = metrics_of(first)["dev"]["hyperred"]["hyper"]
    figures = row["corpora"]["hyperred"]
    # The first network knows no qualifier, the second no triple; together they know all facts.
    assert alone["quintuplet"]["n_pred"] == 0
    assert metrics_of(second)["dev"]["hyperred"]["hyper"]["triplet"]["n_correct"] == 0
    assert figures["triplet_f1"]["mean"] == round(100 * alone["triplet"]["f1"], 2) > 90
    assert figures["quintuplet_f1"]["mean"] > 90
    seconds = [metrics_of(run)["seconds"] for run in (first, second)]
    assert row["training_seconds"]["mean"] == pytest.approx(sum(seconds), abs=0.06)
    assert row["best_epochs"][0][1] == 40  # nothing says which of the second's epochs is best


def test_qualifiers_do_not_change_the_triples_of_the_first_network(folder: Path) -> None:
    first, second = (folder / "runs" / f"whole-pipeline-{p}-13" for p in ("triples", "qualifiers"))
    composed = folder / "runs" / "whole-pipeline-13" / two_stage.COMPOSED
    recipe = read_recipe(second / "recipe.toml")
    sentences = [e.sentence for e in load_corpus(recipe.corpora[0]).dev]
    alone = cube.load(first, device="cpu")
    n_qualifiers = 0
    for one, both in zip(
        alone.predict(sentences),
        two_stage.extractor(first, second, composed).predict(sentences),
        strict=True,
    ):
        assert len(one.triples) == len(both.triples)
        for triple, qualified in zip(one.triples, both.triples, strict=True):
            assert not triple.qualifiers
            n_qualifiers += len(qualified.qualifiers)
            assert (triple.subject.span, triple.relation, triple.object.span) == (
                qualified.subject.span, qualified.relation, qualified.object.span,
            )  # fmt: skip
            assert triple.score == pytest.approx(qualified.score, abs=1e-4)
    assert n_qualifiers > 10


def test_recipes_of_the_stages_differ_in_what_they_learn_alone(folder: Path) -> None:
    source = str(folder / "whole.toml")
    base = read_recipe(source)
    first = two_stage.triples_recipe(source, [], folder / "a schema.json")
    second = two_stage.qualifiers_recipe(source, [])
    assert first.corpora[0].metric == "triplet"
    assert first.schema_file == str(folder / "a schema.json")
    assert first.model == second.model == base.model
    assert second.training.loss_weights == {"pairs": 0.0, "relations": 0.0}
    assert second.training.eval_from == base.training.epochs


def test_networks_of_other_labels_are_refused(folder: Path, tmp_path: Path) -> None:
    first, second = (folder / "runs" / f"whole-pipeline-{p}-13" for p in ("triples", "qualifiers"))
    other = tmp_path / "other"
    shutil.copytree(second / "model", other / "model")
    schema = json.loads((other / "model" / "schema.json").read_text(encoding="utf-8"))
    schema["relations"] = schema["relations"][::-1]
    (other / "model" / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    with pytest.raises(RecipeError, match="to know the same types and relations"):
        two_stage.joined(first, other)


def test_process_of_its_own_gives_result_and_peak() -> None:
    other, peak = _apart(os.getpid)
    assert other != os.getpid()
    assert 10 < peak < 4000


def test_table_by_hand() -> None:
    def row(quintuplets: list[float], peak: float | None) -> dict[str, Any]:
        figures = {"triplet_f1": seeds.spread([60.0]), "quintuplet_f1": seeds.spread(quintuplets)}
        costs = {name: seeds.spread([12.4]) for name in cube._COSTS}
        costs["training_peak_mib"] = None if peak is None else seeds.spread([peak])
        return {"corpora": {"hyperred": figures}, **costs}

    rows = {"5": row([50.0, 52.0], 900.0), "none": row([51.0], None)}
    assert cube.table({"encoder": "tiny", "rows": rows}).splitlines() == [
        "hyperred, dev, tiny",
        "",
        "| words in the cube | triplets | quintuplets | training, s | training, MiB | sentences/s "
        "| inference, MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| 5 | 60.00 | 51.00 ± 1.41 | 12 | 900 | 12 | 12 |",
        "| none | 60.00 | 51.00 | 12 | - | 12 | 12 |",
    ]
