"""Thread limits of numerical libraries, which are slower with several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from threadpoolctl import threadpool_limits

_limiting = threading.Lock()
"""Held by the thread that limits BLAS. The limit holds for the whole process, and only the thread that has
set it can remove it."""


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside the context. If another thread has limited it, its limit applies.

    That limit ends with the context of the other thread, even if this context continues.

    The matrices of a page are small, and the threads of BLAS wait actively for each other: with two threads,
    a page takes 1.2 times as long, and two pages in parallel 1.4 times.
    """
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _limiting.release()


@contextmanager
def single_library_threads() -> Iterator[None]:
    """Limit OpenCV and BLAS to one thread inside the context."""
    previous = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with single_blas_thread():
            yield
    finally:
        cv2.setNumThreads(previous)


def limit_library_threads() -> None:
    """Limit OpenCV and BLAS to one thread in the whole process, until it ends."""
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")
