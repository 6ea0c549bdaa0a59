"""Files that are cut off or unreadable. Those damaged in other ways are in `tests.fuzz.test_readers`."""

from __future__ import annotations

from pathlib import Path

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import FILES, write

NAMES = corpora.names()


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
