"""Fuzz readers with atheris: damage valid files, guided by what code runs, and keep what breaks a reader.

    python -m benchmarks.fuzz --reader csv --seconds 60 [--jobs N] [--keep FOLDER] [--out FILE]

A reader is one of `tests.fuzz.readers.READERS`; several may be named, and `all` is each of them in turn. What
breaks one (an error other than one clear line, more than 10 s or 2 GiB for a file) is written to
FOLDER/READER/, the first file of each place and kind of error. The exit code is 1 if there is any. A file
that was mended for belongs in `tests/fuzz/cases/READER/`, which the tests read. Needs atheris: pip install
'tripack[fuzz]'.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import logging
import math
import os
import random
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from extract.versions import environment

_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2,
    0.5,
    1e308,
    2**63,
    10**400,
    math.nan,
    math.inf,
    "",
    "a",
    "\ud800",
    "a\nb",
    "\0",
    [],
    {},
    [[]],
    [0, 1],
    {"a": 1},
    "x" * 3000,
)
ROOT = Path(__file__).resolve().parent.parent
SLOWEST, MEMORY = 10, 2048  # seconds and MiB that one file may take


def main() -> None:
    """Fuzz each reader in a process of its own, and tell what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reader", nargs="+", required=True, help="names, or all")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--jobs", type=int, default=1, help="readers at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--out", type=Path, help="JSON with what was run and found")
    given = parser.parse_args()
    readers = _import_readers()
    unknown = [name for name in given.reader if name not in readers and name != "all"]
    if unknown:
        sys.exit(f"Unknown reader {unknown[0]!r}. Expected one of: all, {', '.join(readers)}.")
    names = list(readers if "all" in given.reader else given.reader)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        found = _fuzz_all({name: readers[name] for name in names}, given, Path(work))
    if given.out is not None:
        plan = {"seconds": given.seconds, "seed": given.seed}
        result = {**plan, "readers": found, "environment": environment()}
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.exit(any(one["findings"] for one in found.values()))


def _import_readers() -> dict[str, Any]:
    """The readers by name, with our code made to report which of it runs."""
    import atheris

    with atheris.instrument_imports(include=["corpora", "extract", "tomllib", "csv"]):
        from tests.fuzz.readers import READERS
    return READERS


def _fuzz_all(
    readers: dict[str, Any], given: argparse.Namespace, work: Path
) -> dict[str, dict[str, Any]]:
    """What came of each reader, some of them fuzzed at once."""
    found: dict[str, dict[str, Any]] = {}
    waiting = list(readers)
    running: dict[int, tuple[str, Path, set[Path]]] = {}  # by process
    while waiting or running:
        while waiting and len(running) < given.jobs:
            name = waiting.pop(0)
            keep = given.keep.absolute() / name
            keep.mkdir(parents=True, exist_ok=True)
            before = set(keep.iterdir())
            process = _start(readers[name], keep, work / name, given.seconds, given.seed)
            running[process] = name, keep, before
        process, status = os.wait()
        name, keep, before = running.pop(process)
        found[name] = _outcome(keep, before, os.waitstatus_to_exitcode(status))
        print(f"{name:24} {json.dumps(found[name])}", flush=True)
    return found


def _start(reader: Any, keep: Path, folder: Path, seconds: int, seed: int) -> int:
    """Fuzz in a child process, which writes findings and `log.txt`; its number."""
    process = os.fork()
    if process:
        return process
    try:
        log = os.open(keep / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        logging.disable()
        _fuzz(reader, keep, folder, seconds, seed)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(99)  # libFuzzer ends the process itself


def _outcome(keep: Path, before: set[Path], code: int) -> dict[str, Any]:
    """How many files a reader was given, how many places of its code were reached, and the findings."""
    log = (keep / "log.txt").read_text("utf-8", errors="replace")
    files = [int(n) for n in re.findall(r"^#(\d+)", log, re.MULTILINE)]
    covered = [int(n) for n in re.findall(r"cov: (\d+)", log)]
    new = {path.name for path in set(keep.iterdir()) - before}
    findings = sorted(name for name in new if not name.endswith(".txt"))
    if code and not findings:
        findings = [f"exit code {code}, see {keep / 'log.txt'}"]
    return {
        "files": max(files, default=0),
        "covered": max(covered, default=0),
        "findings": findings,
    }


def _fuzz(reader: Any, keep: Path, folder: Path, seconds: int, seed: int) -> None:
    import atheris

    from tests.fuzz.damage import TOKENS

    path = reader.place(folder / "files")
    start = folder / "corpus"
    start.mkdir(parents=True)
    for number, content in enumerate(reader.seeds):
        (start / f"seed-{number}").write_bytes(content)
    words = folder / "words.txt"
    words.write_text("".join(f'"{_escaped(t)}"\n' for t in TOKENS if len(t) < 60))

    def mutate(content: bytes, largest: int, seed: int) -> bytes:
        chance = random.Random(seed)
        changed = _mutate_json(content, chance) if chance.random() < 0.4 else None
        if changed is None or len(changed) > largest:
            return bytes(atheris.Mutate(content, largest))
        return changed

    def one(content: bytes) -> None:
        try:
            reader.check(path, content)
        except Exception as error:
            _keep(error, content, keep)

    options = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}"]
    options += [f"-dict={words}", f"-artifact_prefix={keep}{os.sep}", f"-seed={seed}"]
    atheris.Setup([sys.argv[0], *options, "-max_len=20000", str(start)], one, custom_mutator=mutate)
    atheris.Fuzz()


def _mutate_json(content: bytes, chance: random.Random) -> bytes | None:
    """The JSON or JSON Lines with a value replaced, doubled, exchanged or left out; None if it is neither."""
    from tests.fuzz.damage import nodes, records

    values = records(content)
    found = nodes(values)
    if not found or values is None:
        return None
    container, key = chance.choice(found)
    way = chance.randrange(4)
    if way == 0:
        container[key] = copy.deepcopy(chance.choice(_VALUES))
    elif way == 1:
        other, its_key = chance.choice(found)
        container[key] = other[its_key]
    elif way == 2 and isinstance(container, list):
        container.append(container[key])
    else:
        del container[key]
    try:
        return "\n".join(json.dumps(value) for value in values).encode()
    except (ValueError, RecursionError):  # a value that holds itself
        return None


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def _keep(error: Exception, content: bytes, keep: Path) -> None:
    """Write the first file that breaks a reader at a place, and how it broke."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if str(ROOT) in f.filename]
    said = str(error).split(":")[0] if isinstance(error, AssertionError) else ""
    kind = re.sub(r"\d+", "", f"{said[:60]} {type(error.__context__).__name__}")
    place = hashlib.sha256(f"{ours} {kind}".encode()).hexdigest()[:8]
    file = keep / f"{type(error).__name__}-{place}"
    if not file.exists():
        file.write_bytes(content)
        print(f"FOUND {file} {' '.join(ours[-3:])}: {error!r}"[:400], file=sys.stderr, flush=True)
        (keep / f"{file.name}.txt").write_text("".join(traceback.format_exception(error))[-4000:])


if __name__ == "__main__":
    main()
