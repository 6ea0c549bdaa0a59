"""HTTP/1.1 as uvicorn speaks it, with the patience it lacks: limits on how slow a client may be.

uvicorn ends idle connections between requests. It waits for ever for the first request's head, for the rest
of a body that was answered before it had come, and for a client that does not take its answer.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from extract.interfaces.server.problems import Problem
from extract.interfaces.server.settings import ServerSettings

_LINGER = 2.0  # seconds for the last bytes to a client whose connection is ended


class PatientProtocol(H11Protocol):
    """One connection. Subclasses set `settings`."""

    settings: ServerSettings
    _reading: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Read on; with the end of a head the application's own limits begin."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Start to wait for the rest of the request, if any, and the next head."""
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as other bad requests are answered, and end the connection."""
        body = Problem(400, f"Expected an HTTP/1.1 request. {msg}").body()
        head = h11.Response(
            status_code=400,
            headers=[("content-type", "application/problem+json"), ("connection", "close")],
            reason=b"Bad Request",
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all timers."""
        super().connection_lost(exc)
        for timer in (self._reading, self._writing):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        """Start to wait for the client to take what was sent."""
        super().pause_writing()
        self._writing = self.loop.call_later(self.settings.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken enough of it."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _watch(self) -> None:
        in_work = self.cycle is not None and not self.cycle.response_complete
        if in_work and self._reading is not None:
            self._reading.cancel()
            self._reading = None
        elif not in_work and self._reading is None and not self.transport.is_closing():
            timeout = self.settings.head_timeout
            self._reading = self.loop.call_later(timeout, self._end_reading)

    def _end_reading(self) -> None:
        self._reading = None
        if self.transport.is_closing():
            return
        begun, _ = self.conn.trailing_data
        if self.conn.our_state is h11.IDLE and begun:  # a part of a head
            self.transport.write(_answer(self.settings.head_timeout))
        self.transport.close()
        self.loop.call_later(_LINGER, self.transport.abort)


def _answer(seconds: float) -> bytes:
    body = Problem(408, f"Expected a request's head within {seconds:g} s.").body()
    head = (
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def protocol_for(settings: ServerSettings) -> type[H11Protocol]:
    """The protocol with the limits of `settings`."""
    return type("Protocol", (PatientProtocol,), {"settings": settings})
