"""The page on what sits on top of a graph: its commands exist, its tables list all there is."""

from __future__ import annotations

import re
import shlex

import pytest

from extract.kg.findings import KINDS
from extract.kg.learners import RECIPES
from tests.extract.interfaces.command import ROOT, run_here

PAGE = (ROOT / "docs" / "graph-analysis.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    tripack (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_the_options_that_the_page_gives(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)
    assert run_here(*words[: 2 if words[0] == "graph" else 1], "--help") == 0
    shown = capfd.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", shown), option


def test_every_finding_and_model_is_on_the_page() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (contradiction|suspicion) \|", PAGE, re.MULTILINE)
    listed = {name: severity for names, severity in rows for name in names.split(", ")}
    assert listed == {kind: severity for kind, (severity, _) in KINDS.items()}
    assert all(f"`{name}`" in PAGE for name in RECIPES)
