"""Fixtures shared by the whole suite. Everything here is offline and seeded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpora_dir() -> Path:
    """The folder of real corpora: $TRIPACK_CORPORA, else `shared/corpora` beside the checkout.

    Tests that use it need data that is not distributed with tripack. Without the data they are
    skipped, but never in CI.
    """
    default = ROOT.parent / "shared" / "corpora"
    path = Path(os.environ.get("TRIPACK_CORPORA", default))
    if not path.is_dir():
        message = f"This test needs the corpora: set TRIPACK_CORPORA to their folder (tried {path})."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    os.environ["TRIPACK_CORPORA"] = str(path)
    return path
