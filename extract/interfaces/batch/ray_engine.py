"""The shards of a run on Ray Data: on this machine, or on a cluster whose nodes share a file system.

    one reader task ──shards──► actors, one model each ──results──► this process, which renames the files

The reader streams: Ray holds it back while the actors are busy, so that the input is never in memory as a
whole. An actor or node that dies is replaced by Ray, and its shard done again.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa

from extract.errors import InputError, OutputError, TripackError
from extract.interfaces.batch.ray_source import END, shard_source
from extract.interfaces.batch.shard_writer import Job, do_shard
from extract.interfaces.batch.shards import Plan, Shard, ShardFailure, ShardResult
from extract.interfaces.batch.workers import ATTEMPTS
from extract.interfaces.extraction import ModelOptions, load_extractor
from extract.models.registry import resolve

_RESULT = pa.schema(
    [
        ("number", pa.int64()),
        ("result", pa.string()),  # JSON of a ShardResult or a ShardFailure
        ("kind", pa.string()),
        ("error", pa.binary()),  # a pickled TripackError, made by this program in this run
        ("end", pa.string()),
    ]
)

_BLOCK_BYTES = 64 << 10  # hardly two shards go into one block, which one actor has to itself


def run_on_ray(
    job: Job, plan: Plan, n_workers: int
) -> Generator[ShardResult | ShardFailure, None, None]:
    """Yield shards as they are done or given up, in any order.

    Joins the cluster that RAY_ADDRESS names, else starts Ray on this machine. Inputs, model and output
    folder must be at the same paths on all nodes.

    Raises as `WorkerPool.run` does, and `OutputError` without Ray.
    """
    done: set[int] = set(plan.done)
    end: dict[str, Any] = {}
    n_cores = n_workers * (job.options.threads or 1)
    with _connected(n_cores) as ray:
        # Reading counts as no work: all cores may be held by actors, which wait for what is read.
        dataset = ray.data.read_datasource(
            shard_source(_absolute(plan)), override_num_blocks=1, num_cpus=0
        )
        dataset = dataset.map_batches(
            _Actor,
            fn_constructor_args=(replace(job, options=_with_paths(job)),),
            batch_size=1,  # a shard is a row
            batch_format="pyarrow",
            num_cpus=job.options.threads or 1,
            compute=ray.data.ActorPoolStrategy(size=n_workers),
            ray_remote_args_fn=lambda: {"max_task_retries": ATTEMPTS - 1},
        )
        for row in dataset.iter_rows():
            if row["error"] is not None:
                raise pickle.loads(row["error"])
            if row["end"] is not None:
                end = json.loads(row["end"])
                continue
            kind = ShardResult if row["kind"] == "result" else ShardFailure
            done.add(row["number"])
            yield kind(**json.loads(row["result"]))
    plan.source.tally.n_bad = end.get("n_bad", 0)
    for number, first, n_documents in end.get("shards", []):
        if number not in done:
            yield ShardFailure(number, first, n_documents, "its worker ended each time")
    if end.get("error"):
        raise InputError(end["error"])


@contextmanager
def _connected(n_cores: int) -> Generator[Any, None, None]:
    """Ray, ready to run; shut down at the end if it was started here, for so many cores."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise OutputError(
            "The engine ray needs the package ray: pip install 'tripack[ray]', or use --engine local"
        ) from error
    ours = not ray.is_initialized()
    if ours:
        cluster = os.environ.get("RAY_ADDRESS")
        ray.init(
            num_cpus=None if cluster else n_cores,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = _BLOCK_BYTES
    context.max_errored_blocks = -1  # shards that fail are missed at the end
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _absolute(plan: Plan) -> Plan:
    """The plan with paths that do not depend on the folder that a process runs in."""
    files = [replace(f, path=f.path.absolute() if f.path else None) for f in plan.source.files]
    return replace(plan, source=replace(plan.source, files=files))


def _with_paths(job: Job) -> ModelOptions:
    options = job.options
    schema, prior = (p and p.absolute() for p in (options.schema, options.relation_prior))
    model = str(resolve(options.model).absolute())
    return replace(options, model=model, schema=schema, relation_prior=prior)


class _Actor:
    """A model that does one shard a call."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._error: TripackError | None = None
        try:
            self._extractor = load_extractor(job.options)
        except TripackError as error:  # told with the first shard: Ray would try again for long
            self._error = error

    def __call__(self, batch: pa.Table) -> pa.Table:
        (row,) = batch.to_pylist()
        if row["number"] == END:
            return _row(number=END, end=row["end"])
        if self._error is not None:
            return _row(number=row["number"], error=pickle.dumps(self._error))
        shard = Shard(row["number"], row["first"], list(zip(row["ids"], row["texts"], strict=True)))
        for _ in range(ATTEMPTS):
            try:
                result = do_shard(self._extractor, shard, self._job)
                return _row(number=shard.number, kind="result", result=json.dumps(asdict(result)))
            except TripackError as error:
                return _row(number=shard.number, error=pickle.dumps(error))
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
        failure = ShardFailure(shard.number, shard.first, len(shard.items), reason)
        return _row(number=shard.number, kind="failure", result=json.dumps(asdict(failure)))


def _row(**values: Any) -> pa.Table:
    empty = dict.fromkeys(_RESULT.names)
    return pa.Table.from_pylist([empty | values], schema=_RESULT)
