"""The limit of BLAS holds while a page is digitized, and ends with the last page."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ecgdigit_rt.library_threads import single_blas_thread, single_library_threads

np.linalg.inv(np.eye(3))  # loads BLAS


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads() -> object:
    """Allow BLAS two threads."""
    with threadpool_limits(2, user_api="blas"):
        yield


def test_overlapping_contexts_of_threads_end_without_a_limit() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with single_blas_thread():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with single_blas_thread():
        thread.start()
        entered.wait(10)
        assert blas_threads() == {1}
    leave.set()
    thread.join()
    assert blas_threads() == {2}


def test_nested_contexts_and_errors_restore_the_threads() -> None:
    with pytest.raises(KeyError), single_library_threads(), single_blas_thread():
        assert blas_threads() == {1}
        raise KeyError
    assert blas_threads() == {2}
