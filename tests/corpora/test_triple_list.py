"""The triple_list format that WebNLG, WebNLG* and NYT* share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import WEBNLG, array, write


def _read(tmp_path: Path, **change: Any) -> corpora.Example:
    path = write(tmp_path, "webnlg", array(WEBNLG | change))
    return corpora.read("webnlg", path)["file"][0]


def test_name_stands_for_its_first_occurrence(tmp_path: Path) -> None:
    example = _read(tmp_path)
    (triple,) = example.sentence.triples
    assert triple.subject.text == "Torvik College"
    assert (triple.object.span.start_word, triple.object.span.end_word) == (0, 1)


def test_name_that_is_not_in_the_text_is_kept_unaligned(tmp_path: Path) -> None:
    assert _read(tmp_path).unaligned == (("Torvik", "country", "Sweden"),)


def test_text_is_kept_unchanged_with_its_spaces(tmp_path: Path) -> None:
    example = _read(tmp_path, text=" Torvik  College\tis \n here ", triple_list=[])
    assert example.text == " Torvik  College\tis \n here "
    assert example.sentence.words == ["Torvik", "College", "is", "here"]
    assert [e.text for e in example.sentence.entities] == []


def test_equal_triples_are_merged_and_counted(tmp_path: Path) -> None:
    example = _read(tmp_path, triple_list=[["Torvik", "r", "Norway"]] * 2)
    assert len(example.sentence.triples) == 1
    assert example.changes.merged_triples == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": "  "}, "expected at least one word, got none"),
        ({"text": None}, "expected 'text' to be a text, got null"),
        ({"triple_list": [["a", "b"]]}, "expected a triple to have 3 values, got 2"),
        ({"triple_list": [["is", "", "in"]]}, "expected a relation for 'is', got ''"),
        ({"triple_list": "abc"}, "expected 'triple_list' to be a list, got str 'abc'"),
    ],
)
def test_malformed_item_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CorpusError, match=f"train_triples.json, line 2, item 1: {reason}"):
        _read(tmp_path, **change)
