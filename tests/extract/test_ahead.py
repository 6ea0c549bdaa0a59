"""Work done ahead by a thread: order, errors in their places, early stops, slow sources."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.ahead import ahead


def squares(chunk: Sequence[int], stop: Event) -> list[int]:
    assert chunk, "expected no work on nothing"
    return [n * n for n in chunk]


def then_fail(n: int) -> Iterator[int]:
    yield from range(n)
    raise ValueError("the source broke")


@given(st.integers(0, 40), st.integers(1, 9))
def test_results_come_in_order_with_their_items(n: int, size: int) -> None:
    assert list(ahead(range(n), squares, size)) == [(i, i * i) for i in range(n)]


@given(st.lists(st.integers(1, 6), max_size=40), st.integers(1, 9))
def test_chunks_hold_no_more_weight_than_asked_for_but_their_last_item(
    weights: list[int], size: int
) -> None:
    chunks: list[Sequence[int]] = []

    def work(chunk: Sequence[int], stop: Event) -> list[int]:
        chunks.append(chunk)
        return list(chunk)

    assert list(ahead(weights, work, size, lambda w: w)) == [(w, w) for w in weights]
    assert all(sum(chunk[:-1]) < size for chunk in chunks)
    assert all(sum(chunk) >= size for chunk in chunks[:-1])


@given(st.integers(0, 20), st.integers(1, 6))
def test_error_of_the_source_comes_after_what_it_gave(n: int, size: int) -> None:
    taken = []
    with pytest.raises(ValueError, match="the source broke"):
        for item, _ in ahead(then_fail(n), squares, size):
            taken.append(item)
    assert taken == list(range(n))


def test_error_of_the_work_comes_in_the_place_of_its_results() -> None:
    def work(chunk: Sequence[int], stop: Event) -> list[int]:
        if 7 in chunk:
            raise ValueError("no sevens")
        return list(chunk)

    taken = []
    with pytest.raises(ValueError, match="no sevens"):
        for item, _ in ahead(itertools.count(), work, 3):
            taken.append(item)
    assert taken == [0, 1, 2, 3, 4, 5]


def test_what_fits_in_a_chunk_starts_no_thread() -> None:
    def where(chunk: Sequence[int], stop: Event) -> list[str]:
        return [threading.current_thread().name] * len(chunk)

    own = threading.current_thread().name
    assert [name for _, name in ahead(range(4), where, 5)] == [own] * 4
    assert own not in [name for _, name in ahead(range(11), where, 5)]


def test_work_goes_on_while_results_are_taken() -> None:
    read, second = Event(), Event()

    def source() -> Iterator[int]:
        yield from range(3)
        yield 3
        read.set()
        yield from (4, 5)

    def work(chunk: Sequence[int], stop: Event) -> list[int]:
        if chunk[0] == 0:
            read.wait(0.5)  # slower than reading is
        elif chunk[0] == 2:
            second.set()
        return list(chunk)

    results = ahead(source(), work, 2)
    assert next(results)[0] == 0
    assert second.wait(30)  # the second chunk is worked on before the first is taken to its end
    assert [item for item, _ in results] == [1, 2, 3, 4, 5]


def test_stopping_early_tells_the_work_and_leaves_no_thread() -> None:
    read, told = Event(), Event()

    def source() -> Iterator[int]:
        yield from range(4)
        read.set()
        yield from itertools.count(4)

    def work(chunk: Sequence[int], stop: Event) -> list[int]:
        if chunk[0] == 0:
            read.wait(0.5)  # slower than reading is
        elif stop.wait(30):
            told.set()
        return list(chunk)

    before = threading.active_count()
    results = ahead(source(), work, 2)
    assert next(results) == (0, 0)
    results.close()
    assert told.is_set()
    assert threading.active_count() == before


def test_slow_source_keeps_no_finished_chunk_back() -> None:
    """Results of the first chunk come though the second never fills."""
    done = Event()

    def source() -> Iterator[int]:
        yield from range(3)
        done.wait(30)
        for n in itertools.count(3):
            threading.Event().wait(0.01)
            yield n

    def work(chunk: Sequence[int], stop: Event) -> list[int]:
        done.set()
        return list(chunk)

    results = ahead(source(), work, 3)
    assert [next(results)[0] for _ in range(8)] == list(range(8))
    results.close()
