"""Runs for tests: the tiny recipe with few epochs, as a program that may be killed, and its results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from extract.training.data import Collator
from extract.training.recipe import Recipe
from tests.tiny import tiny_recipe


def short_recipe(encoder: Path, corpus: Path, **training: Any) -> Recipe:
    """A few epochs with dropout, piece dropout and averaging on, so that resuming must restore them all."""
    whole = tiny_recipe(encoder, corpus).model_dump()
    whole["model"]["head"]["dropout"] = 0.1
    # Wide open, so that a model of a few epochs predicts at all.
    whole["training"] |= {"epochs": 8, "eval_from": 1, "piece_dropout": 0.1, **training}
    return Recipe.model_validate(whole)


def outcome(run: Path) -> dict[str, Any]:
    """What must be the same however a run came about: dev figures and the bytes of all weights."""
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    kept = {k: metrics[k] for k in ("best_epoch", "thresholds", "dev", "cross_fitted_calibration")}
    files = {
        name: run / name
        for name in ("best.safetensors", "model/model.safetensors", "model/config.json")
    }
    last = run / f"checkpoint-{checkpoints(run)[-1]}"
    files |= {f"last/{name}": last / name for name in ("model.safetensors", "average.safetensors")}
    return kept | {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.exists()
    }


@contextmanager
def disk_full_after(n_batches: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A run in the block fails when it asks for a batch more than `n_batches`."""
    collate, left = Collator.__call__, n_batches

    def failing(self: Collator, windows: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        return collate(self, windows)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(Collator, "__call__", failing)
        yield


def checkpoints(run: Path) -> list[int]:
    """Steps of the checkpoints that are there."""
    return sorted(int(path.name.split("-")[1]) for path in run.glob("checkpoint-*"))


PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from extract.training.recipe import read_recipe
from extract.training.run import train
train(read_recipe(sys.argv[1]), Path(sys.argv[2]))
"""
