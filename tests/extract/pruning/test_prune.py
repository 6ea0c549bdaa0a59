"""A pruned model says what the whole says with its dropped layers doing nothing; what is refused."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path

import pytest
import torch
from torch import Tensor

import corpora
from extract.encoder.fusion import FUSIONS, build_fusion, fusion_config
from extract.encoder.pretrained import LayerStates, PretrainedEncoder
from extract.encoder.windows import EncodedBatch
from extract.errors import ModelError, OutputError, RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.predict import Predictor, windower_of
from extract.pruning.prune import prune_folder, pruned
from extract.structures import Sentence
from extract.training.recipe import Recipe
from extract.training.run import train
from tests.extract.training.runs import short_recipe

KEPT = [layers for n in (1, 2) for layers in combinations((1, 2, 3), n)]


def hand_on(hidden_states: Tensor, *args: object, **kwargs: object) -> Tensor:
    """What a layer does that does nothing."""
    return hidden_states


@pytest.fixture(scope="module")
def sentences(facts_file: Path) -> list[Sentence]:
    return [e.sentence for e in corpora.read("hyperred", facts_file)["file"]]


@pytest.fixture
def whole(tiny_model: Path) -> ExtractionModel:
    return read_model(ModelFolder(tiny_model))[0].eval()


def batch_of(model: ExtractionModel, sentences: list[Sentence]) -> EncodedBatch:
    windower = windower_of(model)
    return windower.batch(windower.windows(sentences[:4]))


@pytest.mark.parametrize("layers", KEPT, ids=str)
@torch.no_grad()
def test_pruned_model_is_the_whole_with_layers_that_do_nothing(
    whole: ExtractionModel, sentences: list[Sentence], layers: tuple[int, ...]
) -> None:
    batch = batch_of(whole, sentences)
    small = pruned(whole, layers)
    before = whole.layer_states(batch).layers
    states = small.layer_states(batch).layers
    assert len(states) == len(layers) + 1
    assert small.fusion.weights.shape == (3, len(layers) + 1)
    same = next((n for n, layer in enumerate(layers) if layer != n + 1), len(layers))
    for layer in range(same + 1):  # up to the first dropped one, states are the whole's own
        assert torch.equal(states[layer], before[layer])
    for dropped in {1, 2, 3} - set(layers):
        whole.encoder.model.encoder.layer[dropped - 1].forward = hand_on
    expected, found = whole.word_states(batch), small.word_states(batch)
    for task in ("entities", "relations", "qualifiers"):
        torch.testing.assert_close(found.task(task), expected.task(task), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "layers"), [*((name, None) for name in sorted(FUSIONS)), ("last", (2, 6, 3))]
)
@torch.no_grad()
def test_every_fusion_goes_on_without_dropped_layers(
    name: str, layers: tuple[int, ...] | None
) -> None:
    torch.manual_seed(1)
    n_layers, number = 6, [0, 1, 1, 1, 2, 2, 3]  # layers 1, 4 and 6 are kept
    config = fusion_config({"name": name, "layers": layers})
    fusion = build_fusion(config, n_layers, 12).eval()
    for parameter in fusion.parameters():
        parameter.add_(torch.randn(parameter.shape))
    kept = tuple(torch.randn(2, 5, 12) for _ in range(4))
    mask = torch.ones(2, 5, dtype=torch.bool)
    settings, weights = fusion.renumbered(config, number)
    small = build_fusion(fusion_config(settings.model_dump()), 3, 12).eval()
    small.load_state_dict({**small.state_dict(), **weights})
    expected = fusion(LayerStates(tuple(kept[at] for at in number), mask))
    for one, other in zip(small(LayerStates(kept, mask)), expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_transport_from_a_layer_to_itself_is_refused() -> None:
    config = fusion_config({"name": "optimal_transport"})
    settings, _ = build_fusion(config, 3, 12).renumbered(config, [0, 0, 0, 0])
    with pytest.raises(RecipeError, match="low to be another layer than the last"):
        build_fusion(settings, 0, 12)


def test_folder_of_a_pruned_model_says_what_the_model_says(
    whole: ExtractionModel, tiny_model: Path, sentences: list[Sentence], tmp_path: Path
) -> None:
    mean = Path(shutil.copytree(tiny_model, tmp_path / "mean"))
    config = json.loads((mean / "config.json").read_text())
    (mean / "config.json").write_text(json.dumps({**config, "averaged": ["a 1", "b 1"]}))
    settings, measured = prune_folder(mean, tmp_path / "small", 2, "similarity", sentences)
    assert measured is not None and len(measured.blocks) == 3
    drop = min(range(3), key=lambda at: measured.blocks[at])
    layers = tuple(layer for layer in (1, 2, 3) if layer != drop + 1)
    read, schema, again = read_model(ModelFolder(tmp_path / "small"))
    assert read.encoder.kept == layers and schema == whole.schema
    assert again.model == settings.model and again.thresholds == (0.5, 0.5, 0.5)
    assert again.averaged == ()  # of what it was made from
    one, two = (
        Predictor(m, windower_of(m)).candidates(sentences[:3])
        for m in (pruned(whole, layers), read)
    )
    for left, right in zip(one, two, strict=True):
        assert left.spans.tolist() == right.spans.tolist()
        assert left.entity_scores == pytest.approx(right.entity_scores, abs=0.02)
    # A pruned model can be pruned again: its layers keep the encoder's numbers.
    last = pruned(read, [2])
    assert last.encoder.kept == (layers[1],)


def test_what_cannot_be_pruned_is_refused(
    whole: ExtractionModel, tiny_model: Path, tiny_stack: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"ascending layers in 1\.\.3 to keep, got \[2, 1\]"):
        pruned(whole, [2, 1])
    with pytest.raises(OutputError, match="exists"):
        prune_folder(tiny_model, tmp_path, 2, "truncation")
    with pytest.raises(ModelError, match=r"keep 1 to 2 of the model's 3 layers, got 3"):
        prune_folder(tiny_model, tmp_path / "x", 3, "truncation")
    with pytest.raises(ModelError, match="is a stack of models"):
        prune_folder(tiny_stack, tmp_path / "x", 2, "truncation")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("layers", [(), (2, 1), (0, 1), (2, 4)], ids=str)
def test_layers_an_encoder_has_not_are_named(tiny_encoder: Path, layers: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"layers in 1\.\.3, ascending, for encoder .*, got \["):
        PretrainedEncoder(str(tiny_encoder), layers=layers)
    with pytest.raises(ModelError, match=r"n_layers or layers .* got both"):
        PretrainedEncoder(str(tiny_encoder), n_layers=2, layers=(1, 2))


def test_pruned_model_heals_and_start_drops_layers_itself(
    whole: ExtractionModel, tiny_encoder: Path, facts_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    prune_folder(tiny_model, tmp_path / "small", 2, "truncation")
    recipe = short_recipe(tiny_encoder, facts_file, epochs=12, eval_from=1).model_dump()
    recipe["model"]["encoder"]["n_layers"] = 2
    recipe["model"]["head"]["dropout"] = 0.0
    folders = {}
    for name, source in (("folder", tmp_path / "small"), ("whole", tiny_model)):
        healing = Recipe.model_validate({**recipe, "start": str(source)})
        folders[name] = train(healing, tmp_path / name, progress=False)["dev"]["hyperred"]
    for figures in folders.values():
        assert figures["relation"]["strict"]["f1"] > 0.9
    fresh = train(Recipe.model_validate(recipe), tmp_path / "fresh", progress=False)
    fresh_f1 = fresh["dev"]["hyperred"]["relation"]["strict"]["f1"]
    assert fresh_f1 < folders["folder"]["relation"]["strict"]["f1"]


def test_start_from_a_model_that_lacks_a_layer_is_refused(
    tiny_encoder: Path, facts_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    prune_folder(tiny_model, tmp_path / "small", 2, "truncation")
    recipe = short_recipe(tiny_encoder, facts_file).model_dump()
    recipe["model"]["encoder"]["layers"] = (2, 3)
    with pytest.raises(RecipeError, match=r"layers \[2, 3\] of the recipe, got one with \[1, 2\]"):
        train(
            Recipe.model_validate({**recipe, "start": str(tmp_path / "small")}),
            tmp_path / "run",
            progress=False,
        )
