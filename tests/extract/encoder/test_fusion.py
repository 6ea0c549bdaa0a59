"""What every fusion must do: shapes, gradients, where it starts, what it reads, padding; and the registry."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch

from extract.encoder.fusion import (
    FUSIONS,
    TASKS,
    Fusion,
    FusionConfig,
    build_fusion,
    fusion_config,
    register_fusion,
)
from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError
from extract.model import ModelConfig
from tests.conftest import ROOT

LAYERS, BATCH, PIECES, HIDDEN = 5, 2, 3, 7
ALL = tuple(range(LAYERS + 1))


@dataclass(frozen=True)
class Case:
    """How a fusion is tested.

    reads: the layers its output depends on. start: what it gives at first: the last chosen layer
    ("exactly" or "nearly"), "mostly" that layer's share, or layers as they are ("layers").
    """

    reads: tuple[int, ...]
    start: str
    settings: dict[str, Any] = field(default_factory=dict)
    tasks_differ: bool = False


CASES = {
    "last": Case((5,), "exactly"),
    "scalar_mix": Case((0, 2, 5), "mostly", {"layers": [0, 2, 5]}),
    "task_mix": Case(ALL, "mostly", tasks_differ=True),
    "concat": Case((1, 3, 5), "exactly", {"layers": [1, 3, 5]}),
    "grouped": Case((2, 5), "nearly", {"n_groups": 2}),
    "layer_conv": Case(ALL, "nearly"),
    "cross_attention": Case(ALL, "nearly", {"n_heads": 7}, tasks_differ=True),
    "aggregation_tree": Case(ALL, "nearly"),
    "sparse_offsets": Case((1, 3, 4, 5), "exactly"),
    "optimal_transport": Case((2, 5), "nearly", {"width": 3}),
    "multi_vector": Case((1, 3, 5), "mostly", tasks_differ=True),
    "layer_tapped": Case((3, 4, 5), "layers", {"qualifiers": 4}, tasks_differ=True),
}
NO_PARAMETERS = {"last", "layer_tapped"}
SUBSET = (0, 2, 3)  # of another length than any fusion's default

EVERY_FUSION = pytest.mark.parametrize("name", CASES)


def starting(*starts: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.start in starts])


def states(**changes: Any) -> LayerStates:
    make = torch.Generator().manual_seed(0)
    layers = tuple(torch.randn(BATCH, PIECES, HIDDEN, generator=make) for _ in ALL)
    return replace(LayerStates(layers), **changes)


def build(name: str, **changes: Any) -> Fusion:
    torch.manual_seed(3)
    settings = {"name": name, **CASES[name].settings, **changes}
    return build_fusion(fusion_config(settings), LAYERS, HIDDEN)


def shaken(fusion: Fusion) -> Fusion:
    """The fusion with parameters as training might leave them."""
    make = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=make))
    return fusion


def test_every_registered_fusion_is_tested_here_and_names_its_source() -> None:
    assert set(CASES) == set(FUSIONS)
    assert len({cls.__name__ for cls in FUSIONS.values()}) == len(FUSIONS)
    for name, cls in FUSIONS.items():
        assert cls.__doc__, name
        if name != "last":  # the last layer is no published method
            assert re.search(r"(et al\.|[A-Z]\w+ and [A-Z]\w+) (19|20)\d\d, [A-Z]", cls.__doc__), (
                name
            )
            assert "Differs from the paper" in cls.__doc__, name


def test_every_fusion_has_a_row_in_the_docs_that_says_whether_it_tells_tasks_apart() -> None:
    lines = (ROOT / "docs" / "layers.md").read_text(encoding="utf-8").splitlines()
    rows = [re.match(r"\| `(\w+)`[^|]*\|[^|]*\| (yes|no) \|", line) for line in lines]
    found = {row[1]: row[2] == "yes" for row in rows if row}
    assert found == {name: case.tasks_differ for name, case in CASES.items()}


@EVERY_FUSION
@torch.no_grad()
def test_fusion_says_whether_it_looks_at_one_piece_at_a_time(name: str) -> None:
    fusion, plain = shaken(build(name)).eval(), states()
    changed = tuple(layer.clone() for layer in plain.layers)
    for layer in changed:
        layer[:, 1] += 1.0
    others = [0, 2]
    alike = all(
        torch.allclose(one[:, others], other[:, others], atol=1e-6)
        for one, other in zip(fusion(plain), fusion(LayerStates(changed)), strict=True)
    )
    assert alike == type(fusion).by_piece


def test_every_concrete_fusion_is_registered() -> None:
    found, todo = set(), [Fusion]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            found.add(cls)
    assert found == set(FUSIONS.values())


@EVERY_FUSION
def test_fusion_gives_one_state_a_piece_for_each_task(name: str) -> None:
    fused = build(name)(states())
    assert len(fused) == len(TASKS)
    for task in fused:
        assert task.shape == (BATCH, PIECES, HIDDEN)


@starting("exactly")
def test_fusion_starts_as_the_last_layer(name: str) -> None:
    given = states()
    for task in build(name)(given):
        torch.testing.assert_close(task, given.layers[-1])


@starting("nearly")
def test_fusion_starts_near_the_last_layer_but_not_on_it(name: str) -> None:
    given = states()
    for task in build(name)(given):
        distance = (task - given.layers[-1]).norm(dim=-1) / given.layers[-1].norm(dim=-1)
        assert 1e-4 < distance.max().item() < 0.05


@starting("exactly", "nearly")
def test_fusion_of_chosen_layers_starts_at_the_last_of_them(name: str) -> None:
    given = states()
    for task in build(name, layers=SUBSET)(given):
        assert (task - given.layers[3]).abs().max().item() < 0.05


def layers_read(fusion: Fusion) -> set[int]:
    """The layers that the output depends on, by its gradient."""
    leaves = [layer.requires_grad_() for layer in states().layers]
    torch.stack(fusion(LayerStates(tuple(leaves)))).square().sum().backward()
    return {i for i, leaf in enumerate(leaves) if leaf.grad is not None and leaf.grad.any()}


@EVERY_FUSION
def test_fusion_reads_the_layers_it_says_and_no_others(name: str) -> None:
    assert layers_read(shaken(build(name))) == set(CASES[name].reads)


@EVERY_FUSION
def test_fusion_of_chosen_layers_reads_no_others(name: str) -> None:
    changes = {"qualifiers": 2} if name == "layer_tapped" else {}
    read = layers_read(shaken(build(name, layers=SUBSET, **changes)))
    assert read <= set(SUBSET)
    assert 3 in read  # the last of them


@EVERY_FUSION
def test_result_does_not_depend_on_padding(name: str) -> None:
    given, fusion = states(), shaken(build(name)).eval()
    length = (3, 2)  # of each window; the rest is garbage
    mask = torch.tensor([[i < n for i in range(PIECES + 4)] for n in length])
    noise = torch.randn(BATCH, PIECES + 4, HIDDEN, generator=torch.Generator().manual_seed(5))
    padded = []
    for layer in given.layers:
        wider = torch.cat([layer, noise[:, PIECES:]], dim=1)
        padded.append(torch.where(mask.unsqueeze(-1), wider, 9 * noise))
    together = fusion(LayerStates(tuple(padded), mask))
    for row, n in enumerate(length):
        alone = fusion(LayerStates(tuple(layer[row : row + 1, :n] for layer in given.layers)))
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], other[row, :n])
            assert bool(other.isfinite().all())


@EVERY_FUSION
def test_fusion_works_in_bfloat16_and_gives_nearly_the_same(name: str) -> None:
    fusion, given = build(name), states()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = fusion(given)
    for one, other in zip(narrow, fusion(given), strict=True):
        torch.testing.assert_close(one.float(), other, atol=0.05, rtol=0.05)


@EVERY_FUSION
def test_settings_survive_being_stored(name: str) -> None:
    config = ModelConfig.model_validate({"fusion": {"name": name, **CASES[name].settings}})
    assert type(config.fusion) is FUSIONS[name].Config
    again = ModelConfig.model_validate_json(config.model_dump_json())
    assert again.fusion == config.fusion


@pytest.mark.parametrize("name", ["scalar_mix", "task_mix"])
def test_mix_starts_with_most_weight_on_the_last_layer(name: str) -> None:
    shares = build(name).weights.softmax(-1)  # type: ignore[operator, union-attr]
    assert bool((shares[:, -1] > 0.5).all())
    torch.testing.assert_close(shares.sum(-1), torch.ones(len(shares)))


def test_scalar_mix_is_the_written_sum() -> None:
    given, fusion = states(), build("scalar_mix")
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([[0.3, -1.0, 2.0]]))  # type: ignore[operator, union-attr]
        fusion.scale.fill_(1.7)  # type: ignore[operator, union-attr]
    shares = torch.tensor([0.3, -1.0, 2.0]).softmax(0)
    expected = 1.7 * sum(s * given.layers[i] for s, i in zip(shares, (0, 2, 5), strict=True))
    torch.testing.assert_close(fusion(given)[0], expected)


@pytest.mark.parametrize("name", sorted(set(CASES) - NO_PARAMETERS))
def test_gradient_reaches_every_parameter(name: str) -> None:
    fusion, given = build(name), states()
    weights = torch.randn(
        len(TASKS), BATCH, PIECES, HIDDEN, generator=torch.Generator().manual_seed(1)
    )
    (torch.stack(fusion(given)) * weights).sum().backward()
    assert list(fusion.parameters())
    for parameter in fusion.parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.abs().sum() > 0)


@EVERY_FUSION
def test_only_task_fusions_tell_tasks_apart(name: str) -> None:
    one, two, three = shaken(build(name))(states())
    differ = not (torch.equal(one, two) or torch.equal(two, three) or torch.equal(one, three))
    assert differ == CASES[name].tasks_differ


@pytest.mark.parametrize("name", sorted(NO_PARAMETERS))
def test_fusion_without_parameters_has_none(name: str) -> None:
    assert not list(build(name).parameters())


@pytest.mark.parametrize("name", [name for name, cls in FUSIONS.items() if cls.least > 1])
def test_too_few_layers_name_both_numbers(name: str) -> None:
    with pytest.raises(RecipeError, match=f"'{name}' needs at least 2 layers, got 1"):
        build(name, layers=[4])


def test_names_of_stored_parameters_stay() -> None:
    for name, parameters in {
        "scalar_mix": {"weights", "scale"},
        "task_mix": {"weights", "scale"},
        "concat": {"project.weight", "project.bias"},
    }.items():
        assert set(build(name).state_dict()) == parameters


@pytest.mark.parametrize("layer", [-1, LAYERS + 1])
def test_layer_outside_the_encoder_names_both_numbers(layer: int) -> None:
    with pytest.raises(RecipeError, match=rf"layers in 0\.\.{LAYERS} .* got {layer}\."):
        build_fusion(FusionConfig(name="concat", layers=(layer,)), LAYERS, HIDDEN)


def test_unknown_fusion_lists_the_known_ones() -> None:
    with pytest.raises(
        RecipeError, match=r"Unknown fusion 'mean'. Expected one of: aggregation_tree, concat,"
    ):
        build_fusion(FusionConfig(name="mean"), LAYERS, HIDDEN)


def test_taken_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'last' is taken by LastLayer"):
        register_fusion("last")(FUSIONS["concat"])
