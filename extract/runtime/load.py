"""An exported model folder ready to run."""

from __future__ import annotations

import logging

from extract.errors import ModelError
from extract.models.folder import ModelFolder
from extract.runtime.onnx_folder import OnnxFiles
from extract.runtime.processor import multiplies_bytes
from extract.runtime.rounding import LARGEST_IN_16_BITS
from extract.runtime.session import OnnxEncoder, file_hash

logger = logging.getLogger(__name__)


def read_onnx(folder: ModelFolder, threads: int | None = None) -> OnnxEncoder:
    """What makes word states in the stead of a network's own encoder.

    Raises `ModelError` if the folder has no export, or a damaged one, or weights that it was not made from.
    """
    files = OnnxFiles(folder)
    settings = files.read()
    if file_hash(folder.weights) != settings.weights_sha256:
        raise ModelError(
            f"{folder.weights} is not what {files.graph.name} was exported with. Export the model again."
        )
    largest = settings.largest_weight if settings.precision == "int8" else None
    if largest is not None and largest > LARGEST_IN_16_BITS and not multiplies_bytes():
        logger.warning(
            "This processor sums up products of 8-bit numbers in 16 bits, where they may overflow: results "
            "may differ from those the export was checked by. An export made on it is safe."
        )
    return OnnxEncoder(files.graph, settings.sha256, threads)
