"""`tripack serve`: extraction over HTTP."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from extract.errors import ModelError
from extract.interfaces.cli.exits import INTERRUPTED, OK
from extract.interfaces.cli.memory import return_large_blocks
from extract.interfaces.cli.options import (
    DEFAULT_MODEL,
    Accuracy,
    Device,
    Dtype,
    Model,
    Runtime,
    SchemaFile,
    Threads,
)
from extract.interfaces.extraction import ModelOptions, load_extractor
from extract.interfaces.server.settings import API_KEY_VARIABLE, ServerSettings, read_api_key

_LIMITS, _WAITING = "Limits", "Waiting"
_DEFAULT = ServerSettings()
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def _limit(help: str) -> Any:
    """An option that bounds a request."""
    return typer.Option(rich_help_panel=_LIMITS, help=help)


def _seconds(help: str) -> Any:
    """An option of how long to wait."""
    return typer.Option(metavar="SECONDS", rich_help_panel=_WAITING, help=help)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"File with the key that requests must carry; default: ${API_KEY_VARIABLE}, if set.",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    accuracy: Accuracy = None,
    schema: SchemaFile = None,
    threads: Threads = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    runtime: Runtime = "torch",
    max_body: Annotated[
        int, typer.Option(metavar="BYTES", rich_help_panel=_LIMITS, help="Of a request's body.")
    ] = _DEFAULT.max_body_bytes,
    max_texts: Annotated[int, _limit("Texts in a request.")] = _DEFAULT.max_texts,
    max_chars: Annotated[int, _limit("Characters of a request's texts.")] = _DEFAULT.max_chars,
    max_words: Annotated[int, _limit("Words of a request's texts.")] = _DEFAULT.max_words,
    max_connections: Annotated[int, _limit("Connections open at once.")] = _DEFAULT.max_connections,
    waiting_words: Annotated[
        int,
        typer.Option(
            rich_help_panel=_WAITING, help="Words of all waiting requests; beyond: status 429."
        ),
    ] = _DEFAULT.waiting_words,
    batch_words: Annotated[
        int, typer.Option(rich_help_panel=_WAITING, help="Words the model is given at once.")
    ] = _DEFAULT.batch_words,
    batch_wait: Annotated[
        float, _seconds("How long a request waits for others to be read with it.")
    ] = _DEFAULT.batch_wait,
    time_limit: Annotated[float, _seconds("For an answer; then status 503.")] = _DEFAULT.time_limit,
    body_timeout: Annotated[
        float, _seconds("For a request's head, and for its body, to arrive; then status 408.")
    ] = _DEFAULT.body_timeout,
    drain_limit: Annotated[
        float, _seconds("For running requests, once the server is told to stop.")
    ] = _DEFAULT.drain_limit,
    drain_notice: Annotated[
        float, _seconds("How long /health says draining at least, before the port is closed.")
    ] = _DEFAULT.drain_notice,
) -> None:
    """Serve a model over HTTP, with a page to try it at /.

    Only this machine can reach the server, unless --host says otherwise. It stops on Ctrl-C or SIGTERM,
    after the last answer.
    """
    _check_installed()
    settings = ServerSettings(
        max_body_bytes=max_body,
        max_texts=max_texts,
        max_chars=max_chars,
        max_words=max_words,
        max_connections=max_connections,
        waiting_words=waiting_words,
        batch_words=batch_words,
        batch_wait=batch_wait,
        time_limit=time_limit,
        head_timeout=body_timeout,
        body_timeout=body_timeout,
        drain_limit=drain_limit,
        drain_notice=drain_notice,
        api_key=read_api_key(api_key_file),
    )
    options = ModelOptions(
        model,
        accuracy=accuracy,
        schema=schema,
        threads=threads,
        device=device,
        dtype=dtype,
        runtime=runtime,
    )
    from extract.interfaces.server.app import Service
    from extract.interfaces.server.run import address_of, is_local, open_port, serve

    with open_port(host, port) as taken:  # before the model is loaded, so that a slip shows at once
        return_large_blocks()
        extractor = load_extractor(options)
        if not is_local(taken) and settings.api_key is None:
            _say("note: other machines can reach the server, and it asks for no API key")
        line = f"{extractor.full_name} on {address_of(taken)} (Ctrl-C stops it)"
        service = Service(extractor, settings)
        n_given_up = serve(service, taken, lambda: _say(line))
    code = INTERRUPTED if n_given_up else OK
    _say(
        f"stopped; requests given up: {n_given_up}"
        if n_given_up
        else "stopped after the last answer"
    )
    if service.batcher.alive:
        # It reads on for nobody, and an interpreter that ends around native code may be aborted by it.
        os._exit(code)
    raise typer.Exit(code)


def _check_installed() -> None:
    for name in _NEEDED:
        if find_spec(name) is None:
            raise ModelError(
                f"The server needs the package {name}. Install it by: pip install 'tripack[server]'."
            )


def _say(line: str) -> None:
    print(f"tripack: {line}", file=sys.stderr, flush=True)
