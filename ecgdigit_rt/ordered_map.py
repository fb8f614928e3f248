"""Parallel map over threads that yields the results in input order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(call: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield `call(item)` for each item in input order, computed by `threads` threads.

    At most `threads + 1` items are submitted whose results are not yielded yet. An exception of `call` is
    raised in place of its result.
    """
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(pool.submit(call, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
