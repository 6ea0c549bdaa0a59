"""Tables of a graph as 8-bit numbers: what is read is off by half a step; other tables stay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from extract.runtime.tables import pack_tables

Floats = npt.NDArray[np.float32]
ROWS, COLUMNS = 1500, 8


@pytest.fixture
def table() -> Floats:
    values = np.random.default_rng(1).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    values[:, :] *= np.geomspace(1e-4, 10, ROWS, dtype=np.float32)[:, None]
    values[7] = 0.0
    return values


def graph(table: Floats, *, also_multiplied: bool = False) -> onnx.ModelProto:
    """Reads rows of a table; it may also multiply all of it."""
    nodes = [helper.make_node("Gather", ["table", "rows"], ["read"], axis=0)]
    outputs = [
        helper.make_tensor_value_info("read", TensorProto.FLOAT, ["batch", "pieces", COLUMNS])
    ]
    if also_multiplied:
        nodes.append(helper.make_node("Mul", ["table", "table"], ["squared"]))
        outputs.append(helper.make_tensor_value_info("squared", TensorProto.FLOAT, [ROWS, COLUMNS]))
    rows = helper.make_tensor_value_info("rows", TensorProto.INT64, ["batch", "pieces"])
    made = helper.make_graph(
        nodes, "table", [rows], outputs, [numpy_helper.from_array(table, "table")]
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def read(model: onnx.ModelProto, rows: npt.NDArray[np.int64]) -> Floats:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: Floats = session.run(["read"], {"rows": rows})[0]
    return found


def test_rows_are_off_by_half_a_step(table: Floats) -> None:
    model = graph(table)
    size = model.ByteSize()
    pack_tables(model)
    onnx.checker.check_model(model)
    rows = np.arange(ROWS).reshape(3, 500)
    found = read(model, rows)
    assert found.shape == (3, 500, COLUMNS)
    steps = np.abs(table).max(axis=1, keepdims=True) / 127
    assert (np.abs(found.reshape(ROWS, COLUMNS) - table) <= steps / 2 * 1.001).all()
    assert model.ByteSize() < size / 2


@pytest.mark.parametrize("case", ["small", "multiplied"])
def test_small_tables_and_those_that_are_not_only_read_stay(table: Floats, case: str) -> None:
    model = graph(table[:1000]) if case == "small" else graph(table, also_multiplied=True)
    before = model.SerializeToString(deterministic=True)
    pack_tables(model)
    assert model.SerializeToString(deterministic=True) == before
