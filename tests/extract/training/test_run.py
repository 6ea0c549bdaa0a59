"""Whole runs: learning by heart, the same twice, killed and resumed, refused, short, out of patience."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import corpora
from extract import load
from extract.errors import CorpusError, ModelError, OutputError, RecipeError
from extract.training.data import Collator
from extract.training.recipe import CorpusRecipe, Recipe, read_recipe, write_recipe
from extract.training.run import train
from tests.conftest import ROOT
from tests.extract.cases import key
from tests.extract.training.runs import (
    PROGRAM,
    checkpoints,
    disk_full_after,
    outcome,
    short_recipe,
)
from tests.tiny import recipe_with

N_STEPS_AN_EPOCH = 4  # 16 sentences in batches of 4


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the program that is killed
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe(tiny_encoder: Path, facts_file: Path) -> Recipe:
    return short_recipe(tiny_encoder, facts_file)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Path:
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    torch.set_num_threads(1)
    train(recipe, run)
    return run


# What is learnt


def test_tiny_model_knows_every_fact_by_heart(tiny_run: Path) -> None:
    dev = json.loads((tiny_run / "metrics.json").read_text(encoding="utf-8"))["dev"]["hyperred"]
    assert dev["entity"]["f1"] == 1.0
    assert dev["relation"]["strict"]["f1"] == 1.0
    assert dev["relation"]["strict"]["n_gold"] == 19
    assert dev["hyper"]["quintuplet"]["f1"] == 1.0
    assert dev["hyper"]["quintuplet"]["n_gold"] == 23


def test_tiny_model_gives_every_fact_from_words_and_from_text(
    tiny_model: Path, facts_file: Path
) -> None:
    extractor = load(tiny_model, device="cpu")
    examples = corpora.read("hyperred", facts_file)["file"]
    gold = [key(e.sentence) for e in examples]
    assert [key(s) for s in extractor.predict([e.sentence for e in examples])] == gold
    documents = extractor.extract([e.text for e in examples])
    assert [key(s) for d in documents for s in d.sentences] == gold
    # Written as text is, without a space before punctuation, the facts are the same.
    text = "Leonard Parker received his PhD from Harvard University in 1967."
    (triple,) = extractor.extract(text).triples
    assert (triple.subject.text, triple.relation, triple.object.text) == (
        "Leonard Parker", "educated at", "Harvard University",
    )  # fmt: skip
    assert [(q.label, q.value.text) for q in triple.qualifiers] == [
        ("academic degree", "PhD"),
        ("end time", "1967"),
    ]


def test_corpus_without_a_dev_part_teaches_and_is_not_scored(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    text = "Ida Moen founded Westwind."
    mark = [{"text": t, "start": text.index(t), "end": text.index(t) + len(t), "label": "Entity"}
            for t in ("Ida Moen", "Westwind")]  # fmt: skip
    triple = {"subject": mark[1], "relation": "founded by", "object": mark[0]}
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"text": text, "entities": mark, "triples": [triple]}) + "\n")
    data = short_recipe(tiny_encoder, facts_file, epochs=2).model_dump()
    silver = {"name": "tripack", "path": str(own), "train": "file", "dev": "none"}
    data["corpora"] = [*data["corpora"], silver]
    result = train(Recipe.model_validate(data), tmp_path / "run", progress=False)
    assert set(result["dev"]) == {"hyperred"}
    assert "founded by" in load(tmp_path / "run" / "model", device="cpu").schema.relation_names


# The same again


def test_same_seed_gives_the_same_weights_and_figures(
    whole: Path, recipe: Recipe, tmp_path: Path
) -> None:
    train(recipe, tmp_path / "again")
    assert outcome(tmp_path / "again") == outcome(whole)


def test_other_seed_gives_other_weights(whole: Path, recipe: Recipe, tmp_path: Path) -> None:
    train(recipe.model_copy(update={"seed": 14}), tmp_path / "other")
    one, two = outcome(tmp_path / "other"), outcome(whole)
    assert one["model/model.safetensors"] != two["model/model.safetensors"]


def start(recipe_file: Path, run: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(recipe_file), str(run)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_run_goes_on_to_the_bit_identical_end(
    whole: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run, recipe_file = tmp_path / "killed", tmp_path / "recipe.toml"
    write_recipe(recipe, recipe_file)
    program = start(recipe_file, run)
    deadline = time.monotonic() + 300
    try:
        while not list(run.glob("checkpoint-*/trainer_state.json")):
            assert program.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "no checkpoint came"
            time.sleep(0.005)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    assert not (run / "metrics.json").exists()
    train(recipe, run)
    assert outcome(run) == outcome(whole)


class Recorder:
    """Counts the epochs' batches as they are drawn, and fails like a full disk at a given one."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.texts: list[tuple[int, ...]] = []
        self.fail_at = fail_at

    def record(self, pieces: torch.Tensor) -> None:
        if len(self.texts) == self.fail_at:
            raise OSError(28, "No space left on device")
        self.texts.append(tuple(pieces.sum(dim=1).tolist()))


