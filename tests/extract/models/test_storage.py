"""Matrices as 8-bit numbers: how far off they are, that folders hold them, and damage to them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.torch import load_file, save_file

from extract.errors import ModelError
from extract.models.folder import ModelFolder, describe, read_model, round_to_int8, write_model
from extract.models.storage import SCALE, packed, unpacked

MATRICES = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5),
    elements=st.floats(-1e3, 1e3, width=32),
)


@given(MATRICES)
def test_matrix_is_off_by_half_a_step_of_its_row_and_keeps_once_rounded(values: np.ndarray) -> None:
    matrix = torch.from_numpy(values)
    stored = packed("m", matrix, int8=True, dtype=torch.float16)
    assert stored["m"].dtype == torch.int8 and stored["m" + SCALE].shape == matrix.shape[:-1]
    again = unpacked(stored)["m"]
    step = matrix.abs().amax(dim=-1, keepdim=True) / 127
    assert bool(((again - matrix).abs() <= step * 0.5001 + 1e-30).all())
    twice = unpacked(packed("m", again, int8=True, dtype=torch.float16))["m"]
    torch.testing.assert_close(twice, again, rtol=1e-6, atol=0.0)


def test_vectors_whole_numbers_and_float16_stay_as_they_were() -> None:
    vector, count = torch.randn(4), torch.arange(4).view(2, 2)
    assert packed("v", vector, int8=True, dtype=torch.float16)["v"].dtype == torch.float16
    assert torch.equal(packed("c", count, int8=True, dtype=torch.float16)["c"], count)
    plain = packed("m", torch.ones(2, 2), int8=False, dtype=torch.float16)
    assert list(plain) == ["m"] and plain["m"].dtype == torch.float16


@pytest.fixture
def small(tiny_model: Path, tmp_path: Path) -> ModelFolder:
    """The tiny model, stored as 8-bit numbers."""
    model, schema, settings = read_model(ModelFolder(tiny_model))
    folder = ModelFolder(tmp_path / "small")
    write_model(folder, model, schema, settings, storage="int8")
    return folder


def test_folder_of_8_bit_numbers_is_half_as_large_and_reads_as_it_was_rounded(
    tiny_model: Path, small: ModelFolder
) -> None:
    assert small.weights.stat().st_size < 0.6 * ModelFolder(tiny_model).weights.stat().st_size
    assert json.loads(small.config.read_text(encoding="utf-8"))["format"] == 2
    assert json.loads(ModelFolder(tiny_model).config.read_text(encoding="utf-8"))["format"] == 1
    rounded = read_model(ModelFolder(tiny_model))[0]
    before = {name: value.clone() for name, value in rounded.state_dict().items()}
    round_to_int8(rounded)
    read = read_model(small)[0].state_dict()
    changed = 0
    for name, value in rounded.state_dict().items():
        torch.testing.assert_close(read[name], value, rtol=1e-6, atol=1e-7)
        changed += not torch.equal(value, before[name])
    assert changed > 20
    assert describe(small)["name"] == "tiny"


def test_8_bit_numbers_without_fitting_scales_are_damage(small: ModelFolder) -> None:
    stored = load_file(small.weights)
    name = next(n for n, value in stored.items() if value.dtype == torch.int8)
    for scale, said in ((None, "none"), (torch.ones(3), r"one of \(3,\)")):
        broken = {n: v for n, v in stored.items() if n != name + SCALE}
        if scale is not None:
            broken[name + SCALE] = scale
        copy = ModelFolder(Path(shutil.copytree(small.path, small.path.parent / f"c{said[0]}")))
        save_file(broken, copy.weights)
        with pytest.raises(ModelError, match=f"is damaged: .*expected scales of .* got {said}"):
            read_model(copy)
