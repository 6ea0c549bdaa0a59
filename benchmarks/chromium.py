"""A headless Chromium of the system, for tests, figures and pictures of pages."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)


def chromium() -> str | None:
    """The program to run: $TRIPACK_CHROMIUM, else the first of the usual names on the path."""
    given = os.environ.get("TRIPACK_CHROMIUM")
    return given or next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser(program: str, **options: Any) -> Iterator[BrowserContext]:
    """A running browser with a profile of its own; `options` are those of playwright's contexts."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=list(_FLAGS), headless=True, **options
        )
        try:
            yield context
        finally:
            context.close()
