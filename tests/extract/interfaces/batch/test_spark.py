"""The function for Spark's mapInPandas, called as Spark calls it: with an iterator of frames."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from extract import load
from extract.errors import InputError
from extract.interfaces.batch.spark import SPARK_SCHEMA, map_in_pandas
from tests.extract.interfaces.batch.shared import FACT, OTHER


def test_frames_of_texts_become_frames_of_documents(tiny_model: Path) -> None:
    frames = [
        pd.DataFrame({"key": [7, 8], "body": [FACT, ""], "other": [1, 2]}),
        pd.DataFrame({"key": [], "body": []}),
        pd.DataFrame({"key": ["x"], "body": [OTHER]}),
    ]
    function = map_in_pandas(str(tiny_model), text="body", id="key")
    found = list(function(iter(frames)))
    assert [list(frame.columns) for frame in found] == [["id", "document"]] * 3
    assert [name.split()[0] for name in SPARK_SCHEMA.split(", ")] == ["id", "document"]
    rows = pd.concat(found)
    assert rows["id"].tolist() == ["7", "8", "x"]
    items = [("7", FACT), ("8", ""), ("x", OTHER)]
    expected = [document.to_dict() for document in load(tiny_model).extract(items)]
    assert [json.loads(text) for text in rows["document"]] == expected
    assert expected[0]["triples"]


def test_function_travels_to_executors(tiny_model: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")  # what Spark moves functions by
    function = cloudpickle.loads(cloudpickle.dumps(map_in_pandas(str(tiny_model))))
    (frame,) = function(iter([pd.DataFrame({"id": ["a"], "text": [FACT]})]))
    assert json.loads(frame["document"][0])["triples"]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"id": ["a"], "body": ["x"]}, r"No column 'text'. Expected one of .*: id, body"),
        ({"id": ["a"], "text": [None]}, "column 'text' of row 'a', got NoneType"),
    ],
)
def test_frame_that_cannot_be_used_is_told(
    tiny_model: Path, frame: dict[str, list[str]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        list(map_in_pandas(str(tiny_model))(iter([pd.DataFrame(frame)])))
