"""Large tables of a graph, such as word embeddings, as 8-bit numbers with a scale for each row.

Rows are packed as in model folders (`extract.models.storage`). Nothing is multiplied in 8 bits: what is
read becomes float32 at once.
"""

from __future__ import annotations

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from extract.models.storage import SCALE, packed

_ROWS = 1024  # a table of fewer is small beside the rest


def pack_tables(model: onnx.ModelProto) -> None:
    """Rewrite, in place, the float32 tables of a graph that are only there to read rows of."""
    graph = model.graph
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    tables = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT
        and len(tensor.dims) == 2
        and tensor.dims[0] >= _ROWS
        and all(_gathers_rows(node, tensor.name) for node in readers.get(tensor.name, []))
    }
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _unpacking(node) if node.input and node.input[0] in tables else [node]
    kept = [tensor for tensor in graph.initializer if tensor.name not in tables]
    for name, table in tables.items():
        stored = packed(name, torch.tensor(table), int8=True, dtype=torch.float32)
        kept += [
            numpy_helper.from_array(stored[name].numpy(), f"{name}_bytes"),
            numpy_helper.from_array(stored[name + SCALE].unsqueeze(1).numpy(), f"{name}_steps"),
        ]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)


def _gathers_rows(node: onnx.NodeProto, table: str) -> bool:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return bool(node.op_type == "Gather" and node.input[0] == table and axis == 0)


def _unpacking(gather: onnx.NodeProto) -> list[onnx.NodeProto]:
    """What stands in the stead of a node that reads rows of a packed table."""
    (table, rows), (value,) = gather.input, gather.output
    return [
        helper.make_node("Gather", [f"{table}_bytes", rows], [f"{value}_bytes"], axis=0),
        helper.make_node("Cast", [f"{value}_bytes"], [f"{value}_whole"], to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}_steps", rows], [f"{value}_steps"], axis=0),
        helper.make_node("Mul", [f"{value}_whole", f"{value}_steps"], [value]),
    ]
