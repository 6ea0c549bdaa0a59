"""How inputs are read, and what was counted while reading them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from extract.errors import InputError, one_of

log = logging.getLogger(__name__)

_ERRORS = ["strict", "replace"]
_MAX_LOGGED = 5  # skipped records named one by one; the rest are only counted


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What the reader of an input needs to know.

    text_field, id_field: names in JSON Lines objects, CSV and Parquet columns.
    lines: each line of a text input is a document.
    encoding, errors: how bytes become text; `errors` is "strict" or "replace" (U+FFFD).
    skip_bad: leave out and count records and files that cannot be read, instead of stopping.
    input_format: a name in `readers.READERS`; None goes by the suffix of each file.
    Raises `InputError` for an unknown encoding or error handling.
    """

    text_field: str = "text"
    id_field: str = "id"
    lines: bool = False
    encoding: str = "utf-8"
    errors: str = "strict"
    skip_bad: bool = False
    input_format: str | None = None

    def __post_init__(self) -> None:
        try:
            "".encode(self.encoding)
        except (LookupError, ValueError) as error:
            raise InputError(
                f"Unknown text encoding {self.encoding!r}. Expected a name that Python knows, "
                "such as utf-8, utf-16, latin-1 or cp1252."
            ) from error
        if self.errors not in _ERRORS:
            raise InputError(one_of("handling of invalid bytes", self.errors, _ERRORS))


@dataclass(slots=True)
class Tally:
    """What has been read so far. `n_bytes` is the input read, for showing progress."""

    n_documents: int = 0
    n_bytes: int = 0
    n_bad: int = 0

    def bad(self, error: InputError, settings: ReadSettings) -> None:
        """Count a record that cannot be used. Raises `error` unless bad records are skipped."""
        if not settings.skip_bad:
            raise error
        self.n_bad += 1
        if self.n_bad <= _MAX_LOGGED:
            log.warning("skipped: %s", error)
        elif self.n_bad == _MAX_LOGGED + 1:
            log.warning("more bad records are counted without being named")
