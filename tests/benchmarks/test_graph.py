"""The benchmark of stored graphs, on three small documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import graph
from tests.extract.kg.graphs import write_records


def test_figures_of_three_documents(tmp_path: Path) -> None:
    extracted = write_records(tmp_path / "extracted.jsonl")
    out = tmp_path / "out.json"
    graph.main(["--extracted", str(extracted), "--kills", "2", "--out", str(out)])
    found = json.loads(out.read_text())
    assert found["extraction"] == {"file": "extracted.jsonl", "wall_seconds": None}
    assert found["models"] == ["made-by-hand 1.0.0"]
    assert found["build"]["statements"] == {"added": 5, "removed": 0}
    assert found["build_again"]["quads"] == {"added": 0, "removed": 0}
    assert (found["stats"]["names"], found["stats"]["entities"]) == (8, 6)
    left = found["killed_and_resumed"]["left_by_each_kill"]
    assert left and all(0 < each["documents"] <= 3 for each in left)
    assert found["killed_and_resumed"]["same_nquads"] is True
    first, most, qualified = (query["answers"] for query in found["queries"])
    assert first == [{"person": "Leonard Parker", "school": "Harvard", "score": "0.99"}]
    assert most[0]["documents"] == "2" and most[0]["object"] == "Harvard"
    assert {row["value"] for row in qualified} == {"1967"}
    assert found["environment"]["python"]


def test_difference_of_the_resumed_graph_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([b"one", b"other"])
    monkeypatch.setattr(graph, "_nquads", lambda store: next(answers))
    monkeypatch.setattr(graph, "_killed", lambda *_: {})
    monkeypatch.setattr(graph, "_tripack", lambda *_: {"wall_seconds": 1.0})
    monkeypatch.setattr(graph, "_answer", lambda *_: {})
    with pytest.raises(SystemExit, match="differs from the one built at once"):
        graph.measured(tmp_path / "x", tmp_path, 1)


def test_texts_are_the_words_of_documents(corpora_dir: Path) -> None:
    assert corpora_dir
    first = json.loads(graph._texts(1)[0])
    assert first["id"].startswith("dev_revised-") and len(first["text"].split()) > 50
