"""Batching of waiting calls, smaller batches if memory is insufficient, and errors of the worker."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine import batching
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.batching import BatchingRunner
from ecgdigit_engine.device_cache import DeviceCache
from ecgdigit_engine.errors import OutOfDeviceMemory, WorkerDied
from ecgdigit_engine.runner import Feeds, Fetches, FusedRunner, SharedInput, host_arrays
from ecgdigit_engine.spec import Axis, Port, StageSpec
from ecgdigit_rt.models import load_models


class Device:
    """Simulated runner that returns the mean of each image and records the batch sizes.

    It can be blocked, can raise an error, and can be limited to batches of `capacity` images.
    """

    spec = StageSpec("trace", "1", "fp32", (Port("pixels", "uint8", ("batch", "height", "width", 3)),), ())

    def __init__(self, capacity: int = 99, max_batch: int = 0) -> None:
        if max_batch:
            self.spec = dataclasses.replace(self.spec, axes=(Axis("batch", 1, 2, max_batch),))
        self.batches: list[int] = []
        self.capacity = capacity
        self.unblocked = threading.Event()
        self.unblocked.set()
        self.entered = threading.Semaphore(0)
        self.error: BaseException | None = None

    def run(self, feeds: Feeds, /) -> Fetches:
        self.entered.release()
        assert self.unblocked.wait(10)
        pixels = host_arrays(feeds)["pixels"]
        if self.error is not None:
            raise self.error
        if pixels.shape[0] > self.capacity:
            raise OutOfDeviceMemory("trace", "cuda:0", "too much")
        self.batches.append(pixels.shape[0])
        shared = host_arrays(feeds).get("shared", np.zeros(1))
        return {"mean": pixels.mean((1, 2, 3)) + shared[0]}


def image(value: int, side: int = 8, batch: int = 1) -> dict[str, NDArray[np.uint8]]:
    return {"pixels": np.full((batch, side, side, 3), value, np.uint8)}


def batched_results(device: Device, runner: BatchingRunner, calls: list[dict[str, Any]]) -> list[Fetches]:
    """Return the results of calls that are enqueued while the device is busy with another call."""
    device.unblocked.clear()
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        busy = pool.submit(runner.run, image(0, side=4))
        assert device.entered.acquire(timeout=10)
        results = [pool.submit(runner.run, feeds) for feeds in calls]
        while len(runner._waiting) < len(calls):
            pass
        device.unblocked.set()
        busy.result(10)
        return [result.result(10) for result in results]


def test_waiting_calls_are_batched_and_each_gets_its_own_result() -> None:
    device = Device()
    runner = BatchingRunner(device, max_batch=4)
    results = batched_results(device, runner, [image(value) for value in range(6)])
    assert [float(result["mean"][0]) for result in results] == [0, 1, 2, 3, 4, 5]
    assert device.batches == [1, 4, 2]
    runner.close()


def test_different_shapes_and_large_images_are_not_batched() -> None:
    device = Device()
    runner = BatchingRunner(device, max_batch=4)
    feeds = [image(1), image(2, side=2048), image(3), image(4, side=2048), image(5, batch=3)]
    results = batched_results(device, runner, feeds)
    assert [result["mean"].tolist() for result in results] == [[1], [2], [3], [4], [5, 5, 5]]
    assert device.batches == [1, 2, 1, 1, 3]
    runner.close()


def test_out_of_memory_halves_the_batch_permanently() -> None:
    device = Device(capacity=1)
    runner = BatchingRunner(device, max_batch=4)
    results = batched_results(device, runner, [image(value) for value in range(4)])
    assert [float(result["mean"][0]) for result in results] == [0, 1, 2, 3]
    assert device.batches == [1, 1, 1, 1, 1]
    assert list(runner._memory_limits.values()) == [1]
    device.capacity = 0
    with pytest.raises(OutOfDeviceMemory):
        runner.run(image(1))
    device.capacity = 99
    assert float(runner.run(image(7))["mean"][0]) == 7
    runner.close()


def test_calls_of_one_batch_have_the_same_shared_input() -> None:
    device = Device()
    runner = BatchingRunner(device, max_batch=4)
    first, second = SharedInput(np.array([100.0])), SharedInput(np.array([200.0]))
    feeds = [{**image(k), "shared": value} for k, value in enumerate((first, first, second, first))]
    results = batched_results(device, runner, feeds)
    assert [float(result["mean"][0]) for result in results] == [100, 101, 202, 103]
    assert device.batches == [1, 3, 1]
    runner.close()


def test_a_call_above_the_batch_axis_is_split() -> None:
    device = Device(max_batch=8)
    runner = BatchingRunner(device, max_batch=4)
    assert runner.run(image(3, batch=20))["mean"].tolist() == [3] * 20
    assert device.batches == [8, 8, 4]
    runner.close()


def test_a_batch_does_not_exceed_the_batch_axis() -> None:
    device = Device(max_batch=2)
    runner = BatchingRunner(device, max_batch=4)
    batched_results(device, runner, [image(k) for k in range(5)])
    assert max(device.batches) == 2
    runner.close()


def test_memory_limits_are_stored_by_shape_without_references_to_images() -> None:
    device = Device(capacity=1)
    runner = BatchingRunner(device, max_batch=4)
    pages = [SharedInput(np.array([float(k)])) for k in range(3)]
    results = [runner.run({**image(1, batch=4), "shared": page})["mean"].tolist() for page in pages]
    assert results == [[1.0] * 4, [2.0] * 4, [3.0] * 4]
    assert len(runner._memory_limits) == 1
    references = [weakref.ref(page.array) for page in pages]
    del pages
    runner.run(image(5))
    gc.collect()
    assert [ref() for ref in references] == [None] * 3
    runner.close()


def test_unused_and_then_least_recently_used_values_are_evicted() -> None:
    cache = DeviceCache[str](size_of=lambda _: 10, max_bytes=30)
    values = [SharedInput(np.zeros(1)) for _ in range(3)]
    for k, value in enumerate(values):
        assert cache.get(value) is None
        assert cache.evict(10) == []
        cache.put(value, str(k))
    assert cache.get(values[0]) == "0"
    assert cache.evict(10) == ["1"]
    del value
    values.pop()
    gc.collect()
    assert cache.evict(20) == ["2"], "its input exists no more"
    assert cache.evict(100) == ["0"]


def test_memory_of_inputs_that_exist_no_more_is_taken_if_it_fits() -> None:
    cache = DeviceCache[int](size_of=lambda size: size)
    kept = SharedInput(np.zeros(1))
    cache.put(kept, 50)
    for size in (100, 60, 400):
        cache.put(SharedInput(np.zeros(1)), size)
    gc.collect()
    assert cache.take_unused(500) is None
    assert cache.take_unused(20) is None, "it would waste memory"
    assert [cache.take_unused(50), cache.take_unused(50), cache.take_unused(50)] == [60, 100, None]
    assert cache.get(kept) == 50


def test_errors_of_joining_calls_are_raised_and_the_worker_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    runner = BatchingRunner(device)
    monkeypatch.setattr(batching, "_concatenate", raise_memory_error)
    with pytest.raises(MemoryError):
        runner.run(image(1))
    monkeypatch.undo()
    assert float(runner.run(image(3))["mean"][0]) == 3
    runner.close()


def raise_memory_error(values: object) -> None:
    raise MemoryError


def test_close_closes_the_runner_in_the_thread_that_used_it() -> None:
    threads: list[int] = []

    class Closing(Device):
        def run(self, feeds: Feeds, /) -> Fetches:
            threads.append(threading.get_ident())
            return super().run(feeds)

        def close(self) -> None:
            threads.append(threading.get_ident())

    runner = BatchingRunner(FusedRunner(Closing(), Closing()))  # type: ignore[arg-type]
    runner.close()
    assert len(threads) == 2
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_an_error_is_raised_by_its_call_and_the_worker_continues() -> None:
    device = Device()
    runner = BatchingRunner(device)
    device.error = ValueError("bad strip")
    with pytest.raises(ValueError, match="bad strip"):
        runner.run(image(1))
    device.error = None
    assert float(runner.run(image(3))["mean"][0]) == 3
    runner.close()
    with pytest.raises(WorkerDied, match="closed"):
        runner.run(image(1))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_end_of_the_worker_is_raised_by_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    runner = BatchingRunner(device)

    def fail(batch: object) -> None:
        raise SystemError("the driver is gone")

    monkeypatch.setattr(runner, "_run_in_chunks", lambda *_: fail(_))
    with pytest.raises(SystemError):
        runner.run(image(1))
    monkeypatch.setattr(runner, "_run_batch", fail)
    with pytest.raises(WorkerDied, match="driver is gone"):
        runner.run(image(1))
    with pytest.raises(WorkerDied, match="driver is gone"):
        runner.run(image(1))


def test_a_network_gives_the_same_result_in_a_batch() -> None:
    plain = OnnxRuntimeRunner(load_models().graphs["trace"], 1)
    runner = BatchingRunner(plain)
    rng = np.random.default_rng(0)
    feeds = [{"pixels": rng.integers(0, 256, (1, 320, 64, 3), dtype=np.uint8)} for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        results = list(pool.map(runner.run, feeds))
    for outputs, inputs in zip(results, feeds, strict=True):
        for name, expected in plain.run(inputs).items():
            assert np.abs(outputs[name] - expected).max() < 1e-3
    runner.close()
