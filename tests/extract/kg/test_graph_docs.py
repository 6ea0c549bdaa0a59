"""The page on the graph: its examples run, its literals are true, its figures the measured ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from extract.kg.literals import literal_of
from extract.kg.structures import Mention
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "graph.md").read_text(encoding="utf-8")
RESULT = json.loads((ROOT / "benchmarks/results/graph-resolution.json").read_text(encoding="utf-8"))


def test_examples_run_and_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aliases.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(code, names)
    printed = re.search(r"```\n\n((?:    .*\n)+)", PAGE)
    assert printed is not None
    assert capsys.readouterr().out == re.sub("^    ", "", printed[1], flags=re.MULTILINE)


def test_table_of_literals_is_true() -> None:
    section = PAGE.split("## Dates and numbers")[1].split("## Resolution")[0]
    rows = [row.strip("| ").split(" | ") for row in section.splitlines() if row.startswith("| ")][
        1:
    ]
    assert len(rows) >= 7
    for texts, forms in rows:
        kind = "NUM" if re.search("integer|decimal", forms) else "TIME"
        values = [literal_of(Mention("d", 0, len(t), t, kind)) for t in texts.split("; ")]
        written = re.findall("`([^`]+)`", forms.split(":")[0])
        for number, (text, value) in enumerate(zip(texts.split("; "), values, strict=True)):
            assert value is not None
            assert value.datatype in forms
            expected = written[min(number, len(written) - 1)] if written else text
            assert value.lexical == expected


def test_figures_are_those_of_the_benchmark() -> None:
    rows = re.findall(
        r"^\| ([a-z][^|]*) \| ([^|]+) \| ([^|]+) \| (\d[\d,]*) \|$", PAGE, flags=re.MULTILINE
    )
    assert len(rows) >= 6
    for name, b_cubed, pairwise, entities in rows:
        found = RESULT["rules"][name]
        for written, kind in ((b_cubed, "b_cubed"), (pairwise, "pairwise")):
            rates = [f"{found[kind][rate]:.1f}" for rate in ("precision", "recall", "f1")]
            assert written.split() == rates, name
        assert entities.replace(",", "") == str(found["entities"])
