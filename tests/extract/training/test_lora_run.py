"""Models with low-rank adapters: learnt by heart, small on disk, the same merged or not, and in ONNX."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import corpora
from extract import load
from extract.encoder.lora import LoraSettings, is_adapter
from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import ModelError, RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, describe, read_model, write_model
from extract.structures import Sentence
from extract.training.recipe import Recipe, read_recipe, write_recipe
from extract.training.run import train
from tests.extract.cases import key
from tests.extract.training.test_early_exit import found, same
from tests.tiny import recipe_with, tiny_recipe

LORA = {"rank": 8, "alpha": 16}


@pytest.fixture(scope="module")
def recipe(tiny_encoder: Path, facts_file: Path) -> Recipe:
    return recipe_with(
        tiny_recipe(tiny_encoder, facts_file),
        model={"encoder": {"name": str(tiny_encoder)}, "lora": LORA},
        epochs=40,
        eval_from=39,
        learning_rate=4e-3,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Path:
    folder = tmp_path_factory.mktemp("lora") / "run"
    train(recipe, folder, progress=False)
    return folder


@pytest.fixture
def sentences(facts_file: Path) -> list[Sentence]:
    return [e.sentence for e in corpora.read("hyperred", facts_file)["file"]]


def test_tiny_model_knows_every_fact_by_heart(run: Path, sentences: list[Sentence]) -> None:
    predicted = load(run, device="cpu").predict(sentences)
    assert [key(s) for s in predicted] == [key(s) for s in sentences]


def test_folder_holds_adapters_fusion_and_head_alone_and_names_the_encoder(
    run: Path, tiny_encoder: Path
) -> None:
    stored = load_file(run / "model" / "model.safetensors")
    of_encoder = {name for name in stored if name.startswith("encoder.")}
    assert {n for n in of_encoder if not is_adapter(n)} == {"encoder.shapes.weight"}
    assert len(of_encoder) == 1 + 3 * 6 * 2  # two matrices for each linear layer
    assert not any("base_layer" in name or "default" in name for name in stored)
    # Each matrix of 40 x 40 or 40 x 80 became one of rank 8.
    size = sum(stored[name].numel() for name in of_encoder if is_adapter(name))
    assert size == 3 * 8 * (4 * 80 + 2 * 120)
    assert size < sum(p.numel() for p in PretrainedEncoder(str(tiny_encoder)).parameters()) / 3
    described = describe(ModelFolder(run / "model"))
    assert (described["encoder"], described["adapters"]) == (str(tiny_encoder), "low rank, 8")


def test_adapters_fusion_and_head_alone_were_trained(run: Path, tiny_encoder: Path) -> None:
    trained = load_file(run / "best.safetensors")
    own = PretrainedEncoder(str(tiny_encoder)).model.state_dict()
    for name, value in own.items():
        paths = [n for n in trained if n.replace(".base_layer", "") == f"encoder.model.{name}"]
        assert torch.equal(trained[paths[0]], value), name
    assert any(v.any() for n, v in trained.items() if "lora_B" in n)


def test_loaded_merged_or_not_the_scores_are_the_same(run: Path, sentences: list[Sentence]) -> None:
    beside = found(run, sentences, merge=False)
    assert same(found(run, sentences), beside, 1e-3)
    merged = load(run, device="cpu")._predictor.model  # type: ignore[attr-defined]
    assert merged.settings.lora is None
    assert not any("lora" in name for name, _ in merged.named_parameters())


def test_written_again_without_merging_the_bytes_are_the_same(run: Path, tmp_path: Path) -> None:
    before = ModelFolder(run / "model")
    network, schema, settings = read_model(before, merge=False)
    again = ModelFolder(tmp_path / "again")
    write_model(again, network, schema, settings, read_recipe(before.recipe))
    for file in ("weights", "config", "recipe"):
        assert getattr(again, file).read_bytes() == getattr(before, file).read_bytes()


def test_merged_model_is_written_as_an_ordinary_one(
    run: Path, tmp_path: Path, sentences: list[Sentence]
) -> None:
    network, schema, settings = read_model(ModelFolder(run / "model"))
    whole = ModelFolder(tmp_path / "whole")
    write_model(whole, network, schema, settings.model_copy(update={"model": network.settings}))
    assert same(found(run, sentences), found(whole.path, sentences), 1e-2)
    assert not any(is_adapter(name) for name in load_file(whole.weights))


def test_running_needs_no_peft_and_running_beside_does(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    load(run, device="cpu")
    with pytest.raises(ModelError, match=r"pip install 'tripack\[lora\]'"):
        load(run, device="cpu", merge=False)


def test_export_to_onnx_is_of_the_merged_weights(
    run: Path, tmp_path: Path, sentences: list[Sentence]
) -> None:
    from extract.runtime.export import export_onnx

    settings = export_onnx(run, tmp_path / "exported")
    assert settings.closeness is not None and settings.closeness.largest < 1e-3
    exported = load(tmp_path / "exported", runtime="onnx").predict(sentences)
    assert [key(s) for s in exported] == [key(s) for s in sentences]


def test_other_model_of_the_same_encoder_starts_from_the_adapters(
    run: Path, recipe: Recipe, tmp_path: Path
) -> None:
    from extract.training.start import start_from

    trained, schema, _ = read_model(ModelFolder(run / "model"), merge=False)
    fresh = ExtractionModel(recipe.model, schema)
    start_from(fresh, str(run))
    for name, value in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name
    plain = ExtractionModel(recipe.model.model_copy(update={"lora": None}), schema)
    with pytest.raises(RecipeError, match=r"adapters of the recipe \(none\), got one with rank 8"):
        start_from(plain, str(run))


def test_adapters_with_trained_embeddings_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    write_recipe(recipe, tmp_path / "recipe.toml")
    again = read_recipe(tmp_path / "recipe.toml")
    assert again == recipe and again.model.lora == LoraSettings(rank=8, alpha=16)
    with pytest.raises(RecipeError, match=r"lora trains adapters in the place.*leave freeze_embed"):
        read_recipe(tmp_path / "recipe.toml", ["model.encoder.freeze_embeddings=false"])
