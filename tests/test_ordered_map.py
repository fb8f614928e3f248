"""Parallel map: results are in input order, and a slow item does not stop the other threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ecgdigit_rt.ordered_map import ordered_map


def test_results_are_in_input_order() -> None:
    assert list(ordered_map(lambda value: value * value, range(40), 3)) == [k * k for k in range(40)]
    assert list(ordered_map(str, [], 3)) == []


def test_other_items_continue_while_the_first_one_is_slow() -> None:
    release, others = threading.Event(), threading.Barrier(2, timeout=10)
    done: list[int] = []

    def call(item: int) -> int:
        if item == 0:
            others.wait()  # continues when item 4 is reached
            release.wait(10)
        else:
            done.append(item)
            if item == 4:
                others.wait()
                release.set()
        return item

    assert list(ordered_map(call, range(10), 2)) == list(range(10))
    assert {1, 2, 3, 4} <= set(done)


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = ordered_map(lambda item: item, items(), 2)
    assert next(results) == 0
    assert len(taken) <= 9


def test_an_exception_is_raised_in_place_of_its_result() -> None:
    def call(item: int) -> int:
        if item == 3:
            raise ValueError("item 3")
        return item

    results = ordered_map(call, range(6), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(results)
