"""Number of worker processes of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from ecgdigit_rt import worker_processes
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.worker_processes import worker_count

GIGABYTE = 1_000_000_000


def digitizer(threads: int, *, is_accelerated: bool = False) -> Digitizer:
    """Return the properties of a digitizer that determine the number of workers."""
    stub = SimpleNamespace(
        threads=threads,
        is_accelerated=is_accelerated,
        network_threads=lambda pages: 1 if pages >= 3 * threads else threads,
    )
    return cast("Digitizer", stub)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "available_memory", lambda: 100 * GIGABYTE)


def test_long_runs_use_one_process_per_thread() -> None:
    assert worker_count(None, digitizer(4), 1000, isolate=False) == 4


@pytest.mark.parametrize(("threads", "pages"), [(4, 5), (4, 20), (1, 1000), (2, 1000)])
def test_short_runs_and_few_threads_use_this_process(threads: int, pages: int) -> None:
    assert worker_count(None, digitizer(threads), pages, isolate=False) == 0


def test_a_gpu_is_fed_by_this_process() -> None:
    assert worker_count(None, digitizer(8, is_accelerated=True), 1000, isolate=False) == 0
    assert worker_count(3, digitizer(8, is_accelerated=True), 1000, isolate=False) == 3


def test_memory_limits_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "available_memory", lambda: 2 * GIGABYTE)
    assert worker_count(None, digitizer(8), 1000, isolate=False) == 3
    assert worker_count(6, digitizer(8), 1000, isolate=False) == 6
    monkeypatch.setattr(worker_processes, "available_memory", lambda: 0)
    assert worker_count(None, digitizer(8), 1000, isolate=False) == 0
    assert worker_count(None, digitizer(8), 1000, isolate=True) == 1
    monkeypatch.setattr(worker_processes, "available_memory", lambda: None)
    assert worker_count(None, digitizer(8), 1000, isolate=False) == 8


def test_isolated_runs_have_at_least_one_process() -> None:
    assert worker_count(None, digitizer(4), 2, isolate=True) == 1
    assert worker_count(1, digitizer(4), 100, isolate=True) == 1
    assert worker_count(1, digitizer(4), 100, isolate=False) == 0


def test_there_are_not_more_processes_than_pages() -> None:
    assert worker_count(8, digitizer(4), 3, isolate=False) == 3