@pytest.mark.parametrize("at", [6, 20])  # within an epoch, and at the first batch of one
def test_failed_run_goes_on_with_the_batches_it_had_not_seen(
    whole: Path,
    tiny_encoder: Path,
    facts_file: Path,
    tmp_path: Path,
    at: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Without piece dropout, the sums of its piece ids tell each sentence apart.
    recipe = short_recipe(tiny_encoder, facts_file, piece_dropout=0.0, epochs=6, eval_from=6)
    collate = Collator.__call__

    def run(folder: str, recorder: Recorder) -> None:
        def recorded(self: Collator, windows: Any) -> Any:
            inputs = collate(self, windows)
            recorder.record(inputs["piece_ids"])  # type: ignore[arg-type]
            return inputs

        monkeypatch.setattr(Collator, "__call__", recorded)
        train(recipe, tmp_path / folder)

    straight, first, second = Recorder(), Recorder(fail_at=at), Recorder()
    run("straight", straight)
    assert len(straight.texts) == 6 * N_STEPS_AN_EPOCH
    assert len(set(straight.texts)) > N_STEPS_AN_EPOCH  # epochs differ
    with pytest.raises(OSError, match="No space left"):
        run("failed", first)
    saved = checkpoints(tmp_path / "failed")
    assert saved == [at // N_STEPS_AN_EPOCH * N_STEPS_AN_EPOCH]
    run("failed", second)
    assert second.texts == straight.texts[saved[0] :]
    assert outcome(tmp_path / "failed") == outcome(tmp_path / "straight")


def test_failed_run_draws_the_same_tasks_when_it_goes_on(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = short_recipe(
        tiny_encoder, facts_file, task_sampling="proportional", epochs=6, eval_from=6
    )
    train(recipe, tmp_path / "straight", progress=False)
    with disk_full_after(10, monkeypatch):  # in the third epoch
        train(recipe, tmp_path / "failed", progress=False)
    assert checkpoints(tmp_path / "failed") == [2 * N_STEPS_AN_EPOCH]
    train(recipe, tmp_path / "failed", progress=False)
    assert outcome(tmp_path / "failed") == outcome(tmp_path / "straight")


def test_half_written_checkpoint_is_passed_over(
    whole: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    (last,) = checkpoints(run)
    newer = Path(shutil.copytree(run / f"checkpoint-{last}", run / f"checkpoint-{last + 4}"))
    (newer / "trainer_state.json").write_text('{"epoch": ', encoding="utf-8")
    (run / "metrics.json").unlink()
    train(recipe, run)
    assert outcome_without_checkpoint(run) == outcome_without_checkpoint(whole)


def outcome_without_checkpoint(run: Path) -> dict[str, Any]:
    return {k: v for k, v in outcome(run).items() if not k.startswith("last/")}


def test_finished_run_run_again_stays_as_it_is(whole: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    train(recipe, run)
    assert outcome(run) == outcome(whole)


def test_run_from_the_start_forgets_an_earlier_best(
    whole: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    (run / "best.json").write_text('{"f1": 0.99, "epoch": 1.0}', encoding="utf-8")
    train(recipe, run, resume=False)
    assert outcome(run) == outcome(whole)


def test_run_from_the_start_that_fails_at_once_does_not_go_on_from_an_earlier_one(
    whole: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    assert checkpoints(run)
    monkeypatch.setattr(Collator, "__call__", lambda self, windows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(recipe, run, resume=False)
    assert checkpoints(run) == []
    monkeypatch.undo()
    train(recipe, run)
    assert outcome(run) == outcome(whole)


# Short, and out of patience


def test_run_shorter_than_its_first_scoring_is_scored_at_the_end(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    recipe = short_recipe(tiny_encoder, facts_file, epochs=2, eval_from=5)
    assert train(recipe, tmp_path / "run")["best_epoch"] == 2.0
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


NOTHING_LEARNT = {"learning_rate": 1e-12, "head_learning_rate": 1e-12}  # no score is ever beaten


def test_run_out_of_patience_stops_and_stays_stopped_when_resumed(
    tiny_encoder: Path, facts_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    recipe = short_recipe(tiny_encoder, facts_file, epochs=9, patience=2, **NOTHING_LEARNT)
    recipe = recipe.model_copy(update={"start": str(tiny_model)})
    run = tmp_path / "run"
    assert train(recipe, run)["best_epoch"] == 1.0
    assert checkpoints(run) == [3 * N_STEPS_AN_EPOCH]
    before = outcome(run)
    (run / "metrics.json").unlink()
    train(recipe, run)
    assert checkpoints(run) == [3 * N_STEPS_AN_EPOCH]
    assert outcome(run) == before


def test_run_that_finds_nothing_loses_no_patience_and_keeps_its_last_epoch(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    recipe = short_recipe(tiny_encoder, facts_file, epochs=4, patience=2, **NOTHING_LEARNT)
    assert train(recipe, tmp_path / "run", progress=False)["best_epoch"] == 4.0


def test_run_without_averaging_keeps_its_own_weights(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    recipe = short_recipe(tiny_encoder, facts_file, epochs=2, ema_decay=0.0)
    train(recipe, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoint-*/average.safetensors"))
    (last,) = (tmp_path / "run").glob("checkpoint-*")
    from safetensors.torch import load_file

    kept, own = (
        load_file(tmp_path / "run" / "best.safetensors"),
        load_file(last / "model.safetensors"),
    )
    best = json.loads((tmp_path / "run" / "best.json").read_text(encoding="utf-8"))
    if best["epoch"] == 2.0:
        assert all(torch.equal(kept[name], own[name]) for name in own)
    assert kept.keys() == own.keys()


# What is refused


def test_run_folder_of_another_recipe_is_refused_and_untouched(
    whole: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    before = outcome(run)
    other = recipe.model_copy(update={"seed": 99})
    with pytest.raises(OutputError, match="holds a run of another recipe"):
        train(other, run)
    assert outcome(run) == before
    assert read_recipe(run / "recipe.toml") == recipe


def test_a_recipe_that_cannot_be_trained_leaves_the_folder_free(
    recipe: Recipe, facts_file: Path, tmp_path: Path
) -> None:
    data = recipe.model_dump()
    data["corpora"][0]["path"] = str(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="nowhere"):
        train(Recipe.model_validate(data), tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
    # A run of another recipe that was killed before its first checkpoint holds nothing to go on with.
    write_recipe(recipe.model_copy(update={"seed": 99}), tmp_path / "run" / "recipe.toml")
    short = recipe_with(recipe, epochs=1)
    train(short, tmp_path / "run", progress=False)
    assert read_recipe(tmp_path / "run" / "recipe.toml") == short
    with pytest.raises(OutputError, match="holds a run of another recipe"):
        train(recipe, tmp_path / "run")


def test_run_folder_that_is_a_file_is_refused_in_one_line(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for target in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OutputError, match="Cannot write to run folder") as caught:
            train(recipe, target)
        assert "\n" not in str(caught.value)


def test_missing_encoder_corpus_and_schema_are_named(recipe: Recipe, tmp_path: Path) -> None:
    encoder = recipe.model.encoder.model_copy(update={"name": "./nowhere"})
    model = recipe.model.model_copy(update={"encoder": encoder})
    with pytest.raises(ModelError, match=r"no encoder at '\./nowhere'"):
        train(recipe.model_copy(update={"model": model}), tmp_path / "a")
    missing = CorpusRecipe(name="hyperred", path=str(tmp_path / "none.jsonl"))
    with pytest.raises(CorpusError, match=r"none\.jsonl"):
        train(recipe.model_copy(update={"corpora": (missing,)}), tmp_path / "b")
    empty = tmp_path / "empty.json"
    empty.write_text('{"entity_types": []}', encoding="utf-8")
    with pytest.raises(RecipeError, match="training data with entities, got none"):
        train(recipe.model_copy(update={"schema_file": str(empty)}), tmp_path / "c")


def test_a_quiet_run_prints_nothing(
    recipe: Recipe,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "extract")  # as the command line's --quiet leaves it
    short = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 1})})
    train(short, tmp_path / "loud")
    assert f"{N_STEPS_AN_EPOCH}/{N_STEPS_AN_EPOCH}" in "".join(capfd.readouterr())
    train(short, tmp_path / "quiet", progress=False)
    assert capfd.readouterr() == ("", "")
