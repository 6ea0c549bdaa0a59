"""Items worked on side by side: order, one thread of PyTorch each, settings left as they were, errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from extract.parallel import side_by_side


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_results_come_in_order_from_threads_that_compute_alone() -> None:
    met = threading.Barrier(3)  # broken unless three items are worked on at once

    def work(item: int) -> tuple[int, int, int]:
        if item < 3:
            met.wait(timeout=30)
        return item * item, torch.get_num_threads(), threading.get_ident()

    found = side_by_side(work, range(20))
    assert [square for square, _, _ in found] == [item * item for item in range(20)]
    assert {n_threads for _, n_threads, _ in found} == {1}
    assert len({thread for *_, thread in found}) == 3


@pytest.mark.usefixtures("three_threads")
def test_number_of_threads_is_left_as_it_was_also_for_new_threads() -> None:
    side_by_side(lambda item: item, range(20))
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *seen] == [3, 3]


@pytest.mark.usefixtures("three_threads")
def test_few_items_are_done_in_the_callers_thread_with_all_threads_of_pytorch() -> None:
    found = side_by_side(lambda item: (threading.get_ident(), torch.get_num_threads()), range(5))
    assert found == [(threading.get_ident(), 3)] * 5


@pytest.mark.usefixtures("three_threads")
def test_error_is_raised_and_further_items_are_not_begun() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            raise ValueError("the batch broke")
        threading.Event().wait(0.01)
        return item

    with pytest.raises(ValueError, match="the batch broke"):
        side_by_side(work, range(500))
    assert len(begun) < 500
