"""What a client is told when its request is not answered.

In the form of RFC 9457, problem details (Nottingham, Wilde and Dalal, 2023).
"""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.responses import Response


class Problem(Exception):
    """A request that ends with a status of 4xx or 5xx, and one line that says why.

    `headers` go with the answer. `close` ends the connection after it.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {}) | ({"connection": "close"} if close else {})

    def response(self) -> Response:
        """The problem as an answer."""
        return Response(self.body(), self.status, self.headers, "application/problem+json")

    def body(self) -> bytes:
        """The answer's JSON."""
        title = HTTPStatus(self.status).phrase
        told = {"title": title, "status": self.status, "detail": self.detail}
        return json.dumps(told, ensure_ascii=True).encode("ascii")


def busy(status: int, detail: str, seconds: int) -> Problem:
    """A problem that passes: the client is told to come back in so many seconds."""
    return Problem(status, detail, headers={"retry-after": str(seconds)})
