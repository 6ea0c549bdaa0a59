"""What a graph is made from, in one SQLite file: the facts of each document, and what users decided.

Each change is one transaction, so a run that is killed leaves whole documents. Everything else in a
graph's folder can be made again from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from extract.kg.codec import from_json, to_json
from extract.kg.identifiers import identifier
from extract.kg.structures import DocumentFacts, Merge

_TABLES = """
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, origin TEXT, facts TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS verdicts (
    number INTEGER PRIMARY KEY, one TEXT NOT NULL, other TEXT NOT NULL, verdict TEXT NOT NULL,
    because TEXT NOT NULL, UNIQUE (one, other)
);
"""


class Upsert(Enum):
    """What became of a document that was handed in."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


class FactBase:
    """The facts of documents by id, users' verdicts by pair of entities, and notes by name.

    An `origin` says what a document's facts were extracted from and by what, so that the same text need
    not be extracted again. Raises `sqlite3.Error` where the file cannot be read or written.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        mode = "rwc" if write else "ro"
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        self._base = sqlite3.connect(uri, uri=True, isolation_level=None)
        if write:
            # A commit waits for no disk: after a loss of power some last documents may be missing,
            # which the next run adds again; after a killed run none are.
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._base.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def upsert(self, documents: Iterable[tuple[DocumentFacts, str | None]]) -> list[Upsert]:
        """Add or replace documents with their origins, in one transaction for all of them."""
        done = []
        with self._transaction():
            for facts, origin in documents:
                row = self._row("SELECT digest FROM documents WHERE id = ?", facts.document)
                known = None if row is None else row[0]
                if known == facts.digest:
                    done.append(Upsert.UNCHANGED)
                    if origin is not None:
                        self._base.execute(
                            "UPDATE documents SET origin = ? WHERE id = ?", (origin, facts.document)
                        )
                    continue
                done.append(Upsert.ADDED if known is None else Upsert.REPLACED)
                self._base.execute(
                    "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
                    (facts.document, facts.digest, origin, to_json(facts)),
                )
        return done

    def origin(self, document: str) -> str | None:
        """What the facts of the document were extracted from; None if that or it is unknown."""
        row = self._row("SELECT origin FROM documents WHERE id = ?", document)
        return None if row is None else row[0]

    def documents(self) -> Iterator[DocumentFacts]:
        """All facts, ordered by document."""
        for (line,) in self._base.execute("SELECT facts FROM documents ORDER BY id"):
            yield from_json(line)

    def decide(self, verdict: Merge) -> None:
        """Keep a user's verdict as the last one; an earlier one on the same two entities goes."""
        one, other = sorted((verdict.left, verdict.right))
        self._base.execute(
            "INSERT OR REPLACE INTO verdicts VALUES (NULL, ?, ?, ?, ?)",
            (one, other, verdict.verdict, verdict.because),
        )

    def verdicts(self) -> tuple[Merge, ...]:
        """All verdicts of users, in the order in which they were given."""
        rows = self._base.execute(
            "SELECT one, other, verdict, because FROM verdicts ORDER BY number"
        )
        return tuple(
            Merge(one, other, verdict, "user", because, 1.0)
            for one, other, verdict, because in rows
        )

    def note(self, name: str) -> Any:
        """The note of that name, a plain value; None if there is none."""
        row = self._row("SELECT value FROM notes WHERE name = ?", name)
        return None if row is None else json.loads(row[0])

    def write_notes(self, **notes: Any) -> None:
        """Write notes by name, all or none of them."""
        with self._transaction():
            self._base.executemany(
                "INSERT OR REPLACE INTO notes VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in notes.items()],
            )

    def digest(self) -> str:
        """A hash of all documents and verdicts: what the graph follows from."""
        rows = self._base.execute("SELECT id, digest FROM documents ORDER BY id")
        verdicts = [(v.left, v.right, v.verdict) for v in self.verdicts()]
        return identifier(list(rows), verdicts)

    def _row(self, statement: str, *values: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._base.execute(statement, values).fetchone()
        return row

    def _transaction(self) -> _Transaction:
        return _Transaction(self._base)


class _Transaction:
    """Commits at the end of its block, rolls back on an error."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._base.execute("COMMIT" if error is None else "ROLLBACK")
