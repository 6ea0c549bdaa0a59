"""Runs a service: an address is taken, requests are answered, a signal lets those that run end."""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from extract.errors import InputError
from extract.interfaces.server.app import Service
from extract.interfaces.server.observed import MAX_HEAD
from extract.interfaces.server.protocol import protocol_for
from extract.interfaces.server.settings import KEEP_ALIVE

_LAST_ANSWERS = 5  # seconds for connections to take them


def open_port(host: str, port: int) -> socket.socket:
    """Take an address; connections are accepted once the socket is served. Port 0 is any free one.

    Raises `InputError` if the address is unknown, in use or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InputError(f"Cannot use the address {host!r}: {_reason(error)}.") from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        taken.close()
        raise _cannot_listen(host, port, error) from error
    return taken


def _cannot_listen(host: str, port: int, error: OSError) -> InputError:
    return InputError(
        f"Cannot listen on {host} port {port}: {_reason(error)}. Choose another --port."
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def address_of(taken: socket.socket) -> str:
    """The address for browsers and other clients."""
    host, port = taken.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_local(taken: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(taken.getsockname()[0]).is_loopback


class DrainingServer(uvicorn.Server):
    """On the first signal it refuses new texts and ends with the last answer, on the second it gives up those
    that run, and on the third it does not even tell their clients."""

    def __init__(self, service: Service, ready: Callable[[], None] | None = None) -> None:
        settings = service.settings
        logging.getLogger("uvicorn.error").setLevel(
            logging.ERROR
        )  # not a line for each bad request
        super().__init__(
            uvicorn.Config(
                service.app,
                http=protocol_for(settings),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=settings.max_connections,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=_LAST_ANSWERS,
                h11_max_incomplete_event_size=MAX_HEAD,
            )
        )
        self._service = service
        self._ready = ready
        self._told = 0.0  # when the first signal came
        self._gives_up = False
        self.n_given_up = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Warm the model up, listen, and say so."""
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; stop at once if that has begun already."""
        if self._service.draining:
            self.force_exit = self._gives_up
            self.should_exit = self._gives_up = True
            return
        self._told = time.monotonic()
        self._service.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: stop once all is answered, or the patience for it has ended."""
        if self._service.draining:
            settings, passed = self._service.settings, time.monotonic() - self._told
            done = self._service.idle and passed >= settings.drain_notice
            if done or passed >= settings.drain_notice + settings.drain_limit:
                self.should_exit = True
        if self.should_exit:
            self.n_given_up = self._service.app.n_active
            if self._gives_up:
                self._service.batcher.abandon()
        return await super().on_tick(counter)


def serve(service: Service, taken: socket.socket, ready: Callable[[], None]) -> int:
    """Answer requests until a signal comes and those that run have been answered.

    `ready` is called once clients can connect.
    Raises `InputError` if another process listens there by now.
    Gives the number of requests that were not, because of the drain limit or a second signal.
    """
    server = DrainingServer(service, ready)
    try:
        server.run(sockets=[taken])
    except OSError as error:  # another process took the address and has listened meanwhile
        host, port = taken.getsockname()[:2]
        raise _cannot_listen(host, port, error) from error
    return server.n_given_up
