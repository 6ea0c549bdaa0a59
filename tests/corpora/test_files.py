"""Reading lines and JSON: places, lines, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.files import Place, parse_json, read_json, read_json_array, read_json_lines, read_lines
from extract.errors import CorpusError


def _file(folder: Path, text: str) -> Path:
    path = folder / "file.json"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    text = "\ufeffone\u2028one\x0b\r\ntwo\x85\n\nfour"
    read = [(place.line, line) for place, line in read_lines(_file(tmp_path, text))]
    assert read == [(1, "one\u2028one\x0b"), (2, "two\x85"), (3, ""), (4, "four")]


def test_json_lines_pass_over_blank_lines_and_count_them(tmp_path: Path) -> None:
    path = _file(tmp_path, '{"a": 1}\n\n{"a": 2}\n')
    assert [(place.line, record["a"]) for place, record in read_json_lines(path)] == [
        (1, 1),
        (3, 2),
    ]


_JSON = st.recursive(
    st.integers() | st.text() | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)


@given(
    st.lists(st.dictionaries(st.text(max_size=3), _JSON, max_size=2), min_size=1, max_size=4),
    st.sampled_from([None, 1]),
)
def test_json_array_gives_what_json_loads_gives(
    records: list[dict[str, object]], indent: int | None
) -> None:
    import tempfile

    text = json.dumps(records, ensure_ascii=True, indent=indent)
    with tempfile.TemporaryDirectory() as folder:
        path = _file(Path(folder), text)
        read = list(read_json_array(path))
    assert [record for _, record in read] == records
    assert [place.item for place, _ in read] == [f"item {i + 1}" for i in range(len(records))]
    if indent is None:
        assert {place.line for place, _ in read} == {1}


def test_json_array_places_are_the_lines_where_items_begin(tmp_path: Path) -> None:
    path = _file(tmp_path, '[\n {"a":\n  1},\n\n {"a": 2}]')
    assert [place.line for place, _ in read_json_array(path)] == [2, 5]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1}', "line 1: expected a JSON array"),
        ("[]", "line 1, item 1: the array is empty"),
        ('[{"a": 1}\n', "line 1, item 1: not JSON: expected ',' or ']' after the item"),
        ('[{"a": 1},\n\n{"a": }]', "line 3, item 2: not JSON: Expecting value at column 7"),
        ('[{"a": 1},\n 3]', "line 2, item 2: expected the item to be an object, got int 3"),
        ('[{"a": 1}] x', "line 1, item 1: not JSON: expected nothing after the closing"),
        (
            '[{"a": "\\ud800"}]',
            "line 1, item 1: not JSON that can be read: a text holds half of a surrogate pair",
        ),
        ("[" * 100_000, "line 1, item 1: not JSON"),
    ],
)
def test_malformed_array_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(CorpusError, match=reason):
        list(read_json_array(_file(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":\n 1', "line 2: not JSON: Expecting ',' delimiter at column 3"),
        ("9" * 5000, "line 1: not JSON that can be read: Exceeds the limit"),
        ('"\\uDfff"', "line 1: not JSON that can be read: a text holds half of a surrogate pair"),
    ],
)
def test_malformed_json_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(CorpusError, match=reason):
        read_json(_file(tmp_path, text))


def test_surrogate_pair_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"', Place("f", 1)) == "\U0001f600"


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"Cannot read .*nowhere: No such file or directory\."):
        read_json(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"Cannot read .*: Is a directory\."):
        read_json(tmp_path)


def test_records_reads_rows_and_columns() -> None:
    place = Place("f", 1)
    rows = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert place.records({"x": rows}, "x") == rows
    assert place.records({"x": {"a": [1, 3], "b": [2, 4]}}, "x") == rows
    with pytest.raises(CorpusError, match="expected the lists of 'x' to have equal lengths"):
        place.records({"x": {"a": [1], "b": []}}, "x")
    with pytest.raises(CorpusError, match="expected 'x' to be a list, got null"):
        place.records({}, "x")
