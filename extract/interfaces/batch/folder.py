"""The folder that a run writes to: locked while it runs, shards renamed into it when they are whole."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from extract.errors import OutputError
from extract.files import cannot_write, digest, move, write_whole
from extract.interfaces.batch.manifest import Manifest, read_manifest
from extract.interfaces.batch.shards import ShardResult, shard_name

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
LOCK = ".tripack.lock"
TEMPORARY = ".tmp"  # suffix of what is being written
_OWN = re.compile(r"part-\d{6,}\.(jsonl|parquet)(\.\w+\.tmp)?|manifest\.json\.tmp")
_SHARE = 0.02  # of the time of a run at most goes into writing manifests


class OutputFolder:
    """A folder of shards and their manifest; to be used in a `with` block, which locks it.

    The lock is the system's: it goes when the process that holds it ends, however it ends.
    Raises `OutputError` if the folder cannot be written, or another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / LOCK)
        self._manifest_due = 0.0  # on the monotonic clock

    def __enter__(self) -> OutputFolder:
        try:
            self.path.mkdir(exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(
                f"{self.path} is in use by another run; wait for its end, or name another --output"
            ) from error
        except FileExistsError as error:
            raise OutputError(
                f"{self.path} is a file, expected a folder to write shards to"
            ) from error
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def previous(self) -> Manifest | None:
        """The manifest of the run that is in the folder.

        Raises `OutputError` if it is damaged, or if there are files in the folder but no manifest.
        """
        manifest = read_manifest(self.path / MANIFEST)
        if manifest is None:
            others = [p.name for p in self.path.iterdir() if p.name != LOCK and not self._own(p)]
            if others:
                raise OutputError(
                    f"{self.path} holds other files ({min(others)}), expected an empty or new folder"
                )
        return manifest

    def keep_only(self, manifest: Manifest) -> None:
        """Remove all shards and temporary files that are not listed, and from the list what is not whole.

        Files that no run has written are left alone.
        """
        for number, record in list(manifest.shards.items()):
            try:
                whole = digest(self.path / record.file) == (record.n_bytes, record.sha256)
            except OSError:
                whole = False
            if not whole:
                log.warning("%s is missing or damaged and is made again", record.file)
                del manifest.shards[number]
        kept = {record.file for record in manifest.shards.values()}
        try:
            for path in self.path.iterdir():
                if self._own(path) and path.name not in kept:
                    path.unlink()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    @staticmethod
    def _own(path: Path) -> bool:
        return _OWN.fullmatch(path.name) is not None

    def commit(self, result: ShardResult, manifest: Manifest) -> None:
        """Give a shard its final name and note it. Raises `OutputError`."""
        target = self.path / shard_name(result.number, manifest.settings["format"])
        try:
            move(self.path / result.temporary, target)
        except OSError as error:
            raise cannot_write(target, error) from error
        manifest.add(result)
        # A shard missing from the manifest is made again, so that a long one need not be written each time.
        if time.monotonic() >= self._manifest_due:
            self.write(manifest)

    def write(self, manifest: Manifest) -> None:
        """Replace the manifest on disk. Raises `OutputError`; then the old one is as it was."""
        started = time.monotonic()
        write_whole(self.path / MANIFEST, manifest.text(), self.path / (MANIFEST + TEMPORARY))
        ended = time.monotonic()
        self._manifest_due = ended + (ended - started) / _SHARE

    def discard(self, temporary: str) -> None:
        """Remove a temporary file that is not wanted."""
        with contextlib.suppress(OSError):
            (self.path / temporary).unlink()
