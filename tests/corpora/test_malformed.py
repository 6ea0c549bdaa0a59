"""Whatever a file holds, a reader gives examples or raises CorpusError, nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpora
from corpora.text2kgbench import read_ontology
from extract.errors import CorpusError, SchemaError
from tests.corpora.cases import FILES, ONTOLOGY, write

NAMES = corpora.names()
_BYTES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\xff", b"\x00", b"\n", b"\r\n", b"]", b"}", b"\t", b'"', b"\xef\xbb\xbf"]),
    st.sampled_from(
        [b"NaN", b"-1", b"1e9", b"9" * 5000, b"null", b"true", b'"\\ud800"', b"[" * 3000]
    ),
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _check(name: str, path: Path) -> None:
    """Read the file: right examples or one CorpusError that names it."""
    try:
        examples = corpora.read(name, path)["file"]
    except CorpusError as error:
        message = str(error)
        assert message.startswith(f"{path}, line ") and "\n" not in message, message
        return
    assert examples
    for example in examples:
        assert corpora.from_row(corpora.to_row(example)) == example
        for entity in example.sentence.entities:
            assert example.text[entity.start_char : entity.end_char] == entity.text
        example.text.encode("utf-8")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_bytes(name: str, folder: Path, data: st.DataObject) -> None:
    path = write(folder, name)
    path.write_bytes(data.draw(st.binary(max_size=200)))
    _check(name, path)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_of_a_valid_file_replaced(name: str, folder: Path, data: st.DataObject) -> None:
    path = write(folder, name)
    contents = path.read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(contents)))
        end = start + data.draw(st.integers(0, 30))
        contents = contents[:start] + data.draw(_BYTES) + contents[end:]
    path.write_bytes(contents)
    _check(name, path)


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [n for key in keys for n in _nodes(value[key])]


def _mutate(value: Any, data: st.DataObject) -> Any:
    for _ in range(data.draw(st.integers(1, 2))):
        nodes = _nodes(value)
        if nodes:
            container, key = data.draw(st.sampled_from(nodes))
            if data.draw(st.booleans()):
                container[key] = data.draw(_VALUES)
            elif isinstance(container, list):
                container.append(container[key])
            else:
                del container[key]
    return value


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("conll04", "semeval2010_task8")])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_values_of_a_valid_record_replaced(name: str, folder: Path, data: st.DataObject) -> None:
    # One line a value: the whole array or object too is one when it is written so.
    value = _mutate(json.loads(FILES[name][2]), data)
    _check(name, write(folder, name, json.dumps(value)))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_values_of_a_valid_ontology_replaced(data: st.DataObject) -> None:
    value = _mutate(json.loads(json.dumps(ONTOLOGY)), data)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "1_college_ontology.json")
        path.write_text(json.dumps(value), encoding="utf-8")
        try:
            read_ontology(path).to_dict()
        except CorpusError as error:
            assert str(error).startswith(f"{path}, line 1")
        except SchemaError as error:
            pytest.fail(f"an ontology must be refused as a corpus file: {error}")


@pytest.mark.parametrize("name", NAMES)
def test_truncated_file_is_refused_or_loses_only_its_end(name: str, tmp_path: Path) -> None:
    _, _, contents = FILES[name]
    whole = corpora.read(name, write(tmp_path, name))["file"]
    for length in range(0, len(contents), 7):
        path = write(tmp_path, name, contents[:length])
        try:
            examples = corpora.read(name, path)["file"]
        except CorpusError:
            continue
        assert len(examples) <= len(whole)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "line 1: the file is empty"),
        (b" \n\n", "line 1: the file is empty"),
        (b"\n\xff", r"line 2: expected UTF-8, got byte 0xff at offset 1\. Convert"),
    ],
)
def test_unreadable_contents_are_named(
    name: str, contents: bytes, reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path, name)
    path.write_bytes(contents)
    with pytest.raises(CorpusError, match=reason):
        corpora.read(name, path)
