"""`tripack extract --format html` and `tripack graph view`: what is written, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from extract.kg.view import head
from tests.extract.interfaces.command import assert_one_line_error, run_here
from tests.extract.kg.graphs import write_records

FACT = "Leonard Parker received his PhD from Harvard University in 1967."


def data(page: str) -> list[dict[str, Any]]:
    """The blocks of data of a page."""
    blocks = re.findall(r'<script type="application/json" data-tripack="\w+">(.*)</script>', page)
    return [json.loads(block) for block in blocks]


@pytest.fixture
def store(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    records = write_records(tmp_path / "triples.jsonl")
    assert run_here("graph", "build", records, "--store", tmp_path / "kg") == 0
    capfd.readouterr()
    return tmp_path / "kg"


def test_extract_writes_a_page_by_the_suffix_of_the_output(
    tmp_path: Path, tiny_model: Path
) -> None:
    texts, out = tmp_path / "in.jsonl", tmp_path / "out.html"
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in (FACT, "", FACT)))
    words = ["--input", texts, "--output", out, "--model", tiny_model, "--quiet"]
    assert run_here("extract", *words) == 0
    page = out.read_text(encoding="utf-8")
    assert page.startswith(head("tripack"))
    assert [found["text"] for found in data(page)] == [FACT, "", FACT]
    assert data(page)[0]["triples"][0]["relation"] == "educated at"


def test_graph_view_writes_the_statements_with_their_sentences(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "kg.html"
    assert run_here("graph", "view", "--store", store, "--out", out) == 0
    page = out.read_text(encoding="utf-8")
    assert "<title>kg</title>" in page
    (graph,) = data(page)
    assert len(graph["statements"]) == 5 and graph["left_out"] == 0
    sentences = {passage["text"] for passage in graph["passages"]}
    assert "Leonard Parker received his PhD from Harvard in 1967." in sentences
    (twice,) = [s for s in graph["statements"] if len(s["evidence"]) == 2]
    assert [graph["passages"][e["passage"]]["document"] for e in twice["evidence"]] == [
        "doc 2",
        "doc/1",
    ]


def test_graph_view_is_limited_and_titled(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "kg.html"
    words = ["--store", store, "--out", out, "--limit", 2, "--title", "People & <places>"]
    assert run_here("graph", "view", *words) == 0
    page = out.read_text(encoding="utf-8")
    assert "<title>People &amp; &lt;places&gt;</title>" in page
    (graph,) = data(page)
    assert (len(graph["statements"]), graph["left_out"]) == (2, 3)


def test_graph_view_refuses_what_it_cannot_do(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(code: int, *words: object) -> str:
        assert run_here("graph", "view", *words) == code
        said = capfd.readouterr()
        assert said.out == ""
        assert_one_line_error(said.err)
        return said.err

    out = tmp_path / "kg.html"
    out.write_text("mine")
    assert "use --force" in refused(4, "--store", store, "--out", out)
    assert out.read_text() == "mine"
    assert run_here("graph", "view", "--store", store, "--out", out, "--force") == 0
    capfd.readouterr()
    refused(3, "--store", tmp_path / "none", "--out", tmp_path / "new.html")
    refused(4, "--store", store, "--out", tmp_path / "no" / "folder.html")
    refused(2, "--store", store, "--out", tmp_path / "new.html", "--limit", 0)
    empty = tmp_path / "empty"
    assert run_here("graph", "build", write_empty(tmp_path), "--store", empty) == 0
    capfd.readouterr()
    said = refused(3, "--store", empty, "--out", tmp_path / "new.html")
    assert "has no statements, expected at least one" in said
    assert list(tmp_path.glob("new.html*")) == []


def write_empty(folder: Path) -> Path:
    path = folder / "empty.jsonl"
    path.write_text(
        json.dumps({"id": "a", "text": "x", "entities": [], "triples": [], "model": ""}) + "\n"
    )
    return path
