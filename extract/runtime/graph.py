"""The word states' graph as an ONNX file."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from extract.encoder.fusion import TASKS
from extract.encoder.windows import EncodedBatch
from extract.errors import ModelError
from extract.model import ExtractionModel
from extract.runtime.word_states import (
    INPUTS,
    PADDED_INPUTS,
    PaddedStates,
    RowStates,
    graph_inputs,
    skips_padding,
)

OPSET = 20


def write_graph(model: ExtractionModel, sample: EncodedBatch, file: Path) -> None:
    """Write the word states' graph in float32 as an ONNX file, for any number of windows, pieces and words.

    Args:
        sample: windows to trace, two at least.

    Raises `ModelError` if the encoder or the fusion does what ONNX cannot hold.
    """
    any_size = torch.export.Dim.DYNAMIC
    rows = skips_padding(model)
    network, names = (RowStates(model), INPUTS) if rows else (PaddedStates(model), PADDED_INPUTS)
    inputs = graph_inputs(sample)[: len(names)]
    with _plain_attention(model), _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                network.eval(),
                inputs,
                input_names=list(names),
                output_names=list(TASKS),
                dynamic_shapes=tuple(dict.fromkeys(range(i.dim()), any_size) for i in inputs),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # the exporter raises whatever the traced code or its passes do
            raise ModelError(
                f"Encoder {model.settings.encoder.name!r} with fusion {model.settings.fusion.name!r} "
                f"cannot be exported to ONNX: {type(error).__name__}: {_first_line(error)}"
            ) from error
    if program is None:  # as the signature allows
        raise ModelError("The ONNX exporter gave no program. Upgrade torch and onnxscript.")
    program.save(str(file), external_data=False)


@contextlib.contextmanager
def _plain_attention(model: ExtractionModel) -> Iterator[None]:
    """Attention as products and a softmax. The fused kind guards against queries without any key, which there
    are none of, by steps that cost time in ONNX Runtime."""
    config = model.encoder.model.config
    before = config._attn_implementation
    config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes on optional packages and on deprecated calls of its own."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "no reason given")
