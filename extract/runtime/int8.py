"""A float32 graph to one whose products with weights run on 8-bit numbers.

Activations get fixed scales, found on sample sentences: scales made anew for each batch would let a
sentence's scores depend on what it is read together with. Two steps make fixed scales exact enough:

- smoothing: a channel that is k times as large as others is divided by about k and its weights are
  multiplied by it, so that one scale serves all channels (Xiao et al. 2023, SmoothQuant: Accurate and
  Efficient Post-Training Quantization for Large Language Models; s_c = max|x_c|^a / max|W_c|^(1-a)).
  Differs from the paper: a is 0.8, and the division is a step of its own, since the normed states that are
  read here also go on to the next layer.
- outliers: of the inner layer of feed-forward blocks, the few largest channels are multiplied in float32
  (Dettmers et al. 2022, LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale). Differs from
  the paper: the channels are fixed.

Weights have a scale for each output channel. Embeddings, and all else that is no product with weights, stay
as they are.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Feed = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]

_ALPHA = 0.8  # of 0.5 to 1.0, the one with the least error of word states on the bundled model
_OUTLIERS = 4  # channels; 16 were no better
_TINY = 1e-5


def quantise(source: Path, target: Path, feeds: Iterable[Feed]) -> None:
    """Write `source`, a float32 graph, with its products with weights on 8-bit numbers.

    Args:
        feeds: inputs of the graph that are typical of what it will read.
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    feeds = list(feeds)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".int8-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic shapes are not needed, and their inference fails on some encoders.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        products = _Products(model.graph)
        products.smooth(_largest(model, products.inputs, feeds))
        smoothed = Path(folder) / "smoothed.onnx"
        onnx.save(model, smoothed)
        quantize_static(
            smoothed,
            target,
            _reader(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=products.names,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "MatMulConstBOnly": True,
                "OpTypesToExcludeOutputQuantization": ["MatMul"],
            },
        )


def _reader(feeds: list[Feed]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        """Gives the feeds once."""

        def __init__(self) -> None:
            self._left = iter(feeds)

        def get_next(self) -> Feed | None:
            return next(self._left, None)

    return Reader()


def _largest(model: onnx.ModelProto, names: list[str], feeds: list[Feed]) -> dict[str, Floats]:
    """The largest absolute value of each channel, the last axis, of values of the graph, over all feeds."""
    import onnxruntime

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    graph = probe.graph
    graph.initializer.append(numpy_helper.from_array(np.array([0, 1], np.int64), "probe_axes"))
    for name in names:
        graph.node.append(helper.make_node("Abs", [name], [f"{name}_abs"]))
        inputs = [f"{name}_abs", "probe_axes"]
        graph.node.append(helper.make_node("ReduceMax", inputs, [f"{name}_max"], keepdims=0))
        graph.output.append(helper.make_tensor_value_info(f"{name}_max", TensorProto.FLOAT, [None]))
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = [session.run([f"{name}_max" for name in names], dict(feed)) for feed in feeds]
    return {name: np.max([run[at] for run in found], axis=0) for at, name in enumerate(names)}


class _Products:
    """The products of (batch, pieces, channels) with weights (channels, width) in a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        uses = Counter(name for node in graph.node for name in node.input)
        # Weights that several products share would be smoothed for each of them.
        self._weights = {
            w.name: w for w in graph.initializer if len(w.dims) == 2 and uses[w.name] == 1
        }
        self._nodes = [
            node
            for node in graph.node
            if node.op_type == "MatMul" and node.input[1] in self._weights
        ]
        self.names = [node.name for node in self._nodes]

    @property
    def inputs(self) -> list[str]:
        """What is multiplied, each value once: several products may read one."""
        return list(dict.fromkeys(node.input[0] for node in self._nodes))

    def smooth(self, largest: Mapping[str, Floats]) -> None:
        """Rewrite the graph so that the products' inputs have channels of like size.

        Args:
            largest: each input's largest absolute value, (channels,).
        """
        before: dict[str, list[onnx.NodeProto]] = {}  # by the first product that reads them
        after: dict[str, list[onnx.NodeProto]] = {}  # by the product
        narrowest = min(len(channels) for channels in largest.values())
        for name, size in largest.items():
            users = [node for node in self._nodes if node.input[0] == name]
            # Inner layers are wider than states; outliers are theirs.
            apart = (
                np.argsort(-size)[:_OUTLIERS] if len(size) > narrowest else np.zeros(0, np.int64)
            )
            for node in users:
                if len(apart):
                    after[node.name] = self._in_float(node, np.sort(apart))
            before[users[0].name] = [self._divided(name, size, apart, users)]
        nodes = [
            each
            for node in self._graph.node
            for each in (*before.get(node.name, ()), node, *after.get(node.name, ()))
        ]
        del self._graph.node[:]
        self._graph.node.extend(nodes)

    def _in_float(
        self, product: onnx.NodeProto, apart: npt.NDArray[np.int64]
    ) -> list[onnx.NodeProto]:
        """Steps that add a product's channels `apart` in float32; its own weights of these become zero."""
        name, value = product.name, product.output[0]
        weights = self._array(product)
        self._constant(f"{name}_apart", apart)
        self._constant(f"{name}_apart_weights", weights[apart])
        weights[apart] = 0.0
        self._store(product, weights)
        product.output[0] = f"{value}_rest"
        return [
            helper.make_node(
                "Gather", [product.input[0], f"{name}_apart"], [f"{name}_few"],
                name=f"{name}_few", axis=-1,
            ),
            helper.make_node(
                "MatMul", [f"{name}_few", f"{name}_apart_weights"], [f"{name}_of_few"],
                name=f"{name}_of_few",
            ),
            helper.make_node(
                "Add", [f"{value}_rest", f"{name}_of_few"], [value], name=f"{name}_both"
            ),
        ]  # fmt: skip

    def _divided(
        self,
        name: str,
        size: Floats,
        apart: npt.NDArray[np.int64],
        users: list[onnx.NodeProto],
    ) -> onnx.NodeProto:
        """The step that divides a value's channels; the products that read it read its result."""
        weights = {node.name: self._array(node) for node in users}
        of_weights = np.max([np.abs(own).max(axis=1) for own in weights.values()], axis=0)
        scale = np.maximum(size, _TINY) ** _ALPHA / np.maximum(of_weights, _TINY) ** (1 - _ALPHA)
        factor = (1 / scale).astype(np.float32)
        factor[apart] = 0.0  # multiplied elsewhere, and not to widen the range here
        scale[apart] = 0.0
        self._constant(f"{name}_factor", factor)
        for node in users:
            self._store(node, weights[node.name] * scale[:, None].astype(np.float32))
            node.input[0] = f"{name}_smooth"
        return helper.make_node(
            "Mul", [name, f"{name}_factor"], [f"{name}_smooth"], name=f"{name}_smooth"
        )

    def _array(self, product: onnx.NodeProto) -> Floats:
        return numpy_helper.to_array(self._weights[product.input[1]]).copy()

    def _store(self, product: onnx.NodeProto, weights: Floats) -> None:
        tensor = self._weights[product.input[1]]
        tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))

    def _constant(self, name: str, value: npt.NDArray[Any]) -> None:
        self._graph.initializer.append(numpy_helper.from_array(value, name))
