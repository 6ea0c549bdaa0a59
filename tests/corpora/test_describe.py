"""Counts and histograms of a corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import HYPERRED, lines, write


def test_describe_counts_by_hand(tmp_path: Path) -> None:
    write(tmp_path, "hyperred", lines(HYPERRED, HYPERRED))
    described = corpora.describe("hyperred", tmp_path)
    assert described["licence"] == corpora.get("hyperred").licence
    assert described["hub_name"] == "declare-lab/HyperRED"
    assert described["splits"] == {
        "train": {
            "examples": 2,
            "documents": 2,
            "words": 16,
            "entities": 6,
            "triples": 2,
            "qualifiers": 2,
            "unaligned": 0,
            "changes": dict.fromkeys(corpora.Changes.__dataclass_fields__, 0),
            "entity_types": {"Entity": 6},
            "relations": {"educated at": 2},
            "qualifier_labels": {"end time": 2},
            "notes": {},
        }
    }


def test_histograms_are_sorted_by_count_then_name(tmp_path: Path) -> None:
    write(tmp_path, "conll04")
    types = corpora.describe("conll04", tmp_path)["splits"]["train"]["entity_types"]
    assert list(types) == ["Loc", "Org", "Peop"]
    write(tmp_path, "fewrel")
    types = corpora.describe("fewrel", tmp_path)["splits"]["dev"]["entity_types"]
    assert types == {"Entity": 3}


def test_describe_one_file_and_notes(tmp_path: Path) -> None:
    path = write(tmp_path, "re_docred")
    counts = corpora.describe("re_docred", path)["splits"]["file"]
    assert counts["notes"] == {
        "document relations": 1,
        "document relations within a sentence": 1,
    }
    assert (counts["documents"], counts["examples"], counts["triples"]) == (1, 2, 1)


def test_describe_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No file or folder"):
        corpora.describe("conll04", tmp_path / "nowhere")
