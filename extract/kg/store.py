"""A graph in a folder on disk, which grows by documents and answers SPARQL.

    documents, verdicts ──upsert──► facts.sqlite ──build_graph──► Graph ──graph_quads──► rdf/

`facts.sqlite` is the truth; `rdf/` is an Oxigraph store that follows from it. `derive` compares the two
and writes what differs, so a run that is killed anywhere is finished by the next one, to the same graph.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import ReadWriteLock, Timeout
from pyoxigraph import Quad, RdfFormat, Store

from extract import __version__
from extract.errors import OutputError, StoreError
from extract.kg.builder import build_graph
from extract.kg.counts import GraphCounts
from extract.kg.fact_base import FactBase, Upsert
from extract.kg.graph_settings import GraphSettings
from extract.kg.identifiers import identifier
from extract.kg.rdf import Names, graph_quads, runs_of
from extract.kg.rdf.vocabulary import term
from extract.kg.structures import DocumentFacts, Graph, Merge

_BATCH = 20_000  # quads a transaction, which Oxigraph holds in memory


@dataclass(frozen=True, slots=True)
class Change:
    """What `derive` did to the RDF: statements that came and went, quads written and removed."""

    statements_added: int = 0
    statements_removed: int = 0
    quads_added: int = 0
    quads_removed: int = 0


class GraphStore:
    """A stored graph, to be used in a `with` block; many may read at once, or one may write.

    Args:
        folder: where it is. Writing makes it unless `create` is False.
        write: whether it will be changed.

    Raises `StoreError` if there is no graph, or another process is using it; `OutputError` if the
    folder cannot be written.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        write: bool = False,
        create: bool = True,
    ) -> None:
        self.folder = Path(folder)
        self._write = write
        self._create = create and write
        self._lock: ReadWriteLock | None = None

    def __enter__(self) -> GraphStore:
        with self._failures():
            self._check_folder()
            self._acquire()
            try:
                self._base = FactBase(self._facts, write=self._write)
                self._rdf = self._open_rdf()
                self.settings = self._read_settings()
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__dict__.pop("_rdf", None)  # Oxigraph closes what nobody refers to
        if (base := self.__dict__.pop("_base", None)) is not None:
            base.close()
        if self._lock is not None:
            self._lock.release()
            self._lock.close()
            self._lock = None
        if isinstance(error, sqlite3.Error):  # met while reading, where nothing else tells it
            raise self._told(error) from error

    # What goes in.

    def configure(self, settings: GraphSettings) -> None:
        """Take settings over. The next `derive` makes the RDF follow from them."""
        with self._failures():
            self._base.write_notes(settings=settings.to_dict())
        self.settings = settings

    def add(self, facts: DocumentFacts, origin: str | None = None) -> Upsert:
        """Add a document, or replace what was known of it, in one transaction."""
        return self.add_all([(facts, origin)])[0]

    def add_all(self, documents: Iterable[tuple[DocumentFacts, str | None]]) -> list[Upsert]:
        """Add documents, each with what its facts were extracted from, in one transaction."""
        with self._failures():
            return self._base.upsert(documents)

    def origin(self, document: str) -> str | None:
        """What the facts of a document were extracted from, as said when it was added."""
        return self._base.origin(document)

    def decide(self, verdict: Merge) -> Graph:
        """Keep a user's verdict and return the graph that it makes. Call `derive` to write that.

        Raises `StoreError`, and keeps nothing, if it names no entities or has no effect.
        """
        left, right = sorted((verdict.left, verdict.right))
        verdict = replace(verdict, left=left, right=right)
        graph = self._build(list(self.documents()), (*self.verdicts(), verdict))
        node_of = {member: node.id for node in graph.nodes.values() for member in node.members}
        if missing := [end for end in (left, right) if end not in node_of]:
            raise StoreError(
                f"The graph has no entity {missing[0]!r}. `tripack graph explain` gives identifiers."
            )
        same = verdict.verdict == "same"
        if (node_of[left] == node_of[right]) != same:
            raise StoreError(
                f"{left} and {right} cannot be {'joined' if same else 'told apart'}: other verdicts say "
                "otherwise. See `tripack graph merges --rule user`, and take those back first."
            )
        with self._failures():
            self._base.decide(verdict)
        return graph

    def derive(self, graph: Graph | None = None) -> Change:
        """Make the RDF follow from documents, verdicts and settings; touches only what differs.

        `graph` is what `graph` would give, for callers that have it.
        """
        if self.is_current:
            return Change()
        with self._failures():
            documents = list(self._base.documents())
        made = self._build(documents, self.verdicts()) if graph is None else graph
        style, runs = self.settings.style, runs_of(documents)
        with self._failures():
            wanted = Store()
            for batch in _batches(graph_quads(made, style=style, names=self.names, runs=runs)):
                wanted.extend(batch)
            # Else a run killed from here on would pass for finished once what it added is taken back.
            self._base.write_notes(derived=None)
            change = self._make_equal(wanted)
            self._rdf.flush()
            counts = GraphCounts.of(made, documents)
            self._base.write_notes(derived=self._fingerprint(), counts=counts.to_dict())
        return change

    def _make_equal(self, wanted: Store) -> Change:
        """Add to and remove from the RDF until it is what is wanted."""
        gone = [quad for quad in self._rdf if quad not in wanted]
        new = [quad for quad in wanted if quad not in self._rdf]
        for quad in gone:
            self._rdf.remove(quad)
        for batch in _batches(new):
            self._rdf.extend(batch)
        before, after = _statements(gone), _statements(new)
        return Change(len(after - before), len(before - after), len(new), len(gone))

    # What comes out.

    @property
    def names(self) -> Names:
        """How the graph's IRIs are made."""
        return Names(self.settings.namespace)

    @property
    def rdf(self) -> Store:
        """The RDF, to be queried; see `extract.kg.sparql`."""
        return self._rdf

    @property
    def is_current(self) -> bool:
        """Whether the RDF follows from the documents and verdicts; not after an interrupted run."""
        return bool(self._base.note("derived") == self._fingerprint())

    def counts(self) -> GraphCounts:
        """What the graph holds. Those of before the last run, if that was interrupted."""
        plain = self._base.note("counts")
        return GraphCounts() if plain is None else GraphCounts.from_dict(plain)

    @property
    def n_bytes(self) -> int:
        """The size of the folder's files."""
        return sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file())

    def graph(self) -> Graph:
        """The graph in memory, made from documents and verdicts."""
        return self._build(list(self.documents()), self.verdicts())

    def documents(self) -> Iterator[DocumentFacts]:
        """The facts of each document, ordered by document."""
        return self._base.documents()

    def verdicts(self) -> tuple[Merge, ...]:
        """What users decided, oldest first."""
        return self._base.verdicts()

    def nquads(self) -> bytes:
        """The RDF as N-Quads, lines sorted: equal graphs give equal bytes."""
        lines = self._rdf.dump(format=RdfFormat.N_QUADS) or b""
        return b"".join(sorted(lines.splitlines(keepends=True)))

    def _build(self, documents: list[DocumentFacts], verdicts: tuple[Merge, ...]) -> Graph:
        return build_graph(documents, resolution=self.settings.resolution, verdicts=verdicts)

    # The folder.

    @property
    def _facts(self) -> Path:
        return self.folder / "facts.sqlite"

    def _check_folder(self) -> None:
        if self._facts.is_file():
            return
        if not self._create:
            raise StoreError(
                f"{self.folder} holds no graph. Make one by `tripack graph build`, or name another --store."
            )
        if self.folder.exists() and (not self.folder.is_dir() or _holds_other_files(self.folder)):
            raise StoreError(
                f"{self.folder} exists and holds no graph. Expected a new or empty folder as --store."
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def _acquire(self) -> None:
        lock = ReadWriteLock(self.folder / "lock", timeout=0, is_singleton=False)
        try:
            if self._write:
                lock.acquire_write()
            else:
                lock.acquire_read()
        except Timeout as error:
            lock.close()
            users = "being read or written" if self._write else "being written"
            raise StoreError(
                f"The graph {self.folder} is {users} by another process. Try again when that is done."
            ) from error
        self._lock = lock

    def _open_rdf(self) -> Store:
        path = self.folder / "rdf"
        if self._write:
            return Store(path)
        # A run killed at the very start leaves no RDF yet: then there is nothing to find.
        return Store.read_only(str(path)) if (path / "CURRENT").is_file() else Store()

    def _read_settings(self) -> GraphSettings:
        plain = self._base.note("settings")
        return GraphSettings() if plain is None else GraphSettings.from_dict(plain)

    def _fingerprint(self) -> str:
        """What the RDF follows from, this version's way of making it included."""
        plain: dict[str, Any] = GraphSettings.to_dict(self.settings)
        return identifier(__version__, plain, self._base.digest())

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of the libraries below as errors that say what to do."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error | OSError) -> OutputError | StoreError:
        if isinstance(error, OSError):
            reason = error.strerror or error
            advice = "Check permissions and free space"
            return OutputError(f"Cannot use the graph {self.folder}: {reason}. {advice}.")
        if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error):
            advice = "Check permissions and free space"
            return OutputError(f"Cannot use {self._facts}: {error}. {advice}.")
        advice = "Restore it, or build the graph again elsewhere"
        return StoreError(f"{self._facts} is damaged: {error}. {advice}.")


def _batches(quads: Iterable[Quad]) -> Iterator[list[Quad]]:
    rest = iter(quads)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _holds_other_files(folder: Path) -> bool:
    return any(path.name != "lock" for path in folder.iterdir())


def _statements(quads: Iterable[Quad]) -> set[str]:
    """The IRIs of the statements that the quads introduce."""
    type, statement = term("rdf:type"), term("tp:Statement")
    return {
        str(quad.subject)
        for quad in quads
        if quad.predicate.value == type and getattr(quad.object, "value", "") == statement
    }
