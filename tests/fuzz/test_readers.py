"""Whatever a file holds, a reader gives what it holds or refuses it in one line: damaged in every way."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.damage import damaged, mutated, records, rewritten
from tests.fuzz.readers import READERS

_JSON = [name for name, reader in READERS.items() if records(reader.seeds[0]) is not None]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    for content in reader.seeds:
        assert reader.check(reader.place(tmp_path), content)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes(name: str, folder: Path, data: st.DataObject) -> None:
    reader = READERS[name]
    content = data.draw(st.sampled_from(reader.seeds))
    damage = st.one_of(damaged(content), rewritten(content), st.binary(max_size=200))
    reader.check(reader.place(folder), data.draw(damage))


@pytest.mark.parametrize("name", _JSON)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_values(name: str, folder: Path, data: st.DataObject) -> None:
    reader = READERS[name]
    values = records(reader.seeds[0]) or []
    content = "\n".join(json.dumps(data.draw(mutated(value))) for value in values)
    reader.check(reader.place(folder), content.encode())
