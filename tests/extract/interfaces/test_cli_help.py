"""Help, version, options: what the command line does before any model is loaded."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable

import pytest

from extract import __version__
from extract.interfaces.cli.exits import EPILOG
from tests.extract.interfaces.command import (
    ROOT,
    assert_one_line_error,
    environment,
    run_here,
    tripack,
)

COMMANDS = [
    ["extract"],
    ["train"],
    ["evaluate"],
    ["layers"],
    ["stack"],
    ["serve"],
    ["models"],
    ["models", "list"],
    ["models", "info"],
    ["models", "average"],
    ["models", "cut"],
    ["models", "prune"],
    ["models", "fetch-encoder"],
    ["corpora"],
    ["corpora", "list"],
    ["corpora", "show"],
    ["schema"],
    ["schema", "show"],
    ["schema", "infer"],
    ["schema", "check"],
    ["schema", "convert"],
    ["graph"],
    ["graph", "build"],
    ["graph", "add"],
    ["graph", "query"],
    ["graph", "stats"],
    ["graph", "merge"],
    ["graph", "unmerge"],
    ["graph", "merges"],
    ["graph", "explain"],
    ["graph", "view"],
]


def test_help_takes_little_more_than_the_library_that_prints_it() -> None:
    """Processor time, the least of three in turns: machines differ, and do other things beside."""
    code = "import typer, rich.console, rich.panel, rich.markdown"
    seconds = [
        (
            children_seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True)),
            children_seconds(lambda: tripack("--help")),
        )
        for _ in range(3)
    ]
    alone, ours = map(min, zip(*seconds, strict=True))
    assert ours < 4 * alone  # PyTorch alone would make it ten times


def children_seconds(act: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    act()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "datasets", "spacy", "pyarrow", "numpy", "scipy", "sklearn"}
    code = (
        "import sys; from extract.interfaces.cli import main; main(['extract', '--help']);"
        f"print('HEAVY', sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_help_exits_0_and_names_exit_codes(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here(*words, "--help") == 0
    shown = " ".join(capfd.readouterr().out.split())
    assert f"Usage: tripack {' '.join(words)}" in shown
    assert EPILOG in shown


def test_version_prints_the_package_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("--version") == 0
    assert capfd.readouterr().out == f"tripack {__version__}\n"


def test_no_command_shows_help_and_exits_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here() == 2
    assert "extract" in capfd.readouterr().out


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_root_scripts_are_the_commands(script: str) -> None:
    done = subprocess.run(
        [sys.executable, script, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0
    assert f"Usage: tripack {script.removesuffix('.py')}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["exract", "x"], "Did you mean 'extract'?"),
        (["extract", "--inptu", "x"], "No such option: --inptu"),
        (["extract", "one", "two"], "unexpected extra argument"),
        (
            ["extract", "x", "--format", "xml"],
            "Expected one of: csv, html, jsonl, nquads, pairs, table, turtle.",
        ),
        (["extract", "x", "--format", "nope"], "Unknown output format 'nope'"),
        (["extract", "x", "--device", "tpu"], "Expected one of: auto, cpu, cuda."),
        (["extract", "x", "--dtype", "int8"], "Expected one of: auto, bfloat16, float32."),
        (["extract", "x", "--accuracy", "finest"], "Expected one of: balanced, best, fast."),
        (["extract", "x", "--decoder", "best"], "Expected one of: beam, cp-sat, exact, greedy."),
        (["stack", "a", "b"], "Missing option '--output'"),
        (["stack", "a", "b", "-o", "s", "--weights", "none"], "Expected one of: global, relation."),
        (["stack", "a", "b", "-o", "s", "--folds", "2"], "--folds"),
        (["stack", "a", "b", "-o", "s", "--profile", "best"], "Expected --profile as NAME=N,..."),
        (["stack", "a", "b", "-o", "s", "--profile", "ok=1,2"], "with one of fast, balanced, best"),
        (["stack", "a", "b", "-o", "s", "--profile", "best=1,x"], "as numbers, got '1,x'"),
        (["extract", "x", "--threshold", "1.5"], "Expected a probability from 0 to 1, got 1.5."),
        (["extract", "x", "--threshold", "nan"], "Expected a probability from 0 to 1, got nan."),
        (["extract", "x", "--batch-size", "0"], "at least 1, got 0."),
        (["extract", "x", "--threads", "-1"], "at least 1, got -1."),
        (["extract", "x", "--batch-size", "many"], "--batch-size"),
        (["extract", "x", "--encoding", "rot13"], "Unknown text encoding 'rot13'"),
        (["extract", "x", "--encoding", "utf-9"], "Unknown text encoding 'utf-9'"),
        (["extract", "x", "--errors", "ignore"], "Expected one of: replace, strict."),
        (["extract", "x", "--input-format", "xml"], "csv, jsonl, parquet, text"),
        (["extract", "x", "--input", "y"], "Got both a text ('x') and --input y"),
        (["extract", ""], "The text is empty"),
        (["extract", " \n\t "], "The text is empty"),
        (["evaluate", "--model", "m"], "Missing option '--corpus'"),
        (
            ["evaluate", "-m", "m", "-c", "conll04", "--file", "f", "--split", "dev"],
            "Got --file together with",
        ),
        (["train"], "Missing argument 'RECIPE'"),
        (["models"], "Missing command"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here(*arguments) == 2
    shown = capfd.readouterr()
    assert_one_line_error(shown.err)
    assert part.lower() in shown.err.lower()
    assert "--help'." in shown.err
    assert shown.out == ""


def test_debug_shows_the_traceback_and_the_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("extract", "--input", "missing.txt", "--debug") == 3
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == (
        "tripack: error: Cannot read missing.txt: No such file or directory. Check the path."
    )


def test_unexpected_error_is_one_line_with_a_hint(capfd: pytest.CaptureFixture[str]) -> None:
    from extract.interfaces.cli.exits import report

    assert report(ZeroDivisionError("one\ntwo \x1b[31m")) == 1
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert "unexpected ZeroDivisionError: one two" in err and "--debug" in err
    assert "\x1b" not in err
