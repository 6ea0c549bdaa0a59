"""Runs that are killed, starved or stopped: nothing lost, nothing twice, and one clear line."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from extract.errors import IncompleteError, WorkerError
from extract.interfaces.batch import worker, workers
from extract.interfaces.batch.folder import MANIFEST
from extract.interfaces.batch.manifest import read_manifest
from extract.interfaces.batch.runner import run
from extract.interfaces.batch.shard_writer import Job
from tests.extract.interfaces.batch.shared import (
    PATIENCE,
    ids,
    output,
    request,
    shards,
    write_lines,
)
from tests.extract.interfaces.command import assert_one_line_error, command, environment

N_LINES = 200


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("lines") / "in.txt", N_LINES)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, lines: Path, tiny_model: Path) -> bytes:
    folder = tmp_path_factory.mktemp("expected") / "out"
    run(request(lines, folder, tiny_model))
    return output(folder)


def start(
    lines: Path, folder: Path, model: Path, *more: object, **options: Any
) -> subprocess.Popen[bytes]:
    words = ["--lines", "--input", lines, "--output", f"{folder}/", "--model", model, "--quiet"]
    words += ["--shard-size", 10, "--workers", 1, *more]
    return subprocess.Popen(
        command("extract", *words), stderr=subprocess.PIPE, env=environment(), **options
    )


def wait_for_shards(process: subprocess.Popen[bytes], folder: Path, n_shards: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(shards(folder)) < n_shards and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_runs_resumed_lose_and_double_nothing(
    tmp_path: Path, lines: Path, tiny_model: Path, expected: bytes
) -> None:
    folder, rng = tmp_path / "out", random.Random(3)
    for _ in range(3):
        process = start(lines, folder, tiny_model, "--resume")
        wait_for_shards(process, folder, len(shards(folder)) + rng.randint(1, 5))
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        # The workers hold the other end of the pipe: it closes when they have ended, too.
        process.communicate(timeout=PATIENCE)
    process = start(lines, folder, tiny_model, "--resume")
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, b"")
    assert output(folder) == expected
    assert not list(folder.glob("*.tmp"))


def test_sigterm_ends_the_workers_and_says_how_to_go_on(
    tmp_path: Path, lines: Path, tiny_model: Path
) -> None:
    folder = tmp_path / "out"
    process = start(lines, folder, tiny_model)
    wait_for_shards(process, folder, 2)
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert_one_line_error(err.decode())
    manifest = read_manifest(folder / MANIFEST)
    assert manifest is not None and not manifest.complete
    n_shards = len(manifest.shards)
    # The signal may have come when a shard was renamed but not yet listed: it is then made again.
    assert 1 <= n_shards <= len(shards(folder)) <= n_shards + 1
    said = f"interrupted ({n_shards} finished shards are in {folder}; go on with --resume)"
    assert said in err.decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a tmpfs")
def test_full_disk_keeps_whole_shards_and_is_one_line(
    tmp_path: Path, lines: Path, tiny_model: Path, expected: bytes
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={len(expected) // 2}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        process = start(lines, folder, tiny_model)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 4
        assert_one_line_error(err.decode())
        assert "No space left on device" in err.decode()
        n_shards = len(shards(folder))
        assert n_shards and output(folder) == expected[: len(output(folder))]
        subprocess.run(
            ["mount", "-o", f"remount,size={len(expected) * 3}", str(folder)], check=True
        )
        run(request(lines, folder, tiny_model, resume=True))
        assert output(folder) == expected
    finally:
        subprocess.run(["umount", str(folder)], check=True)


_REAL_DO_SHARD = worker.do_shard


def _die_once(extractor: Any, shard: Any, job: Job) -> Any:
    """A shard that kills its worker the first time."""
    mark = job.folder.parent / "died"
    if shard.number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _REAL_DO_SHARD(extractor, shard, job)


def _always_die(extractor: Any, shard: Any, job: Job) -> Any:
    """A shard that kills every worker."""
    if shard.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return _REAL_DO_SHARD(extractor, shard, job)


def _raise(extractor: Any, shard: Any, job: Job) -> Any:
    """A shard for which memory never suffices."""
    if shard.number == 1:
        raise MemoryError("not enough")
    return _REAL_DO_SHARD(extractor, shard, job)


def work_and_die_once(connection: Any, job: Job) -> None:
    worker.do_shard = _die_once
    worker.work(connection, job)


def work_and_always_die(connection: Any, job: Job) -> None:
    worker.do_shard = _always_die
    worker.work(connection, job)


def work_and_raise(connection: Any, job: Job) -> None:
    worker.do_shard = _raise
    worker.work(connection, job)


def die_at_once(connection: Any, job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_dead_worker_is_replaced_and_its_shard_done_again(
    tmp_path: Path, lines: Path, tiny_model: Path, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "work", work_and_die_once)
    summary = run(request(lines, tmp_path / "out", tiny_model))
    assert (tmp_path / "died").exists()
    assert summary.failures == [] and output(tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("kills", "reason"),
    [
        (work_and_always_die, r"its worker ended \(killed by signal 9\)"),
        (work_and_raise, "MemoryError: not enough"),
    ],
)
def test_shard_that_always_fails_is_given_up_and_the_others_are_kept(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, kills: Any, reason: str
) -> None:
    source = write_lines(tmp_path / "in.txt", 30)
    folder = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(workers, "work", kills)
        with pytest.raises(IncompleteError, match=rf"1 of 3 shards .* 11 to 20 .*{reason}"):
            run(request(source, folder, tiny_model))
    assert shards(folder) == ["part-000000.jsonl", "part-000002.jsonl"]
    manifest = read_manifest(folder / MANIFEST)
    assert manifest is not None and not manifest.complete
    assert [record.file for record in manifest.failed] == ["part-000001.jsonl"]
    run(request(source, folder, tiny_model, resume=True))
    assert ids(folder) == [f"in.txt:{number}" for number in range(1, 31)]
    manifest = read_manifest(folder / MANIFEST)
    assert manifest is not None and manifest.complete and manifest.failed == ()


def test_workers_that_die_while_loading_end_the_run(
    tmp_path: Path, lines: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "work", die_at_once)
    with pytest.raises(WorkerError, match=r"3 workers in a row .*killed by signal 9.*--workers"):
        run(request(lines, tmp_path / "out", tiny_model))
