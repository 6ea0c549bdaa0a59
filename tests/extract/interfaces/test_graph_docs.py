"""The page on stored graphs: its commands run, its RDF is what is written, its answers are given."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from pyoxigraph import RdfFormat, Store, parse

from extract.interfaces.cli.printing import columns
from extract.kg.rdf import Names, graph_quads, runs_of
from extract.kg.rdf.turtle import turtle_head
from extract.kg.sparql import rows, run_query
from tests.extract.interfaces.command import ROOT, run_here
from tests.extract.kg.graphs import documents, graph, write_records

PAGE = (ROOT / "docs" / "graph-store.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    tripack (graph .*)$", PAGE, re.MULTILINE)
RDF = re.findall(r"^```turtle ?(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RECIPES = re.findall(r"^```sparql\n(.*?)^```\n\n```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PREFIXES = Names().prefixes


def stored(style: str) -> Store:
    store = Store()
    store.extend(graph_quads(graph(), style=style, runs=runs_of(documents())))
    return store


def test_commands_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_records(tmp_path / "triples.jsonl")
    write_records(tmp_path / "more.jsonl", 2, 1)
    (tmp_path / "question.rq").write_text("SELECT * { ?s wdt:P69 ?o }")
    assert len(COMMANDS) >= 12
    for words in COMMANDS:
        assert run_here(*shlex.split(words)) == 0, words
        said = capfd.readouterr()
        assert said.err == "" and said.out, words


def test_every_command_is_on_the_page() -> None:
    from extract.interfaces.cli.graph_command import graph_app

    own = {"build", "add", "query", "stats", "merge", "unmerge", "merges", "explain"}
    assert own <= {command.name for command in graph_app.registered_commands}
    assert own <= {words.split()[1] for words in COMMANDS}


@pytest.mark.parametrize(("style", "turtle"), RDF, ids=range(len(RDF)))
def test_rdf_on_the_page_is_what_a_graph_gives(style: str, turtle: str) -> None:
    shown = Store()
    shown.extend(parse(turtle_head(PREFIXES) + turtle, format=RdfFormat.TURTLE))
    assert len(shown) >= 4
    for own in (style,) if style else ("rdf12", "wikidata", "reification"):
        assert [str(quad) for quad in shown if quad not in stored(own)] == []


def test_each_style_and_prefix_is_on_the_page() -> None:
    assert {style for style, _ in RDF} == {"", "rdf12", "wikidata", "reification"}
    assert [name for name in PREFIXES if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize(("query", "answer"), RECIPES, ids=range(len(RECIPES)))
def test_recipe_gives_the_answer_on_the_page(query: str, answer: str) -> None:
    found = columns(rows(run_query(stored("rdf12"), query, PREFIXES), PREFIXES))
    assert found.splitlines() == answer.splitlines() and len(answer.splitlines()) > 1


def test_figures_on_the_page_are_those_of_the_benchmark() -> None:
    path = ROOT / "benchmarks" / "results" / "graph-re_docred.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    stats, killed = found["stats"], found["killed_and_resumed"]
    counted = ("statements", "evidence", "qualifiers", "entities", "names", "quads")
    figures = [f"{stats[name]:,}" for name in counted]
    figures += [f"{found['build']['cpu_seconds']:.1f} seconds", f"{stats['bytes'] / 1e6:.0f} MB"]
    figures += [f"{found['build_again']['cpu_seconds']:.1f}\nseconds"]
    figures += [f"{left['documents']:,}" for left in killed["left_by_each_kill"][:3]]
    figures += [f"{left['quads']:,}" for left in killed["left_by_each_kill"][3:]]
    assert [figure for figure in figures if figure not in PAGE] == []


def test_python_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_here("graph", "build", write_records(tmp_path / "t.jsonl"), "--store", "kg") == 0
    capfd.readouterr()
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(code, {})
    assert capfd.readouterr().out == "5 5\n"
