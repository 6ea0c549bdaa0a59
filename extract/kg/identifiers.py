"""Identifiers that follow from what they name."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_BYTES = (
    10  # two of a billion things get the same identifier with a probability below one in a million
)


def identifier(*parts: Any) -> str:
    """A hash of plain values as 20 hexadecimal digits, the same in every run and on every machine."""
    content = json.dumps(parts, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(content.encode("ascii"), digest_size=_BYTES).hexdigest()
