"""A graph written into a running Neo4j database, through its official driver (extra `neo4j`).

Writing merges on identifiers: again, or after a broken connection, it ends in the same database. Nodes and
statements of other graphs, and of an earlier state of this one, stay.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from extract.errors import InputError, OutputError
from extract.kg.export.cypher import BATCH_ROWS, CypherBatch, batches
from extract.kg.export.cypher_names import constraints
from extract.kg.export.whole import whole_characters
from extract.kg.structures import Graph


class Session(Protocol):
    """What is used of the driver's session."""

    def run(self, query: str) -> Any:
        """Run a query in a transaction of its own."""

    def execute_write(self, work: Callable[[Any], Any]) -> Any:
        """Run `work` with a transaction, again if the server asks for that."""


class Driver(Protocol):
    """What is used of the driver."""

    def session(self, **config: Any) -> AbstractContextManager[Any]:
        """Open a session."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were merged: nodes (entities and literals) and statements."""

    n_nodes: int
    n_statements: int


def write_graph(
    driver: Driver, graph: Graph, *, database: str | None = None, batch_rows: int = BATCH_ROWS
) -> Written:
    """Merge the graph into a database, `batch_rows` nodes or statements a transaction.

    `driver` is a `neo4j.Driver`, opened by the caller, who holds its address and secrets. `database` None
    is the user's home database. Raises `OutputError` when the server or the connection fails; what was
    written by then is whole batches, and writing again completes it.
    """
    if batch_rows < 1:
        raise InputError(f"Expected at least 1 row a batch, got {batch_rows}.")
    try:
        with driver.session(database=database) as session:
            return write_session(session, graph, batch_rows=batch_rows)
    except Exception as error:
        if _is_of_driver(error):
            raise OutputError(
                f"Neo4j refused the graph: {' '.join(str(error).split())}. Check the server, the database's "
                "name and the user's rights, then write again: what is there already is not doubled."
            ) from error
        raise


def write_session(session: Session, graph: Graph, *, batch_rows: int = BATCH_ROWS) -> Written:
    """Merge the graph through an open session: constraints first, then the batches in order."""
    for constraint in constraints(graph):
        session.run(constraint).consume()
    n_rows = {"nodes": 0, "statements": 0}
    for batch in batches(whole_characters(graph), batch_rows):
        session.execute_write(_work(batch))
        n_rows[batch.of] += len(batch.rows)
    return Written(n_nodes=n_rows["nodes"], n_statements=n_rows["statements"])


def _work(batch: CypherBatch) -> Callable[[Any], None]:
    def work(transaction: Any) -> None:
        transaction.run(batch.statement, rows=batch.rows).consume()

    return work


def _is_of_driver(error: Exception) -> bool:
    """Whether the driver raised it; the driver may not be installed, then nothing is."""
    if find_spec("neo4j") is None:
        return False
    from neo4j.exceptions import DriverError, Neo4jError

    return isinstance(error, DriverError | Neo4jError)
