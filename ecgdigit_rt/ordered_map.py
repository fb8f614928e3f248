"""Parallel map over threads that yields the results in input order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MAX_PENDING_PER_THREAD = 4
"""Maximum number of items per thread that are submitted and not yielded. Pages differ in duration by a factor
of about four, so all threads have work while the slowest page is digitized."""


def ordered_map(call: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield `call(item)` for each item in input order, computed by `threads` threads.

    At most `threads + 1` items are in progress or queued. Results that wait for an earlier one are kept, up
    to four items per thread. An exception of `call` is raised in place of its result.
    """
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(pool.submit(call, item))
            yield from _until_submittable(pending, threads)
        while pending:
            yield pending.popleft().result()


def _until_submittable(pending: deque[Future[R]], threads: int) -> Iterator[R]:
    """Yield the first results that are done, until another item may be submitted."""
    while True:
        while pending and pending[0].done():
            yield pending.popleft().result()
        unfinished = [future for future in pending if not future.done()]
        if len(unfinished) <= threads and len(pending) < max(2, _MAX_PENDING_PER_THREAD * threads):
            return
        wait(unfinished, return_when=FIRST_COMPLETED)
