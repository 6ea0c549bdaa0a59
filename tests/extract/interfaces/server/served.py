"""A real server on a free port, in a thread of the test's process, and clients of it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from extract.interfaces.server.app import Service
from extract.interfaces.server.run import DrainingServer, open_port
from extract.interfaces.server.settings import ServerSettings
from extract.pipeline import Extractor
from extract.structures import Document

FACT = "Leonard Parker received his PhD from Harvard University in 1967."
PATIENCE = 60.0  # seconds, of a test that would otherwise hang
JSON = {"content-type": "application/json"}


class Answer:
    """A status, headers by lower-case name, and a body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """The server's address, and the service behind it."""

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.port = port

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """The answer to one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def extract(self, request: Any, **headers: str) -> Answer:
        """The answer to a request that is written as JSON."""
        return self.ask("POST", "/extract", json.dumps(request).encode(), JSON | headers)

    def health(self) -> Any:
        return self.ask("GET", "/health").json

    def raw(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """All that the server sends until it ends the connection, to bytes sent with pauses."""
        with self.connect() as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has heard enough
            return received(connection)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@contextmanager
def serving(extractor: Extractor, settings: ServerSettings | None = None) -> Iterator[Served]:
    """A server, told to stop at the end; fails if it does not."""
    service = Service(extractor, settings or ServerSettings())
    with open_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        server = DrainingServer(service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        try:
            yield Served(service, port)
        finally:
            server.handle_exit(signal.SIGTERM, None)
            thread.join(PATIENCE)
            assert not thread.is_alive()


def until(holds: Any) -> None:
    """Wait until a condition holds. Fails if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Gated(Extractor):
    """A real extractor that waits at a gate, notes what it is asked to read, and stumbles over POISON."""

    POISON = "poison"

    def __init__(self, real: Extractor) -> None:
        super().__init__(real._predictor, real._decoder, name=real.name, version=real.version)
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[list[str]] = []
        self.thresholds: list[float | None] = []

    def extract(self, texts: Any, **options: Any) -> Iterator[Document]:  # type: ignore[override]
        self.thresholds.append(options["threshold"])
        self.asked.append([text for _, text in texts])
        assert self.gate.wait(PATIENCE)
        if any(text == self.POISON for _, text in texts):
            raise RuntimeError("stumbled")
        return super().extract(texts, **options)


class Asking:
    """Requests in threads of their own; `answers` waits for them."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._threads: list[threading.Thread] = []
        self._answers: dict[int, Answer] = {}

    def ask(self, request: Any) -> None:
        """Send a request and go on."""
        number = len(self._threads)

        def run() -> None:
            self._answers[number] = self._served.extract(request)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def answers(self) -> list[Answer]:
        """The answers, in the order of the requests."""
        for thread in self._threads:
            thread.join(PATIENCE)
        return [self._answers[number] for number in range(len(self._threads))]


def waiting(served: Served) -> int:
    """How many requests wait."""
    return int(served.health()["waiting_requests"])


def hold(served: Served, gated: Gated, asking: Asking, text: str = "Held.") -> None:
    """Have the model busy with a text until the gate opens."""
    gated.gate.clear()
    n_asked = len(gated.asked)
    asking.ask({"text": text})
    until(lambda: len(gated.asked) > n_asked)
