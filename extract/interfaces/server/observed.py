"""Around the whole application: every answer is counted and carries the headers that keep browsers safe."""

from __future__ import annotations

import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extract.interfaces.server.metrics import Metrics
from extract.interfaces.server.problems import Problem

# Scripts, styles and requests of the server's own pages alone; nothing is loaded from elsewhere.
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_RAW = [(name.encode("ascii"), value.encode("ascii")) for name, value in _HEADERS.items()]


MAX_HEAD = 16 << 10  # bytes of a request's line and headers


def _head_size(scope: Scope) -> int:
    fields = sum(len(name) + len(value) for name, value in scope["headers"])
    return fields + len(scope["raw_path"]) + len(scope["query_string"])


class Observed:
    """An application whose answers are counted under one of `paths`, or under "other"."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Iterable[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = frozenset(paths)
        self.n_active = 0  # requests that have not been answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        path = scope["path"] if scope["path"] in self._paths else "other"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                own = [*_RAW, (b"cache-control", b"no-store")]
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in own if pair[0] not in given),
                ]
            await send(message)

        self.n_active += 1
        try:
            if _head_size(scope) > MAX_HEAD:  # h11's own limit is on heads that come in pieces
                app: ASGIApp = Problem(
                    431, f"Expected a head of at most {MAX_HEAD} bytes."
                ).response()
            else:
                app = self._app
            await app(scope, receive, noting)
        finally:
            self.n_active -= 1
            self._metrics.answered(path, status, time.perf_counter() - started)
