"""`tripack models tune`: the runtimes of a model folder, measured in turns on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from extract.errors import ModelError
from extract.models.folder import ModelFolder
from extract.models.registry import is_stack, resolve
from extract.runtime.onnx_folder import OnnxFiles
from extract.runtime.processor import multiplies_bfloat16
from extract.runtime.sample import sample_sentences
from extract.runtime.tuned import Measured, Runtime, Tuned, keep
from extract.structures import Sentence

if TYPE_CHECKING:
    from extract.pipeline import Extractor

_TIMES = 4  # the sample sentences together: batches are then full, as in a run over many texts


def tune(model: str | Path, threads: int | None = None, *, rounds: int = 3) -> Tuned:
    """Measure what a model folder can be run by, and keep the fastest for `load(..., runtime="auto")`.

    PyTorch in float32 and the folder's export, which has passed the gate of `parity`, are eligible. PyTorch
    in bfloat16 is measured where the processor multiplies it, but never taken: its scores depend on
    the batch.

    Args:
        threads: to measure with, and the number that the choice holds for; None: PyTorch's setting.
        rounds: turns of all kinds after one to warm up; medians count.

    Raises `ModelError` if there is no such model or it is a stack, and `OutputError` if the choice cannot
    be kept.
    """
    path = resolve(model)
    if is_stack(path):
        raise ModelError(f"{path} is a stack of models, which only the torch runtime runs.")
    folder = ModelFolder(path)
    sentences = sample_sentences() * _TIMES
    extractors = _extractors(folder, threads)
    seconds = _seconds([extractor for extractor, _ in extractors.values()], sentences, rounds)
    measured = tuple(
        Measured(
            kind=kind, sentences_per_second=round(len(sentences) / taken, 1), eligible=eligible
        )
        for (kind, (_, eligible)), taken in zip(extractors.items(), seconds, strict=True)
    )
    best = max((one for one in measured if one.eligible), key=lambda one: one.sentences_per_second)
    runtime: Runtime = "onnx" if best.kind.startswith("onnx") else "torch"
    tuned = Tuned(runtime=runtime, threads=threads or torch.get_num_threads(), measured=measured)
    keep(folder, tuned)
    return tuned


def _extractors(folder: ModelFolder, threads: int | None) -> dict[str, tuple[Extractor, bool]]:
    """What runs the model, by kind, and whether it may be taken."""
    from extract.pipeline import load

    def loaded(runtime: str = "torch", dtype: str = "auto") -> Extractor:
        return load(folder.path, device="cpu", threads=threads, runtime=runtime, dtype=dtype)

    found = {"torch-float32": (loaded(), True)}
    if multiplies_bfloat16():
        found["torch-bfloat16"] = loaded(dtype="bfloat16"), False
    if (files := OnnxFiles(folder)).settings.is_file():
        found[f"onnx-{files.read().precision}"] = loaded(runtime="onnx"), True
    return found


def _seconds(
    extractors: Sequence[Extractor], sentences: Sequence[Sentence], rounds: int
) -> list[float]:
    """The median time that each takes for the sentences, measured in turns."""
    taken: list[list[float]] = [[] for _ in extractors]
    for round_number in range(rounds + 1):
        for times, extractor in zip(taken, extractors, strict=True):
            started = time.perf_counter()
            for _ in extractor.predict(sentences):
                pass
            if round_number:  # the first round warms up
                times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in taken]
