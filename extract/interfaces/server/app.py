"""The application: its routes, and what each of them answers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from extract import __version__
from extract.interfaces.server import page, reference
from extract.interfaces.server.batching import Batcher
from extract.interfaces.server.body import gone, read_json_body
from extract.interfaces.server.metrics import CONTENT_TYPE, Metrics
from extract.interfaces.server.observed import Observed
from extract.interfaces.server.problems import Problem, busy
from extract.interfaces.server.settings import ServerSettings
from extract.interfaces.server.wire import (
    DocumentAnswer,
    DocumentsAnswer,
    HealthAnswer,
    ProblemAnswer,
    read_request,
    request_schema,
)
from extract.pipeline import Extractor

_PATHS = ("/", "/assets/tripack.js", "/assets/tripack.css", "/docs", "/openapi.json")
_API_PATHS = ("/extract", "/health", "/schema", "/metrics")
_CLIENT_GONE = 499  # as nginx counts them; nobody reads the answer


@dataclass(eq=False, slots=True)
class Service:
    """A model being served: the application to run, and what tells it to stop."""

    extractor: Extractor
    settings: ServerSettings
    metrics: Metrics = field(default_factory=Metrics)
    draining: bool = False
    batcher: Batcher = field(init=False)
    app: Observed = field(init=False)

    def __post_init__(self) -> None:
        self.batcher = Batcher(self.extractor, self.settings, self.metrics)
        self.app = Observed(_make_app(self), self.metrics, (*_PATHS, *_API_PATHS))

    @property
    def idle(self) -> bool:
        """Whether every request has been answered."""
        return self.app.n_active == 0


def _make_app(service: Service) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.batcher.start()
        yield
        await service.batcher.stop()

    app = FastAPI(
        title="tripack",
        version=__version__,
        description=f"Entities, relations and qualifiers in texts, by model {service.extractor.full_name}.",
        docs_url=None,  # FastAPI's page loads its scripts from another host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_fault)
    app.add_exception_handler(ClientDisconnect, _answer_gone)
    _add_api(app, service)
    _add_pages(app, service)
    return app


def _add_api(app: FastAPI, service: Service) -> None:
    needs_key = [Depends(_KeyCheck(service.settings.api_key))]

    @app.post(
        "/extract",
        dependencies=needs_key,
        summary="Entities and triples of one text, or of several",
        response_model=DocumentAnswer | DocumentsAnswer,
        responses=_problems(400, 401, 408, 413, 415, 422, 429, 500, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": request_schema()}},
            }
        },
    )
    async def extract(request: Request) -> Response:
        return await _extract(service, request)

    @app.get(
        "/health",
        summary="Whether the server takes requests: 200 ready, 503 draining or failed",
        responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}},
    )
    async def health() -> Response:
        return _health(service)

    @app.get(
        "/schema",
        dependencies=needs_key,
        summary="What the model can extract: entity types, relations, qualifiers",
        responses=_problems(401),
    )
    async def schema() -> Response:
        return JSONResponse(service.extractor.schema.to_dict())

    @app.get(
        "/metrics",
        dependencies=needs_key,
        summary="Counters and timings for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **_problems(401)},
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE})


def _add_pages(app: FastAPI, service: Service) -> None:
    first = HTMLResponse(page.html(service.extractor.full_name, service.settings))
    kept = {"cache-control": "max-age=31536000, immutable"}  # addresses change with the content
    script = Response(page.script(), media_type="text/javascript", headers=kept)
    style = Response(page.style(), media_type="text/css", headers=kept)

    @app.get("/", include_in_schema=False)
    async def start() -> Response:
        return first

    @app.get("/assets/tripack.js", include_in_schema=False)
    async def scripts() -> Response:
        return script

    @app.get("/assets/tripack.css", include_in_schema=False)
    async def styles() -> Response:
        return style

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(reference.html(app.openapi()))


class _KeyCheck:
    """A dependency that refuses requests without the server's key. It runs before a body is read."""

    def __init__(self, key: str | None) -> None:
        self._wanted = None if key is None else _digest(key)

    async def __call__(self, request: Request) -> None:
        if self._wanted is None:
            return
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = (
            bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        )
        # Digests have one length, so that the time of the comparison tells nothing about the key.
        if not hmac.compare_digest(_digest(given), self._wanted):
            raise Problem(
                401,
                "Expected the server's API key, as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
                headers={"www-authenticate": "Bearer"},
            )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


async def _extract(service: Service, request: Request) -> Response:
    settings = service.settings
    if service.draining:
        raise busy(503, "The server is stopping.", 5)
    body = await read_json_body(request, settings.max_body_bytes, settings.body_timeout)
    wanted = read_request(body)
    texts = wanted.named()
    _check_size(texts, settings)
    lines = await _unless_gone(request, service.batcher.extract(texts, wanted.threshold))
    if lines is None:
        return Response(status_code=_CLIENT_GONE)
    answer = lines[0] if wanted.texts is None else b'{"documents": [' + b", ".join(lines) + b"]}"
    return Response(answer, media_type="application/json")


def _check_size(texts: list[tuple[str, str]], settings: ServerSettings) -> None:
    if len(texts) > settings.max_texts:
        raise Problem(413, f"Got {len(texts)} texts, expected at most {settings.max_texts}.")
    n_chars = sum(len(text) for _, text in texts)
    if n_chars > settings.max_chars:
        raise Problem(413, f"Got {n_chars} characters, expected at most {settings.max_chars}.")


async def _unless_gone(request: Request, work: Any) -> list[bytes] | None:
    """The result of `work`, which is given up if the client goes; then None."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()


def _health(service: Service) -> Response:
    requests, words = service.batcher.waiting
    status = "draining" if service.draining else "ready" if service.batcher.alive else "failed"
    answer = HealthAnswer(
        status=status,
        model=service.extractor.full_name,
        waiting_requests=requests,
        waiting_words=words,
        words_per_second=round(service.batcher.rate, 1),
    )
    return JSONResponse(answer.model_dump(), 200 if status == "ready" else 503)


async def _answer_problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem.response()


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = {
        404: "There is no such page. The server has: "
        + ", ".join((*_API_PATHS, "/docs", "/"))
        + ".",
        405: "The page does not know this method. See /docs.",
    }.get(error.status_code, str(error.detail))
    return Problem(error.status_code, told, headers=dict(error.headers or {})).response()


async def _answer_gone(_: Request, error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _answer_fault(_: Request, error: Exception) -> Response:
    return Problem(500, "A fault of the server, which has logged it.").response()


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems as the OpenAPI page lists them."""
    return {
        status: {"model": ProblemAnswer, "description": HTTPStatus(status).phrase}
        for status in statuses
    }
