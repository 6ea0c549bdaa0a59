"""Rows and datasets: every example survives the round trip."""

from __future__ import annotations

from pathlib import Path

import pytest

import corpora
from tests.corpora.cases import write


@pytest.mark.parametrize("name", corpora.names())
def test_row_round_trip_gives_the_same_example(name: str, tmp_path: Path) -> None:
    for example in corpora.read(name, write(tmp_path, name))["file"]:
        assert corpora.from_row(corpora.to_row(example)) == example


@pytest.mark.parametrize("name", corpora.names())
def test_dataset_round_trip_gives_the_same_examples(name: str, tmp_path: Path) -> None:
    write(tmp_path, name)
    read, loaded = corpora.read(name, tmp_path), corpora.load(name, tmp_path)
    assert list(loaded) == list(read)
    for split, examples in read.items():
        assert loaded[split].features == corpora.FEATURES
        assert [corpora.from_row(row) for row in loaded[split]] == examples


def test_row_points_to_entities_by_their_place(tmp_path: Path) -> None:
    (example,) = corpora.read("hyperred", write(tmp_path, "hyperred"))["file"]
    row = corpora.to_row(example)
    assert row["words"][3:5] == ["Torvik", "College"]
    assert row["word_starts"][:3] == [0, 4, 12]
    (triple,) = row["triples"]
    assert row["entities"][triple["object"]]["text"] == "Torvik College"
    assert row["entities"][triple["qualifiers"][0]["value"]]["text"] == "1967"
    assert set(row) == set(corpora.features())
