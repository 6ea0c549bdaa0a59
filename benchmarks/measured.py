"""What the benchmarks of speed share: texts, options, a file that keeps what is done, statistics."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.versions import environment

if TYPE_CHECKING:
    from extract.pipeline import Extractor
    from extract.structures import Sentence


def options(description: str) -> argparse.ArgumentParser:
    """A parser with the options of all of them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", default="wikidata-small")
    parser.add_argument("--runtime", choices=["torch", "onnx"], default="torch")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the order of texts")
    parser.add_argument("--texts", type=Path, help="a text a line; default: sentences of HyperRED")
    parser.add_argument("--out", type=Path, help="what it holds already is not measured again")
    return parser


def texts(arguments: argparse.Namespace) -> list[str]:
    """The texts, shuffled."""
    if arguments.texts is not None:
        found = [t for t in arguments.texts.read_text(encoding="utf-8").splitlines() if t.strip()]
    else:
        import corpora

        found = [e.text for e in corpora.read("hyperred", corpora.locate("hyperred"))["train"]]
    random.Random(arguments.seed).shuffle(found)
    return found


def loaded(arguments: argparse.Namespace) -> Extractor:
    """The extractor that is asked for."""
    from extract import load

    return load(
        arguments.model,
        device="cpu",
        runtime=arguments.runtime,
        dtype=arguments.dtype,
        threads=arguments.threads,
    )


class Results:
    """Figures by name, written to a file after each, and taken from it where they are there already.

    Figures of other settings are refused: they would stand beside those of this run as if they were of it.
    """

    def __init__(self, arguments: argparse.Namespace, names: Sequence[str]) -> None:
        values = {name: getattr(arguments, name) for name in names}
        plain = {k: v.name if isinstance(v, Path) else v for k, v in values.items()}
        settings = json.loads(json.dumps(plain))
        self._path: Path | None = arguments.out
        self.found: dict[str, Any] = {"settings": settings}
        if self._path is not None and self._path.exists():
            self.found = json.loads(self._path.read_text(encoding="utf-8"))
            if self.found.get("settings") != settings:
                raise SystemExit(
                    f"{self._path} holds figures of the settings {self.found.get('settings')}, "
                    f"expected {settings}. Give another file."
                )

    def keep(self, name: str, measure: Callable[[], Any]) -> Any:
        """The figure of this name, measured unless it is there."""
        if name not in self.found:
            self.found[name] = measure()
            print(name, json.dumps(self.found[name]), file=sys.stderr, flush=True)
            self.write()
        return self.found[name]

    def write(self) -> None:
        """Write what there is, with where it was measured."""
        self.found["load_average"] = [round(x, 1) for x in os.getloadavg()]
        self.found["environment"] = environment()
        if self._path is not None:
            part = self._path.with_name(self._path.name + ".part")
            part.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
            part.replace(self._path)


def sentences_in(extractor: Extractor, chosen: Sequence[str]) -> list[Sentence]:
    """The sentences of texts, as the extractor cuts them."""
    from extract.documents import sentences_of

    context = bool(extractor._predictor.context_words)
    return [s for i, t in enumerate(chosen) for s in sentences_of(t, str(i), context=context)]


def in_process(module: str, argv: Sequence[str]) -> dict[str, Any]:
    """The JSON object that a module prints as its last line, run in a process of its own."""
    command = [sys.executable, "-m", module, *argv]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def peak_mib() -> float:
    """Peak memory of this process. Not that of `getrusage`, which begins with the parent's."""
    return _status("VmHWM")


def rss_mib() -> float:
    """Memory of this process now."""
    return _status("VmRSS")


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(key + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    raise SystemExit(f"Expected {key} in /proc/self/status. This benchmark needs Linux.")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of ratios round by round."""
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)
