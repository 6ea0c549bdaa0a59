"""The page on the command line names what there is."""

from __future__ import annotations

import re
import shlex

import pytest

from extract.interfaces.cli import exits
from tests.extract.interfaces.command import ROOT, run_here

PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
EXAMPLES = [
    line.strip().split("| ")[-1].split(" > ")[0]
    for line in PAGE.splitlines()
    if re.match(r"    (zcat .*\| )?tripack ", line)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_a_command_with_known_options(
    example: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _, *words = shlex.split(example)
    depth = 2 if words[0] in ("models", "corpora", "schema", "graph") else 1
    assert run_here(*words[:depth], "--help") == 0
    shown = capfd.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", shown), option


def test_examples_cover_every_command() -> None:
    commands = {" ".join(shlex.split(example)[1:3]) for example in EXAMPLES}
    for name in ("models list", "models info", "models fetch-encoder", "corpora list"):
        assert name in commands
    assert {"extract", "train", "evaluate", "layers", "stack"} <= {
        name.split()[0] for name in commands
    }


@pytest.mark.parametrize("name", ["extract", "layers", "stack"])
def test_every_option_is_on_the_page(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here(name, "--help") == 0
    options = set(re.findall(r"--[a-z-]+", capfd.readouterr().out)) - {"--help"}
    assert options and [option for option in sorted(options) if option not in PAGE] == []


def test_exit_codes_on_the_page_are_those_of_the_program() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    names = ("OK", "INTERNAL", "USAGE", "BAD_INPUT", "BAD_OUTPUT", "BAD_MODEL", "INCOMPLETE")
    assert listed == {getattr(exits, name) for name in (*names, "INTERRUPTED")}
    assert listed == {int(code) for code in re.findall(r"\b(\d+) [a-z]", exits.EPILOG)}
