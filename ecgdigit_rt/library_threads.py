"""Numerical libraries use one thread where pages are digitized in parallel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from threadpoolctl import threadpool_limits


def limit_library_threads() -> None:
    """Limit OpenCV and BLAS to one thread in the whole process.

    The threads of BLAS wait actively for each other. With several pages in parallel, they take the cores from
    the other pages: two pages in parallel then take 1.4 times as long.
    """
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")


@contextmanager
def single_library_threads() -> Iterator[None]:
    """Limit OpenCV and BLAS to one thread inside the context."""
    previous = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(previous)
