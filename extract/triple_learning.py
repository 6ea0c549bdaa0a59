"""How PyKEEN is run, for embeddings of a training corpus's triples and for models of a graph.

PyKEEN seeds the random state of the whole process, collects garbage every epoch, and logs and warns of its
own choices: whoever calls it is kept from all that.

Source: Ali et al. 2021, PyKEEN 1.0: A Python Library for Training and Evaluating Knowledge Graph Embeddings.
"""

from __future__ import annotations

import gc
import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from extract.errors import TripackError

MISSING = "PyKEEN, which is not installed: pip install 'tripack[knowledge]'."


def need_pykeen(what: str, error: type[TripackError]) -> None:
    """Raise `error`, saying that `what` ("Embeddings need") needs PyKEEN, if it is not installed."""
    try:
        import pykeen.models  # noqa: F401
    except ImportError as missing:
        raise error(f"{what} {MISSING}") from missing


@contextmanager
def kept_apart(threads: int | None = None) -> Iterator[None]:
    """Run PyKEEN without a trace: random state, threads, loggers and warnings are afterwards as they were.

    `threads` bounds PyTorch's; None leaves them.
    """
    logger, before = logging.getLogger("pykeen"), torch.get_num_threads()
    level = logger.level
    logger.setLevel(logging.ERROR)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with _random_state_kept(), _few_objects_to_collect(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        torch.set_num_threads(before)


@contextmanager
def _random_state_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def _few_objects_to_collect() -> Iterator[None]:
    """Collecting garbage each epoch takes far longer than the epoch of a small graph."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
