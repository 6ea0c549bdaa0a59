"""What a figure was measured with: versions, machine, commit, date."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "tripack",
    "torch",
    "transformers",
    "tokenizers",
    "onnxruntime",
    "numpy",
    "spacy",
    "datasets",
    "seqeval",
    "scikit-learn",
)


def environment() -> dict[str, Any]:
    """Versions, processor, accelerator, cores, threads, commit, command and UTC time.

    Of absolute paths in the command only the last part is kept. The commit is None outside a checkout,
    unless `TRIPACK_COMMIT` names it. The accelerator is None where there is none or torch is not loaded.
    """
    return {
        "command": [Path(sys.argv[0]).name, *map(_portable, sys.argv[1:])],
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: package_version(name) for name in _PACKAGES},
        "processor": processor_name(),
        "accelerator": _accelerator(),
        "cores": os.cpu_count(),
        "threads": _threads(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _portable(argument: str) -> str:
    """An argument as it reads elsewhere: of an absolute path the last part alone."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def package_version(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _threads() -> int | None:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else None


def _commit() -> str | None:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return os.environ.get("TRIPACK_COMMIT")
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=root, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip() or None


def _accelerator() -> str | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


def processor_name() -> str:
    """What this machine's processor is called."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
