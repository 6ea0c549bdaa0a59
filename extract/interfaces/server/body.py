"""The body of a request, within limits of size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from extract.interfaces.server.problems import Problem


async def read_json_body(request: Request, max_bytes: int, timeout: float) -> bytes:
    """The whole body, which says that it is JSON.

    Raises `Problem`: 415 for another type, 413 once more than `max_bytes` are announced or have come, 408
    if it has not come whole in `timeout` seconds. Nothing beyond the limit is kept.
    """
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, f"Got content-type {kind[:80]!r}, expected application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(415, "Got a body with a content-encoding, expected one as it is.")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise _too_large(announced[:20], max_bytes)
    parts, size = [], 0
    try:
        async with asyncio.timeout(timeout):
            async for part in request.stream():
                size += len(part)
                if size > max_bytes:
                    raise _too_large(f"more than {max_bytes}", max_bytes)
                parts.append(part)
    except TimeoutError:
        told = f"Got {size} bytes of the body in {timeout:g} s, expected all of it."
        raise Problem(408, told, close=True) from None
    return b"".join(parts)


def _too_large(got: str, most: int) -> Problem:
    return Problem(413, f"Got a body of {got} bytes, expected at most {most}.")


async def gone(request: Request) -> None:
    """Return once the client has gone; the body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
