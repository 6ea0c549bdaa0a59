"""What a server admits, how long it waits, and how it gathers requests."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from extract.errors import InputError

API_KEY_VARIABLE = "TRIPACK_API_KEY"
KEEP_ALIVE = 5  # seconds that a connection may be idle between two requests
_SHORTEST_KEY = 8


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Limits of a server. Raises `InputError` if one is out of range or they contradict each other.

    max_body_bytes: of a request's body, also of one that comes in chunks.
    max_texts, max_chars, max_words: of all texts of a request together.
    waiting_words: of all requests that wait; one beyond is refused with 429.
    batch_words: most words that the model is given at once; a longer text comes alone.
    batch_wait: seconds that a request waits for others to be read with it.
    time_limit: seconds from a request's last byte to its answer, else 503.
    head_timeout, body_timeout: seconds for a request's head and for its body to arrive, else 408.
    write_timeout: seconds for a client that takes no bytes of its answer, before it is cut off.
    drain_limit: seconds for requests that run when the server is told to stop.
    drain_notice: least seconds between that and the closed port, so that load balancers can read `/health`.
    max_connections: open at once; one beyond is answered with 503.
    api_key: what requests must carry; None: nothing.
    """

    max_body_bytes: int = 2_000_000
    max_texts: int = 256
    max_chars: int = 100_000
    max_words: int = 20_000
    waiting_words: int = 40_000
    batch_words: int = 1_000
    batch_wait: float = 0.005
    time_limit: float = 30.0
    head_timeout: float = 10.0
    body_timeout: float = 10.0
    write_timeout: float = 30.0
    drain_limit: float = 30.0
    drain_notice: float = 0.0
    max_connections: int = 1_000
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        may_be_zero = {"batch_wait", "drain_notice", "drain_limit"}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "api_key":
                continue
            least = 0 if each.name in may_be_zero else 1 if isinstance(value, int) else 0.01
            if not least <= value < math.inf:
                raise InputError(f"Expected {each.name} of at least {least}, got {value}.")
        if self.max_words > self.waiting_words:
            raise InputError(
                f"Got max_words {self.max_words} and waiting_words {self.waiting_words}, expected room for "
                "the longest request to wait. Lower the one or raise the other."
            )


def read_api_key(file: Path | None) -> str | None:
    """The key in a file, else in the environment variable TRIPACK_API_KEY, else None.

    Raises `InputError` if the file cannot be read, and for a key that no client could send or that is short.
    """
    if file is None:
        key, where = os.environ.get(API_KEY_VARIABLE), API_KEY_VARIABLE
        if key is None:
            return None
    else:
        where = str(file)
        try:
            key = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"Cannot read the API key from {file}: {error}.") from error
    key = key.strip()
    if len(key) < _SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            f"The API key in {where} has {len(key)} characters, expected at least {_SHORTEST_KEY}, all of "
            "them printable ASCII without spaces. `openssl rand -hex 32` makes one."
        )
    return key
