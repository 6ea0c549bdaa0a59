"""An exported network in ONNX Runtime: batches in, word states out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from extract.encoder.windows import EncodedBatch
from extract.errors import ModelError
from extract.files import digest
from extract.heads import WordStates
from extract.runtime.word_states import INPUTS, ROW_OF_PIECE, graph_inputs

logger = logging.getLogger(__name__)

# Fusions whose product is slower than its parts: its loops do not use vector instructions as theirs do.
_SLOWER = ["SkipLayerNormFusion", "BiasGeluFusion"]


class OnnxEncoder:
    """Runs an ONNX file that `graph.write_graph` wrote, on the CPU.

    Args:
        file: the ONNX file.
        sha256: what its hash must be.
        threads: for the steps of one batch; None: as many as PyTorch uses.

    `skips_padding` says whether little is computed for padding.

    Raises `ModelError` if ONNX Runtime is not installed, and if the file is missing, damaged or another.
    """

    def __init__(self, file: Path, sha256: str, threads: int | None = None) -> None:
        onnxruntime = runtime_module()
        found = file_hash(file)
        if found != sha256:
            raise ModelError(
                f"{file} is damaged or another: its SHA-256 is {found[:12]}..., expected "
                f"{sha256[:12]}.... Export the model again."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # shapes seldom come twice
        options.log_severity_level = 3
        # Threads that wait would otherwise keep a core busy that tokenising and decoding need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(file),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_SLOWER,
            )
        except Exception as error:  # ONNX Runtime has a dozen exception classes of its own
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"ONNX Runtime cannot load {file}: {reason}") from error
        used = {node.name for node in self._session.get_inputs()}
        self.skips_padding = ROW_OF_PIECE in used
        self._inputs = [(at, name) for at, name in enumerate(INPUTS) if name in used]

    def __call__(self, batch: EncodedBatch) -> WordStates:
        """Word states of a batch; nothing is copied on the way in or out."""
        tensors = graph_inputs(batch)
        states = self._session.run(None, {name: tensors[at].numpy() for at, name in self._inputs})
        entities, relations, qualifiers = map(torch.from_numpy, states)
        return WordStates(entities, relations, qualifiers, batch.word_mask, parents=batch.parents)


def runtime_module() -> Any:
    """ONNX Runtime. Raises `ModelError` if it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            "The onnx runtime needs the package onnxruntime: pip install 'tripack[onnx]'."
        ) from error
    return onnxruntime


def file_hash(file: Path) -> str:
    """SHA-256 of a file. Raises `ModelError` if it cannot be read."""
    try:
        return digest(file)[1]
    except OSError as error:
        raise ModelError(
            f"Cannot read {file} ({error.strerror or error}). Export the model again."
        ) from error
