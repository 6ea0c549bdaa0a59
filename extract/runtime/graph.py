"""What is exported: encoder, fusion and word pooling, from pieces to the word states of each task.

The head stays in PyTorch. What it does depends on what it finds (the likeliest spans, their pairs, the
triples that get values), and the rows of that are few; as a graph of fixed steps it would score padding.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from extract.encoder.fusion import TASKS
from extract.encoder.pooling import pool_words
from extract.encoder.windows import EncodedBatch
from extract.errors import ModelError
from extract.model import ExtractionModel

OPSET = 20
INPUTS = ("piece_ids", "piece_mask", "piece_shapes", "word_of_piece", "word_mask")


class WordStatesGraph(nn.Module):
    """Pieces in, word states of each task out; what `ExtractionModel.word_states` computes."""

    def __init__(self, model: ExtractionModel) -> None:
        super().__init__()
        self.encoder, self.fusion = model.encoder, model.fusion

    def forward(
        self,
        piece_ids: Tensor,
        piece_mask: Tensor,
        piece_shapes: Tensor,
        word_of_piece: Tensor,
        word_mask: Tensor,
    ) -> tuple[Tensor, ...]:
        """All inputs (batch, pieces) but the last, (batch, words); states (batch, words, hidden)."""
        fused = self.fusion(self.encoder(piece_ids, piece_mask, piece_shapes))
        n_words = word_mask.shape[1]
        return tuple(pool_words(states, word_of_piece, n_words) for states in fused)


def graph_inputs(batch: EncodedBatch) -> tuple[Tensor, ...]:
    """A batch's tensors in the order of `INPUTS`."""
    return (
        batch.piece_ids,
        batch.piece_mask,
        batch.shape_of_piece,
        batch.word_of_piece,
        batch.word_mask,
    )


def write_graph(model: ExtractionModel, sample: EncodedBatch, file: Path) -> None:
    """Write the word states' graph in float32 as an ONNX file, for any number of windows, pieces and words.

    Args:
        sample: windows to trace, two at least.

    Raises `ModelError` if the encoder or the fusion does what ONNX cannot hold.
    """
    any_size = torch.export.Dim.DYNAMIC
    shape = {0: any_size, 1: any_size}
    with _plain_attention(model), _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                WordStatesGraph(model).eval(),
                graph_inputs(sample),
                input_names=list(INPUTS),
                output_names=list(TASKS),
                dynamic_shapes=tuple(shape for _ in INPUTS),
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
