"""Early exits: which losses count, that a model trained so is good at each, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import corpora
from extract import load
from extract.decode.candidates import Candidates
from extract.errors import ModelError, OutputError, RecipeError
from extract.models.folder import ModelFolder, describe, read_model, read_settings
from extract.structures import Sentence
from extract.training.cut import write_exit
from extract.training.data import Collator, TrainingWindow, to_batch
from extract.training.early_exit import EarlyExits
from extract.training.recipe import EarlyExitRecipe, Recipe, read_recipe, write_recipe
from extract.training.run import _Run, train
from tests.extract.cases import key
from tests.extract.training.runs import disk_full_after, outcome, short_recipe
from tests.tiny import recipe_with, tiny_recipe


def exits(n_layers: int = 6, **settings: Any) -> EarlyExits:
    return EarlyExits(EarlyExitRecipe(**settings), n_layers)


@pytest.fixture(scope="module")
def run(tiny_exits: Path) -> Path:
    """A run of the tiny encoder, trained to end after its second layer as well as after its third."""
    return tiny_exits


@pytest.fixture
def sentences(facts_file: Path) -> list[Sentence]:
    return [e.sentence for e in corpora.read("hyperred", facts_file)["file"]]


def found(model: Path, sentences: list[Sentence], **options: Any) -> list[Candidates]:
    return load(model, device="cpu", **options)._predictor.candidates(sentences)


def same(one: list[Candidates], other: list[Candidates], tolerance: float = 0.0) -> bool:
    return all(
        a.spans.tolist() == b.spans.tolist()
        and a.triples.tolist() == b.triples.tolist()
        and abs(a.entity_scores - b.entity_scores).max(initial=0) <= tolerance
        and abs(a.triple_scores - b.triple_scores).max(initial=0) <= tolerance
        for a, b in zip(one, other, strict=True)
    )


# Which losses count


def test_weights_are_those_of_the_paper() -> None:
    # By hand for 4 layers, all exits: e(1) = 1 s, e(2) = 3 s, e(3) = 3 + 3 s with s = 0.5, so 0.5, 1.5, 4.5.
    weights = exits(4, curriculum="all", loss_scale=0.5).weights(0, 10)
    assert weights == pytest.approx({2: 0.5 / 6.5, 3: 1.5 / 6.5, 4: 4.5 / 6.5})


@given(
    n_layers=st.integers(3, 12),
    step=st.integers(0, 999),
    kind=st.sampled_from(["rotational", "gradual", "all"]),
    rotation=st.integers(1, 5),
    scale=st.floats(0.01, 10),
)
def test_weights_sum_to_one_and_deeper_layers_weigh_more(
    n_layers: int, step: int, kind: str, rotation: int, scale: float
) -> None:
    one = exits(n_layers, curriculum=kind, rotation=rotation, loss_scale=scale)
    weights = one.weights(step, 1000)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert list(weights) == sorted(weights) and max(weights) == n_layers
    assert list(weights.values()) == sorted(weights.values())
    assert set(weights) - {n_layers} <= set(one.layers)


def test_rotation_reaches_every_exit_in_turns() -> None:
    one = exits(curriculum="rotational", rotation=3)
    assert [one.enabled(step, 100) for step in range(4)] == [(3, 6), (4, 6), (2, 5, 6), (3, 6)]


def test_gradual_curriculum_goes_down_from_the_last_layer_by_half_of_the_steps() -> None:
    one = exits(curriculum="gradual")
    assert one.enabled(0, 120) == (6,)
    assert one.enabled(10, 120) == (5, 6)  # 120 / (2 * 6) steps an exit
    assert one.enabled(29, 120) == (4, 5, 6)
    assert one.enabled(60, 120) == (2, 3, 4, 5, 6)


# What is learnt


def test_tiny_model_knows_every_fact_by_heart_after_each_exit(
    run: Path, sentences: list[Sentence]
) -> None:
    for layer in (2, 3, None):
        extractor = load(run, device="cpu", exit_layer=layer)
        assert [key(s) for s in extractor.predict(sentences)] == [key(s) for s in sentences]
        assert extractor.full_name == ("tiny 1.0.0 exit-2" if layer == 2 else "tiny 1.0.0")


def test_losses_are_those_of_the_cut_models_by_weight(run: Path, tmp_path: Path) -> None:
    """What a step minimises, with a head and a fusion that are the same for all exits."""
    recipe = read_recipe(run / "recipe.toml")
    windows, collator = windows_of(recipe)
    batch = collator(windows[:5])
    losses = {}
    for layer in (2, 3):
        network = read_model(ModelFolder(run / "model"))[0].eval()
        network.cut(layer)
        losses[layer] = network(to_batch(batch), batch["gold"])
    whole = read_model(ModelFolder(run / "model"))[0].eval()
    with pytest.raises(AssertionError):
        torch.testing.assert_close(losses[2], losses[3])
    mixed = whole(to_batch(batch), batch["gold"], {2: 0.25, 3: 0.75})
    wanted = {task: 0.25 * losses[2][task] + 0.75 * losses[3][task] for task in losses[3]}
    torch.testing.assert_close(mixed, wanted)
    torch.testing.assert_close(whole(to_batch(batch), batch["gold"]), losses[3])


def test_exit_at_the_last_layer_is_the_whole_model_bit_by_bit(
    run: Path, sentences: list[Sentence]
) -> None:
    whole = found(run, sentences)
    assert same(whole, found(run, sentences, exit_layer=3))
    assert not same(whole, found(run, sentences, exit_layer=2), tolerance=1e-3)


def test_each_exit_has_thresholds_and_calibration_of_its_own(run: Path, tmp_path: Path) -> None:
    folder = ModelFolder(Path(shutil.copytree(run / "model", tmp_path / "model")))
    config = json.loads(folder.config.read_text())
    own = {"layer": 2, "calibration": {"entity": [2.0, 0.5]}, "thresholds": [0.3, 0.7, 0.2]}
    folder.config.write_text(json.dumps({**config, "exits": [own]}))
    early, whole = load(folder.path, device="cpu", exit_layer=2), load(folder.path, device="cpu")
    assert early._decoder.calibration.entity == (2.0, 0.5)
    assert early._decoder.thresholds == (0.3, 0.7, 0.2)
    assert whole._decoder.calibration == read_settings(ModelFolder(run / "model")).calibration
    assert describe(folder)["exits_after_layers"] == [2]
    write_exit(folder.path, 2, tmp_path / "cut")
    assert read_settings(ModelFolder(tmp_path / "cut")).thresholds == (0.3, 0.7, 0.2)


def test_run_fits_a_calibration_for_each_exit(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    """On a model that is not sure of everything, where there is something to fit."""
    recipe = recipe_with(
        short_recipe(tiny_encoder, facts_file, epochs=12, eval_from=12), early_exit={}
    )
    metrics = train(recipe, tmp_path / "run", progress=False)
    settings = read_settings(ModelFolder(tmp_path / "run" / "model"))
    assert [own.layer for own in settings.exits] == [2]
    assert settings.exits[0].calibration != settings.calibration
    assert metrics["exits"][0]["layer"] == 2
    assert metrics["exits"][0]["dev"]["hyperred"] != metrics["dev"]["hyperred"]


def windows_of(recipe: Recipe) -> tuple[list[TrainingWindow], Collator]:
    """What the recipe's run trains on."""
    prepared = _Run.prepare(recipe)
    return prepared.windows, Collator(prepared.windower, 0.0)


