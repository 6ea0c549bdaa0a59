"""A float32 graph to one whose products with weights run on 8-bit numbers.

A sentence's scores must not depend on what it is read together with, so no scale is made for a batch:

- each piece's states get a scale of their own, their largest absolute value: a piece or two of a sentence
  have channels many times as large as any other piece's (Yao et al. 2022, ZeroQuant: Efficient and Affordable
  Post-Training Quantization for Large-Scale Transformers, section 3.2). Differs from the paper: rows are
  divided by it before one fixed scale, and multiplied by it afterwards. The inner layer of a feed-forward
  block, whose values reach further above zero than below, is divided by its largest value instead.
- before that, a channel that is k times as large as others is divided by about k and its weights are
  multiplied by it, so that one scale serves all channels (Xiao et al. 2023, SmoothQuant: Accurate and
  Efficient Post-Training Quantization for Large Language Models; s_c = max|x_c|^a / max|W_c|^(1-a)). Differs
  from the paper: the division is a step of its own, since the normed states that are read here also go on
  to the next layer.
- weights have a scale for each output channel and are rounded so that results are kept: see `rounding`.
  Its inputs are those after their own rounding.

Norms, attention's products of two states, and all else that is no product with weights, stay in float32; word
embeddings are only stored as 8-bit numbers: see `tables`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from extract.runtime.rounding import LARGEST, rounded
from extract.runtime.tables import pack_tables

Feed = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]

_ALPHA = 0.6
_TINY = 1e-5
_LEVELS = 255
_FUSED = "com.microsoft"  # operators of ONNX Runtime's own


def quantise(
    source: Path, target: Path, feeds: Iterable[Feed], largest_weight: int = LARGEST
) -> None:
    """Write `source`, a float32 graph, with its products with weights on 8-bit numbers.

    Args:
        feeds: inputs of the graph that are typical of what it will read.
        largest_weight: absolute value of the numbers that weights become.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    feeds = list(feeds)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".int8-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic shapes are not needed, and their inference fails on some encoders.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
    graph = _Graph(model)
    seen = _Probe(model, graph.inputs)
    ranges = _ranges(seen, graph.inputs, feeds)
    scalings = {
        name: _scaling(channels, graph.weights_of(name)) for name, channels in ranges.items()
    }
    scalings = _with_floors(seen, scalings, feeds)
    for name, gram in _grams(seen, scalings, feeds).items():
        graph.quantise(name, scalings[name], gram, largest_weight)
    graph.finish()
    pack_tables(model)
    onnx.save(model, target)


@dataclass(frozen=True, slots=True)
class _Range:
    """The least and the largest value of each channel of a product's input, (channels,)."""

    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class _Scaling:
    """How a product's input becomes 8-bit numbers: divided, then rounded to steps of `step` from `zero`.

    size: what each channel is divided by, (channels,).
    symmetric: whether each row is then divided by its largest absolute value, or by its largest value.
    floor: what a row is divided by at least.
    """

    size: Floats
    symmetric: bool
    floor: float
    step: float = 1.0
    zero: int = 0

    def over(self, low: float, high: float) -> _Scaling:
        """With steps that cover divided values from `low` to `high`, and 0 exactly."""
        low, high = min(low, 0.0), max(high, 0.0)
        step = max(high - low, _TINY) / _LEVELS
        return replace(self, step=step, zero=round(-low / step))

    def divided(self, values: Floats) -> Floats:
        """Rows (rows, channels) before they are rounded."""
        values = values / self.size
        sized = np.abs(values) if self.symmetric else values
        return values / np.maximum(sized.max(axis=1, keepdims=True), np.float32(self.floor))

    def restored(self, values: Floats) -> Floats:
        """What the 8-bit numbers of rows (rows, channels) stand for, still divided."""
        steps = np.clip(np.round(self.divided(values) / self.step) + self.zero, 0, _LEVELS)
        return ((steps - self.zero) * self.step).astype(np.float32)


