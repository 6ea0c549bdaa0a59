"""What this processor multiplies fast: 8-bit whole numbers, bfloat16."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_BYTES = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})
_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


@cache
def _flags() -> frozenset[str]:
    """The instruction sets that Linux names; none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(named, "").split())


def multiplies_bytes() -> bool:
    """Whether products of 8-bit numbers are summed up in 32 bits; older x86 sums pairs in 16 bits."""
    return bool(_flags() & _BYTES)


def multiplies_bfloat16() -> bool:
    """Whether bfloat16 is multiplied by instructions of its own, and so faster than float32."""
    return bool(_flags() & _BFLOAT16)
