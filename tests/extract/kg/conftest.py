"""A real browser for the tests of pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.chromium import browser, chromium
from tests.extract.kg.opened import Opener

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="module")
def chromium_context() -> Iterator[BrowserContext]:
    """A headless Chromium. Without it tests are skipped, but never in CI.

    It ends with the module: playwright keeps an event loop running, which others could not then start.
    """
    program = chromium()
    if program is None:
        message = "This test needs Chromium: install it, or name it in TRIPACK_CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with browser(program, viewport={"width": 1400, "height": 900}) as context:
        context.set_default_timeout(10_000)
        yield context


@pytest.fixture
def opener(chromium_context: BrowserContext, tmp_path: Path) -> Iterator[Opener]:
    """Opens pages, and fails the test if one says or asks for anything."""
    opened = Opener(chromium_context, tmp_path)
    yield opened
    opened.close()