def _scaling(channels: _Range, weights: Floats) -> _Scaling:
    """Smoothing, and the steps where they are fixed; weights (channels, width)."""
    largest = np.maximum(np.maximum(channels.high, -channels.low), _TINY)
    of_weights = np.maximum(np.abs(weights).max(axis=1), _TINY)
    size = (largest**_ALPHA / of_weights ** (1 - _ALPHA)).astype(np.float32)
    if len(weights) <= weights.shape[1]:
        return _Scaling(size, symmetric=True, floor=_TINY).over(-1.0, 1.0)
    # The inner layer of a feed-forward block: wider than states.
    below = -float((channels.low / size).min())
    return _Scaling(size, symmetric=False, floor=max(below, _TINY))


def _with_floors(
    seen: _Probe, scalings: dict[str, _Scaling], feeds: list[Feed]
) -> dict[str, _Scaling]:
    """Scalings with the floors, and with them the steps, of those that divide rows."""
    rows = {name: scaling for name, scaling in scalings.items() if not scaling.symmetric}
    largest: dict[str, list[Floats]] = {name: [] for name in rows}
    for name, values in seen.values(list(rows), feeds):
        largest[name].append((values / rows[name].size).max(axis=1))
    found = {name: _floored(rows[name], np.concatenate(largest[name])) for name in rows}
    return scalings | found


def _floored(scaling: _Scaling, largest: Floats) -> _Scaling:
    """The floor by which the steps of rows are the smallest, in the geometric mean.

    A high floor makes large steps for rows without a large value; a low one lets the least value, which may
    stand in such a row, widen the range of all.

    Args:
        scaling: its floor is how far values go below zero.
        largest: of each row, (rows,).
    """
    below = scaling.floor
    floors = below * np.geomspace(1, 16, 33)
    steps = [np.log(np.maximum(largest, f)).mean() + np.log1p(below / f) for f in floors]
    floor = float(floors[int(np.argmin(steps))])
    return replace(scaling, floor=floor).over(-below / floor, 1.0)


