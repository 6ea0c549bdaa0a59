"""Compressed inputs: read as what they hold, and never taken for whole when they are not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.errors import InputError
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source

Pack = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    """Two frames, as appending to a file or parallel compression leaves."""
    half = len(data) // 2
    return b"".join(map(zstandard.ZstdCompressor().compress, (data[:half], data[half:])))


PACKED: list[tuple[str, Pack]] = [(".gz", gzip.compress), (".zst", zstd)]


def read(path: Path, **options: object) -> list[tuple[str, str]]:
    return list(Source.open(str(path), ReadSettings(**options)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("suffix", "pack"), PACKED)
@given(texts=st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))))
@settings(max_examples=30, deadline=None)
def test_lines_are_those_of_the_plain_file(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, pack: Pack, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("packed")
    data = "".join(f"{text}\n" for text in texts).encode()
    (folder / "in.txt").write_bytes(data)
    (folder / f"in.txt{suffix}").write_bytes(pack(data))
    plain, packed = (
        read(folder / name, lines=True, input_format="text")
        for name in ("in.txt", f"in.txt{suffix}")
    )
    assert [text for _, text in packed] == [text for _, text in plain]
    assert [name for name, _ in packed] == [f"in.txt{suffix}:{i + 1}" for i in range(len(packed))]


@pytest.mark.parametrize(("suffix", "pack"), PACKED)
def test_inner_suffix_says_the_format(tmp_path: Path, suffix: str, pack: Pack) -> None:
    (tmp_path / f"a.jsonl{suffix}").write_bytes(pack(b'{"id": "x", "text": "Hello."}\n'))
    (tmp_path / f"b.csv{suffix}").write_bytes(pack(b"id,text\ny,Hi.\n"))
    (tmp_path / f"c.bin{suffix}").write_bytes(pack(b"not read"))
    assert read(tmp_path) == [("x", "Hello."), ("y", "Hi.")]


def test_compressed_parquet_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["x"], "text": ["Hello."]}), tmp_path / "a.parquet")
    packed = tmp_path / "b.parquet.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    assert read(packed) == [("x", "Hello.")]


@pytest.mark.parametrize(("suffix", "pack"), PACKED)
@pytest.mark.parametrize("n_cut", [1, 5, 9])
def test_file_that_was_cut_off_is_an_error(
    tmp_path: Path, suffix: str, pack: Pack, n_cut: int
) -> None:
    path = tmp_path / f"in.txt{suffix}"
    path.write_bytes(pack(b"one\ntwo\n" * 1000)[:-n_cut])
    with pytest.raises(InputError, match=rf"{path} is damaged or cut off .*--skip-bad"):
        read(path, lines=True)


@pytest.mark.parametrize(("suffix", "pack"), PACKED)
def test_damaged_file_is_skipped_and_counted_and_the_next_is_read(
    tmp_path: Path, suffix: str, pack: Pack
) -> None:
    (tmp_path / f"a.txt{suffix}").write_bytes(b"no such thing")
    (tmp_path / f"b.txt{suffix}").write_bytes(pack(b"whole"))
    source = Source.open(str(tmp_path), ReadSettings(skip_bad=True))
    assert list(source) == [(f"b.txt{suffix}", "whole")]
    assert source.tally.n_bad == 1


def test_zstandard_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    (tmp_path / "in.txt.zst").write_bytes(zstd(b"text"))
    with pytest.raises(InputError, match=r"pip install 'tripack\[zstd\]'"):
        read(tmp_path / "in.txt.zst")


@pytest.mark.parametrize(("suffix", "pack"), PACKED)
def test_what_stands_before_the_damage_is_read(tmp_path: Path, suffix: str, pack: Pack) -> None:
    lines = [f"{number * 7919 % 100_003}" for number in range(20_000)]
    path = tmp_path / f"in.txt{suffix}"
    path.write_bytes(pack("".join(f"{line}\n" for line in lines).encode())[:-50])
    found = [text for _, text in read(path, lines=True, skip_bad=True)]
    assert found == lines[: len(found)]
    assert len(found) >= len(lines) / 2  # a frame of Zstandard that is not whole gives nothing
