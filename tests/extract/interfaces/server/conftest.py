"""One server of the tiny model for all tests that need no settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extract.pipeline import Extractor, load
from tests.extract.interfaces.server.served import Gated, Served, serving
from tests.extract.kg.conftest import chromium_context  # noqa: F401


@pytest.fixture(scope="session")
def tiny_extractor(tiny_model: Path) -> Extractor:
    return load(tiny_model, device="cpu")


@pytest.fixture(scope="session")
def served(tiny_extractor: Extractor) -> Iterator[Served]:
    with serving(tiny_extractor) as server:
        yield server


@pytest.fixture
def gated(tiny_extractor: Extractor) -> Gated:
    return Gated(tiny_extractor)
