"""The Neo4j writer, by what it says to a session that records; and to the real driver without a server."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import neo4j
import pytest

from extract.errors import InputError, OutputError
from extract.kg.export.cypher import batches
from extract.kg.export.neo4j import Written, write_graph
from extract.kg.structures import Graph
from tests.extract.kg.export.hostile import small_graph

GOLDEN = Path(__file__).parent / "golden"


class Result:
    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def consume(self) -> None:
        self.log.append("consumed")


class Recorder:
    """Driver, session and transaction in one: keeps what is run, and can lose its first transactions."""

    def __init__(self, lost: int = 0) -> None:
        self.log: list[Any] = []
        self.lost = lost
        self.database: str | None = None
        self.open = False

    @contextmanager
    def session(self, *, database: str | None) -> Any:
        self.database, self.open = database, True
        yield self
        self.open = False

    def run(self, query: str, **parameters: Any) -> Result:
        assert self.open
        self.log.append((query, parameters))
        return Result(self.log)

    def execute_write(self, work: Callable[[Any], Any]) -> Any:
        self.log.append("begin")
        work(self)
        while self.lost:
            self.lost -= 1
            self.log.append("rolled back")
            work(self)
        self.log.append("committed")

    @property
    def queries(self) -> list[tuple[str, dict[str, Any]]]:
        return [entry for entry in self.log if isinstance(entry, tuple)]


def test_queries_are_the_golden_ones_constraints_first() -> None:
    driver = Recorder()
    assert write_graph(driver, small_graph(), database="kg") == Written(n_nodes=4, n_statements=2)
    assert (driver.database, driver.open) == ("kg", False)
    queries = [query for query, _ in driver.queries]
    constraints = (GOLDEN / "constraints.cypher").read_text(encoding="utf-8")
    assert queries[:4] == [line.removesuffix(";") for line in constraints.splitlines()]
    _, *statements = (GOLDEN / "statements.cypher").read_text(encoding="utf-8").split("\n\n")
    assert queries[4:] == [statement.strip().removesuffix(";") for statement in statements]


def test_each_batch_is_one_transaction_that_is_read_to_its_end() -> None:
    driver = Recorder()
    write_graph(driver, small_graph(), batch_rows=1)
    transactions = driver.log[8:]  # 4 constraints, each run and consumed
    assert len(transactions) == 6 * 4
    for i in range(0, len(transactions), 4):
        begin, query, consumed, committed = transactions[i : i + 4]
        assert (begin, consumed, committed) == ("begin", "consumed", "committed")
        assert list(query[1]) == ["rows"] and len(query[1]["rows"]) == 1


def test_retried_transaction_sends_the_same_rows() -> None:
    driver = Recorder(lost=1)
    write_graph(driver, small_graph())
    first, again = driver.queries[4:6]
    assert first == again and "rolled back" in driver.log


def test_writing_again_says_the_same_and_creates_nothing_unasked() -> None:
    first, second = Recorder(), Recorder()
    graph = small_graph()
    write_graph(first, graph)
    turned = Graph(graph.nodes, dict(reversed(graph.statements.items())))
    write_graph(second, turned)
    assert first.log == second.log
    for query, parameters in first.queries:
        assert ("MERGE" in query) == bool(parameters)
        assert "CREATE" not in query or "IF NOT EXISTS" in query


def test_rows_hold_what_the_driver_can_send() -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                check(item)
        else:
            assert value is None or type(value) in (str, int, float)

    for batch in batches(small_graph()):
        check(batch.rows)
        for row in batch.rows:  # lists in properties hold strings only: Neo4j takes no maps in them
            for value in row["properties"].values():
                assert not isinstance(value, dict)
                assert not isinstance(value, list) or all(type(item) is str for item in value)


def test_halves_of_surrogate_pairs_are_not_sent() -> None:
    graph = small_graph()
    object.__setattr__(graph.nodes["e1"], "label", "x\ud83d")
    driver = Recorder()
    write_graph(driver, graph)
    labels = [row["properties"].get("label") for _, p in driver.queries if p for row in p["rows"]]
    assert "x\ufffd" in labels


def test_real_driver_has_what_is_called() -> None:
    assert {"query", "parameters"} <= inspect.signature(neo4j.Session.run).parameters.keys()
    assert "query" in inspect.signature(neo4j.ManagedTransaction.run).parameters
    assert hasattr(neo4j.Session, "execute_write") and hasattr(neo4j.Result, "consume")


def test_no_server_is_one_error_that_says_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"bolt://127.0.0.1:{free.getsockname()[1]}"  # bound, but nobody listens
        with (
            neo4j.GraphDatabase.driver(address, auth=("neo4j", "x")) as driver,
            pytest.raises(OutputError, match=r"Neo4j refused the graph: [^\n]*write again"),
        ):
            write_graph(driver, small_graph())


def test_batch_of_no_rows_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1 row a batch, got 0"):
        write_graph(Recorder(), small_graph(), batch_rows=0)
