"""The benchmark of entity resolution, on two documents written for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import graph_resolution
from corpora.re_docred import ReDocRed
from extract.kg.resolve import ResolutionConfig


def _mention(sentence: int, start: int, end: int, type: str) -> dict[str, object]:
    return {"sent_id": sentence, "pos": [start, end], "type": type, "name": "not read"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    documents = [
        {
            "title": title,
            "sents": [
                ["The", "World", "Health", "Organization", "(", "WHO", ")", "met", "."],
                ["John", "Smith", "led", "it", "in", "1967", "."],
                ["Smith", "left", "."],
            ],
            "vertexSet": [
                [_mention(0, 1, 4, "ORG"), _mention(0, 5, 6, "ORG")],
                [_mention(1, 0, 2, "PER"), _mention(2, 0, 1, "PER")],
                [_mention(1, 5, 6, "TIME")],
            ],
            "labels": [{"h": 1, "t": 0, "r": "P108"}, {"h": 1, "t": 2, "r": "P580"}],
        }
        for title in ("one", "two")
    ]
    path = tmp_path / "dev_revised.json"
    path.write_text(json.dumps(documents), encoding="utf-8")
    return path


def test_as_facts_places_mentions_in_the_text(file: Path) -> None:
    first, _ = ReDocRed().documents(file)
    facts, gold = graph_resolution.as_facts(first)
    assert [m.text for m in facts.mentions] == [
        "World Health Organization",
        "WHO",
        "John Smith",
        "Smith",
        "1967",
    ]
    assert all(m.end - m.start == len(m.text) for m in facts.mentions)
    assert {m.text: number for m, number in gold.items()} == {
        "World Health Organization": 0, "WHO": 0, "John Smith": 1, "Smith": 1,
    }  # fmt: skip
    employer, started = facts.facts
    assert (employer.subject.text, employer.object.text) == (
        "John Smith",
        "World Health Organization",
    )
    assert (started.object.text, started.relation) == ("1967", "start time")
    assert started.sentence_text == "John Smith led it in 1967 ."


def test_score_counts_what_rules_join(file: Path) -> None:
    gold = [graph_resolution.as_facts(one)[1] for one in ReDocRed().documents(file)]
    written = graph_resolution.score(gold, None)
    assert (written.pairwise.precision, written.pairwise.recall, written.n_clusters) == (
        1.0,
        0.0,
        8,
    )
    found = graph_resolution.score(gold, ResolutionConfig())
    assert (found.pairwise.f1, found.b_cubed.f1, found.n_clusters) == (1.0, 1.0, 4)


def test_main_writes_rules_thresholds_and_graph(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loading the encoder for every threshold takes seconds; two thresholds say as much here.
    monkeypatch.setattr(graph_resolution, "COSINES", (0.9,))
    monkeypatch.setattr(graph_resolution, "SIMILARITIES", (0.8, 1.0))
    out = tmp_path / "out.json"
    graph_resolution.main(["--file", str(file), "--out", str(out)])
    result = json.loads(out.read_text(encoding="utf-8"))
    assert (result["documents"], result["mentions"], result["gold entities"]) == (2, 8, 4)
    assert result["rules"]["defaults"]["entities"] == 4
    assert result["rules"]["defaults without abbreviation"]["entities"] == 6
    assert result["similar text"]["chosen"] == [1.0, 1.0]
    assert result["graph"]["resolved"]["nodes"] == 2  # each is one in both documents
    assert result["graph"]["without resolution"]["nodes"] == 5
    assert result["environment"]["commit"] is None or result["environment"]["commit"]
