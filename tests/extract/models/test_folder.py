"""Model folders: what is stored, that it is read back, and one clear line for each kind of damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import corpora
from extract import load
from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import ModelError, TripackError
from extract.model import EncoderConfig, ExtractionModel, ModelConfig
from extract.models.folder import (
    FORMAT,
    ModelFolder,
    Settings,
    describe,
    read_model,
    read_settings,
    write_model,
)
from extract.predict import Predictor, windower_of
from extract.schema import Relation, Schema
from extract.structures import Sentence
from extract.training.recipe import read_recipe
from tests.extract.cases import key


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> ModelFolder:
    """A copy of the tiny model that a test may damage."""
    return ModelFolder(Path(shutil.copytree(tiny_model, tmp_path / "model")))


@pytest.fixture
def sentences(facts_file: Path) -> list[Sentence]:
    return [e.sentence for e in corpora.read("hyperred", facts_file)["file"]]


def edit(folder: ModelFolder, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(folder.config.read_text(encoding="utf-8"))
    change(data)
    folder.config.write_text(json.dumps(data), encoding="utf-8")


def reload(folder: ModelFolder) -> None:
    read_model(folder)


# What is written


def test_folder_holds_data_only_and_the_recipe(tiny_run: Path, tiny_model: Path) -> None:
    assert {p.name for p in tiny_model.iterdir()} == {
        "config.json", "model.safetensors", "recipe.toml", "schema.json",
    }  # fmt: skip
    assert read_recipe(tiny_model / "recipe.toml") == read_recipe(tiny_run / "recipe.toml")
    for path in tiny_model.iterdir():
        assert not path.read_bytes().startswith(
            (b"\x80", b"PK")
        )  # neither a pickle nor a zip of them


def test_round_trip_gives_the_same_predictions(
    tiny_run: Path, tiny_model: Path, sentences: list[Sentence]
) -> None:
    model, schema, settings = read_model(ModelFolder(tiny_model))
    exact = ExtractionModel(settings.model, schema)
    exact.load_state_dict(load_file(tiny_run / "best.safetensors"))  # float32, as trained
    before, after = (Predictor(m, windower_of(m)).candidates(sentences) for m in (exact, model))
    for one, two in zip(before, after, strict=True):
        left, right = (
            {
                **{
                    tuple(s): float(e.max())
                    for s, e in zip(c.spans.tolist(), c.entity_scores, strict=True)
                },
                **{
                    (tuple(c.spans[s]), r, tuple(c.spans[o])): float(x)
                    for (s, r, o), x in zip(c.triples.tolist(), c.triple_scores, strict=True)
                },
            }
            for c in (one, two)
        )
        # Items at the floor may fall to either side of it.
        for name in left.keys() & right.keys():
            chance = [1 / (1 + torch.tensor(-side[name]).exp()) for side in (left, right)]
            assert float(chance[0]) == pytest.approx(float(chance[1]), abs=1e-3)
        for name in left.keys() ^ right.keys():
            assert {**left, **right}[name] == pytest.approx(-4.0, abs=0.02)


def test_frozen_embeddings_and_untrained_tensors_are_not_stored(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    config = ModelConfig(encoder=EncoderConfig(name=str(tiny_encoder)))
    schema = Schema.from_dict({"entity_types": ["A"], "relations": ["r"], "qualifiers": ["q"]})
    torch.manual_seed(0)
    model = ExtractionModel(config, schema)
    assert not model.encoder.word_embeddings.requires_grad
    changed = "encoder.model.encoder.layer.1.output.dense.weight"
    with torch.no_grad():
        model.get_parameter(changed).add_(0.01)
    folder = ModelFolder(tmp_path / "model")
    write_model(folder, model, schema, Settings(name="t", version="1", model=config))
    stored = load_file(folder.weights)
    assert [name for name in stored if name.startswith("encoder.model.")] == [changed]
    assert {t.dtype for t in stored.values()} == {torch.float16}
    torch.testing.assert_close(
        stored[changed].float(),
        torch.full_like(stored[changed], 0.01).float(),
        atol=1e-5,
        rtol=1e-3,
    )
    again, schema_again, settings = read_model(folder)
    assert schema_again == schema
    assert (settings.name, settings.version, settings.format) == ("t", "1", 1)  # no 8-bit numbers
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_writing_over_a_model_replaces_it_and_keeps_its_card(
    folder: ModelFolder, tiny_model: Path
) -> None:
    model, schema, settings = read_model(folder)
    folder.card.write_text("# card\n", encoding="utf-8")
    (folder.path / "stale.bin").write_bytes(b"x")
    write_model(folder, model, schema, settings)
    assert folder.card.read_text(encoding="utf-8") == "# card\n"
    assert not (folder.path / "stale.bin").exists()
    assert [p.name for p in folder.path.parent.iterdir()] == [
        "model"
    ]  # nothing half-written beside it
    reload(folder)


def test_describe_names_labels_and_sizes_without_weights(folder: ModelFolder) -> None:
    folder.weights.write_bytes(b"0" * 1000)
    found = describe(folder)
    assert (found["name"], found["version"], found["head"], found["fusion"]) == (
        "tiny", "1.0.0", "table", read_settings(folder).model.fusion.name,
    )  # fmt: skip
    assert found["entity_types"] == ["Entity"]
    assert "educated at" in found["relations"]
    assert found["bytes"] == sum(p.stat().st_size for p in folder.path.iterdir())


# What is refused


def refused(folder: ModelFolder, match: str) -> None:
    with pytest.raises(TripackError, match=match) as caught:
        load(folder.path, device="cpu")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "it has no model.safetensors"),
        ("schema.json", "Cannot read schema .*schema.json: No such file"),
    ],
)
def test_missing_file_is_named(folder: ModelFolder, name: str, match: str) -> None:
    (folder.path / name).unlink()
    refused(folder, match)


@pytest.mark.parametrize("name", ["config.json", "schema.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[]", b"null", b"{}"])
def test_damaged_settings_or_schema_is_named(
    folder: ModelFolder, name: str, content: bytes
) -> None:
    (folder.path / name).write_bytes(content)
    refused(folder, name)


def test_wrong_setting_is_named(folder: ModelFolder) -> None:
    edit(folder, lambda data: data["model"]["head"].update(width="wide"))
    refused(folder, r"config.json is damaged: model.head.width: Input should be a valid integer")


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.999])
def test_truncated_weights_are_a_model_error(folder: ModelFolder, share: float) -> None:
    data = folder.weights.read_bytes()
    folder.weights.write_bytes(data[: int(len(data) * share)])
    refused(folder, r"model.safetensors is damaged: .*Fetch the model again")


@pytest.mark.parametrize("content", [b"\x00" * 5000, b"\xff" * 5000, b"<html>" * 1000])
def test_foreign_weights_are_a_model_error(folder: ModelFolder, content: bytes) -> None:
    folder.weights.write_bytes(content)
    refused(folder, "model.safetensors is damaged")


def test_newer_format_asks_for_an_upgrade_even_with_unknown_settings(folder: ModelFolder) -> None:
    edit(folder, lambda data: data.update(format=FORMAT + 1, model={"brain": 1}))
    refused(folder, rf"has format {FORMAT + 1}, this version reads up to {FORMAT}. Upgrade tripack")


def test_setting_of_a_later_version_is_passed_over(folder: ModelFolder) -> None:
    edit(folder, lambda data: data.update(colour="red"))
    assert read_settings(folder).name == "tiny"


def test_missing_tensor_tensor_of_another_shape_and_unknown_tensor_are_named(
    folder: ModelFolder,
) -> None:
    whole = load_file(folder.weights)
    name = "head.relation_scorer.weight"
    less = {k: v for k, v in whole.items() if k != name}
    save_file(less, folder.weights)
    refused(folder, rf"lacks 1 tensors, the first is {name}")
    save_file({**less, name: whole[name][:, :-1].contiguous()}, folder.weights)
    refused(folder, rf"{name} is \(49, \d+, 49\), expected \(49, \d+, 49\)")
    save_file({**whole, "head.other": torch.zeros(2, 3)}, folder.weights)
    refused(folder, r"head.other is \(2, 3\), expected no such tensor")


def test_schema_of_another_model_is_refused(folder: ModelFolder) -> None:
    schema = Schema.read(folder.schema)
    Schema(schema.entity_types, schema.relations, schema.qualifiers[:-1]).write(folder.schema)
    refused(folder, r"model.safetensors: head.cube.[\w.]+ is \(.*\), expected \(.*\)")

    Schema(schema.entity_types, (*schema.relations, Relation("more"))).write(folder.schema)
    edit(folder, lambda data: data["calibration"].update(relations=[0.0] * len(schema.relations)))
    refused(folder, rf"calibrates {len(schema.relations)} relations, but schema.json has")


def test_encoder_with_other_weights_is_refused(
    folder: ModelFolder, tiny_encoder: Path, tmp_path: Path, sentences: list[Sentence]
) -> None:
    encoder = Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))
    edit(folder, lambda data: data["model"]["encoder"].update(name=str(encoder)))
    extractor = load(folder.path, device="cpu")  # the same weights elsewhere are as good
    assert [key(s) for s in extractor.predict(sentences)] == [key(s) for s in sentences]
    weights = load_file(encoder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][7, 3] += 1e-3
    save_file(weights, encoder / "model.safetensors", metadata={"format": "pt"})
    refused(
        folder, "was trained from other weights of encoder .* Install the encoder version named"
    )


def test_missing_encoder_is_named(folder: ModelFolder) -> None:
    edit(folder, lambda data: data["model"]["encoder"].update(name="/no/such/encoder"))
    refused(folder, "no encoder at '/no/such/encoder'")


def test_fewer_layers_are_built_and_checked(tiny_encoder: Path, tmp_path: Path) -> None:
    config = ModelConfig(encoder=EncoderConfig(name=str(tiny_encoder), n_layers=2))
    schema = Schema.from_dict({"entity_types": ["A"]})
    folder = ModelFolder(tmp_path / "model")
    model = ExtractionModel(config, schema)
    write_model(folder, model, schema, Settings(name="t", version="1", model=config))
    again, _, _ = read_model(folder)
    assert again.encoder.n_layers == 2
    assert PretrainedEncoder(str(tiny_encoder)).n_layers == 3


def test_model_error_is_a_tripack_error() -> None:
    assert issubclass(ModelError, TripackError)