def test_exit_is_written_as_a_model_of_its_own(
    run: Path, sentences: list[Sentence], tmp_path: Path
) -> None:
    write_exit(run, 2, tmp_path / "two")
    assert same(found(run, sentences, exit_layer=2), found(tmp_path / "two", sentences), 1e-4)
    network, _, settings = read_model(ModelFolder(tmp_path / "two"))
    assert network.encoder.n_layers == settings.model.encoder.n_layers == 2
    assert (settings.name, settings.exits) == ("two", ())
    sizes = [(p / "model.safetensors").stat().st_size for p in (tmp_path / "two", run / "model")]
    assert sizes[0] < sizes[1]
    with pytest.raises(OutputError, match="two exists"):
        write_exit(run, 2, tmp_path / "two")
    with pytest.raises(ModelError, match="Got exit layer 1 for model 'tiny'; it ends after 2 or 3"):
        write_exit(run, 1, tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_exit_of_an_encoder_of_chosen_layers_is_a_model_of_its_first_ones(
    run: Path, sentences: list[Sentence], tmp_path: Path
) -> None:
    chosen = Path(shutil.copytree(run / "model", tmp_path / "chosen"))
    config = json.loads((chosen / "config.json").read_text())
    config["model"]["encoder"] |= {"n_layers": None, "layers": [1, 2, 3]}
    (chosen / "config.json").write_text(json.dumps(config))
    write_exit(chosen, 2, tmp_path / "two")
    network, _, settings = read_model(ModelFolder(tmp_path / "two"))
    assert settings.model.encoder.layers == network.encoder.kept == (1, 2)
    assert same(found(run, sentences, exit_layer=2), found(tmp_path / "two", sentences), 1e-4)


def test_layers_are_left_out_in_training_and_not_afterwards(
    run: Path, sentences: list[Sentence]
) -> None:
    assert same(found(run, sentences), found(run, sentences))
    model = load(run, device="cpu")._predictor.model  # type: ignore[attr-defined]
    assert not any("_Skip" in repr(h) for b in model.encoder.blocks() for h in b._forward_hooks)


def test_failed_run_with_exits_and_adapters_goes_on_to_the_bit_identical_end(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {
        "encoder": {"name": str(tiny_encoder)},
        "lora": {"rank": 2, "dropout": 0.1},
        "fusion": {"name": "task_mix"},
    }
    recipe = recipe_with(
        short_recipe(tiny_encoder, facts_file, epochs=4, eval_from=4),
        early_exit={"layer_dropout": 0.3, "curriculum": "gradual"},
        model=model,
    )
    train(recipe, tmp_path / "straight", progress=False)
    with disk_full_after(10, monkeypatch):  # in the third epoch
        train(recipe, tmp_path / "failed", progress=False)
    train(recipe, tmp_path / "failed", progress=False)
    assert outcome(tmp_path / "failed") == outcome(tmp_path / "straight")


# What is refused


def test_recipe_with_exits_is_written_and_read_back(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    recipe = recipe_with(tiny_recipe(tiny_encoder, facts_file), early_exit={"rotation": 3})
    write_recipe(recipe, tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml") == recipe
    assert recipe.exits(6) == (2, 3, 4, 5) and tiny_recipe(tiny_encoder, facts_file).exits(6) == ()


def test_fusion_that_needs_all_layers_is_refused_with_the_recipe(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    write_recipe(tiny_recipe(tiny_encoder, facts_file), recipe)
    with pytest.raises(RecipeError, match="Fusion 'concat' needs all layers and knows no early"):
        read_recipe(recipe, ["model.fusion.name=concat", "training.early_exit={}"])


def test_head_that_reads_the_text_again_is_refused(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    head = {"name": "packed_markers", "width": 48, "hidden": 64}
    recipe = recipe_with(tiny_recipe(tiny_encoder, facts_file), early_exit={}, model={"head": head})
    with pytest.raises(RecipeError, match="'packed_markers' runs the encoder again"):
        train(recipe, tmp_path / "run", progress=False)


def test_exits_need_a_layer_before_the_last() -> None:
    with pytest.raises(RecipeError, match=r"early_exit.first below 2.*got 2"):
        exits(2)


def test_model_without_exits_has_none(run: Path, tmp_path: Path) -> None:
    folder = ModelFolder(Path(shutil.copytree(run / "model", tmp_path / "model")))
    config = json.loads(folder.config.read_text())
    folder.config.write_text(json.dumps({**config, "exits": []}))
    with pytest.raises(ModelError, match=r"exit layer 2 .* it has no early exit and ends after 3"):
        load(folder.path, device="cpu", exit_layer=2)
    load(folder.path, device="cpu", exit_layer=3)


def test_exit_of_an_exported_model_or_a_stack_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{}")
    with pytest.raises(ModelError, match=r"exit layer 2 with the onnx runtime.*tripack models cut"):
        load(run, runtime="onnx", exit_layer=2)
    with pytest.raises(ModelError, match="is a stack of models, expected a model alone with exit"):
        load(tmp_path, exit_layer=2)


def test_loading_an_exit_leaves_the_folder_as_it_is(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run / "model", tmp_path / "copy"))
    before = {p.name: p.read_bytes() for p in copy.iterdir()}
    load(copy, device="cpu", exit_layer=2)
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == before
    assert torch.is_grad_enabled()
