"""The examples of docs/exports.md run, in order, as one program; its commands are real ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from extract.kg.export import EXPORTERS, export_graph
from tests.extract.kg.export.hostile import small_graph
from tests.extract.kg.export.test_neo4j import Recorder

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "exports.md").read_text(encoding="utf-8")


def test_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(code, "exports.md", "exec"), {"graph": small_graph()})
    printed = capsys.readouterr().out
    assert "Ann Lee wdt:P108 0.95 2" in printed  # JSON-LD
    assert "Ann Lee works for Acme 0.95" in printed  # GraphML
    assert "3 places say 2 statements" in printed  # Parquet
    assert "http://www.wikidata.org/prop/direct/P108 0.95" in printed  # rdflib


def test_writer_on_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.search(r"(    from neo4j import .*?write_graph\(driver, graph\)\n)", PAGE, re.DOTALL)
    assert block is not None
    opened: list[Recorder] = []

    class Driver(Recorder):
        def __enter__(self) -> Driver:
            opened.append(self)
            return self

        def __exit__(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("neo4j.GraphDatabase.driver", lambda *_, **__: Driver())
    code = re.sub(r"^    ", "", block.group(1), flags=re.MULTILINE)
    exec(compile(code, "exports.md", "exec"), {"graph": small_graph(), "password": "x"})
    assert len(opened[0].queries) == 10


def test_import_command_on_the_page_is_that_of_the_folder(tmp_path: Path) -> None:
    export_graph(small_graph(), "neo4j-csv", tmp_path / "out")
    comment = (tmp_path / "out" / "constraints.cypher").read_text(encoding="utf-8")
    (on_page,) = re.findall(r"^    (neo4j-admin .*)$", PAGE, re.MULTILINE)
    assert f"// {on_page}\n" in comment


def test_table_lists_each_format_once() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| a f", PAGE, re.MULTILINE)
    assert rows == list(EXPORTERS)
