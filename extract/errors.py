"""The exceptions tripack raises on purpose, one tree under `TripackError`.

A message says what was got, what was expected, and what to do about it.
"""

from __future__ import annotations

_LONGEST, _START, _END = 2000, 1400, 500  # characters of a message; what is kept of a longer one


class TripackError(Exception):
    """Base of every error that tripack raises on purpose.

    Its text is one line of bearable length, whatever it quotes of a file or of a library's error: line
    ends become spaces, and of a long text the middle is left out.
    """

    def __str__(self) -> str:
        line = " ".join(part for part in super().__str__().splitlines() if part.strip())
        return line if len(line) <= _LONGEST else f"{line[:_START]} [...] {line[-_END:]}"


class InputError(TripackError):
    """A text, file or record handed in cannot be used."""


class OutputError(TripackError):
    """A result cannot be written where it was asked for."""


class SchemaError(TripackError):
    """A schema is malformed, or data does not fit it."""


class CorpusError(TripackError):
    """A corpus file is missing or malformed."""


class ModelError(TripackError):
    """A model or encoder is missing, damaged, or not what it says."""


class StoreError(TripackError):
    """A graph's folder is missing, in use, damaged, or not what it says."""


class WorkerError(TripackError):
    """Processes that do the work cannot be started or kept alive."""


class IncompleteError(TripackError):
    """A part of the work failed; the rest is done and kept."""


class RecipeError(TripackError):
    """A training recipe is missing, malformed or contradictory."""


def one_of(kind: str, got: str, known: list[str]) -> str:
    """A message for an unknown name that lists the known ones."""
    return f"Unknown {kind} {got!r}. Expected one of: {', '.join(sorted(known))}."