class _Probe:
    """Runs a graph and shows values inside it."""

    def __init__(self, model: onnx.ModelProto, names: list[str]) -> None:
        import onnxruntime

        probe = onnx.ModelProto()
        probe.CopyFrom(model)
        kind = TensorProto.FLOAT
        probe.graph.output.extend(helper.make_tensor_value_info(n, kind, None) for n in names)
        self._session = onnxruntime.InferenceSession(
            probe.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def values(self, names: list[str], feeds: list[Feed]) -> Iterator[tuple[str, Floats]]:
        """Of each feed each value's rows (rows, channels), padding left out."""
        taken = {node.name for node in self._session.get_inputs()}
        for feed in feeds:
            used = {name: value for name, value in feed.items() if name in taken}
            real = feed["piece_mask"].astype(bool)
            for name, value in zip(names, self._session.run(names, used), strict=True):
                yield name, value[real] if value.shape[:2] == real.shape else _rows(value)


def _rows(value: Floats) -> Floats:
    return value.reshape(-1, value.shape[-1])


def _ranges(seen: _Probe, names: list[str], feeds: list[Feed]) -> dict[str, _Range]:
    found: dict[str, _Range] = {}
    for name, values in seen.values(names, feeds):
        low, high = values.min(axis=0), values.max(axis=0)
        if (known := found.get(name)) is not None:
            low, high = np.minimum(low, known.low), np.maximum(high, known.high)
        found[name] = _Range(low, high)
    return found


def _grams(seen: _Probe, scalings: Mapping[str, _Scaling], feeds: list[Feed]) -> dict[str, Floats]:
    """Sums over rows of products of channels (channels, channels), as the rounded inputs have them."""
    found: dict[str, Floats] = {}
    for name, values in seen.values(list(scalings), feeds):
        rows = scalings[name].restored(values)
        gram = rows.T @ rows
        found[name] = found[name] + gram if name in found else gram
    return found


class _Graph:
    """A graph whose products of (batch, pieces, channels) with weights (channels, width) are rewritten."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model, self._graph = model, model.graph
        uses = Counter(name for node in self._graph.node for name in node.input)
        self._constants = {tensor.name: tensor for tensor in self._graph.initializer}
        self._products = [
            node
            for node in self._graph.node
            # Weights that several products share would be rounded for each of them.
            if node.op_type == "MatMul"
            and uses[node.input[1]] == 1
            and len(self._dims(node.input[1])) == 2
        ]
        self._new: dict[str, list[onnx.NodeProto]] = {}  # in the stead of nodes, by their names

    @property
    def inputs(self) -> list[str]:
        """What is multiplied, each value once: several products may read one."""
        return list(dict.fromkeys(node.input[0] for node in self._products))

    def weights_of(self, name: str) -> Floats:
        """The weights of all products that read a value, (channels, widths together)."""
        return np.concatenate([self._array(n.input[1]) for n in self._users(name)], axis=1)

    def quantise(self, name: str, scaling: _Scaling, gram: Floats, largest: int) -> None:
        """Put the products that read a value on 8-bit numbers.

        Args:
            gram: of the value's rounded rows, (channels, channels).
            largest: absolute value of the numbers that weights become.
        """
        users = self._users(name)
        first = self._first_steps(name, scaling)
        for node in users:
            self._new[node.name] = first + self._product(node, name, scaling, gram, largest)
            first = []

    def finish(self) -> None:
        """Put the new steps in, and drop the constants that they no longer need."""
        nodes = [each for node in self._graph.node for each in self._new.get(node.name, [node])]
        used = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.node[:], self._graph.initializer[:], self._graph.value_info[:]
        self._graph.node.extend(nodes)
        self._graph.initializer.extend(kept)
        self._model.opset_import.append(helper.make_opsetid(_FUSED, 1))

    def _users(self, name: str) -> list[onnx.NodeProto]:
        return [node for node in self._products if node.input[0] == name]

    def _first_steps(self, name: str, scaling: _Scaling) -> list[onnx.NodeProto]:
        """A value to 8-bit numbers, once for all products that read it."""
        by = self._constant(f"{name}_factor", (1 / scaling.size).astype(np.float32))
        steps = [_node("Mul", [name, by], f"{name}_smooth")]
        last = self._constant(f"{name}_last", np.array([-1], np.int64))
        floor = self._constant(f"{name}_floor", np.array(scaling.floor, np.float32))
        sized = f"{name}_smooth"
        if scaling.symmetric:
            sized = f"{name}_absolute"
            steps.append(_node("Abs", [f"{name}_smooth"], sized))
        steps += [
            _node("ReduceMax", [sized, last], f"{name}_largest", keepdims=1),
            _node("Max", [f"{name}_largest", floor], f"{name}_size"),
            _node("Div", [f"{name}_smooth", f"{name}_size"], f"{name}_divided"),
        ]
        step = self._constant(f"{name}_step", np.array(scaling.step, np.float32))
        zero = self._constant(f"{name}_zero", np.array(scaling.zero, np.uint8))
        steps.append(_node("QuantizeLinear", [f"{name}_divided", step, zero], f"{name}_bytes"))
        return steps

    def _product(
        self, product: onnx.NodeProto, name: str, scaling: _Scaling, gram: Floats, largest: int
    ) -> list[onnx.NodeProto]:
        """A product of 8-bit numbers in the stead of a product of a value, and what follows it."""
        weights = self._array(product.input[1])
        numbers, steps = rounded(weights * scaling.size[:, None], gram, largest)
        own, value = product.name, product.output[0]
        inputs = [
            f"{name}_bytes",
            self._constant(f"{own}_bytes", numbers),
            f"{name}_step",
            self._constant(f"{own}_steps", steps),
            f"{name}_zero",
        ]
        return [  # what rows were divided by comes back
            _node("MatMulIntegerToFloat", inputs, f"{value}_divided", domain=_FUSED),
            _node("Mul", [f"{value}_divided", f"{name}_size"], value),
        ]

    def _dims(self, name: str) -> list[int]:
        """The shape of a constant; none of what is computed."""
        found = self._constants.get(name)
        return [] if found is None else list(found.dims)

    def _array(self, name: str) -> Floats:
        return numpy_helper.to_array(self._constants[name])

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], name=f"{output}_{kind}", **attributes)
