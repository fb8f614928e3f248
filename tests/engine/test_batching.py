"""Waiting calls go together, each gets its own, memory halves the batch, and nobody hangs."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.batching import BatchingRunner
from ecgdigit_engine.device_lru import DeviceLru
from ecgdigit_engine.errors import OutOfDeviceMemory, WorkerDied
from ecgdigit_engine.runner import Feeds, Fetches, SharedInput, arrays
from ecgdigit_engine.spec import Axis, Port, StageSpec
from ecgdigit_rt.models import load_models


class Device:
    """Gives the mean of every picture; keeps the batches it was given; can be held, fail or be small."""

    spec = StageSpec("trace", "1", "fp32", (Port("pixels", "uint8", ("batch", "height", "width", 3)),), ())

    def __init__(self, holds: int = 99, most: int = 0) -> None:
        if most:
            self.spec = dataclasses.replace(self.spec, axes=(Axis("batch", 1, 2, most),))
        self.batches: list[int] = []
        self.holds = holds
        self.may_go = threading.Event()
        self.may_go.set()
        self.entered = threading.Semaphore(0)
        self.error: BaseException | None = None

    def run(self, feeds: Feeds, /) -> Fetches:
        self.entered.release()
        assert self.may_go.wait(10)
        pixels = arrays(feeds)["pixels"]
        if self.error is not None:
            raise self.error
        if pixels.shape[0] > self.holds:
            raise OutOfDeviceMemory("trace", "cuda:0", "too much")
        self.batches.append(pixels.shape[0])
        kept = arrays(feeds).get("picture", np.zeros(1))
        return {"mean": pixels.mean((1, 2, 3)) + kept[0]}


def picture(value: int, side: int = 8, batch: int = 1) -> dict[str, NDArray[np.uint8]]:
    return {"pixels": np.full((batch, side, side, 3), value, np.uint8)}


def gathered(device: Device, runner: BatchingRunner, feeds: list[dict[str, Any]]) -> list[Fetches]:
    """Results of calls that all wait while the device is busy with another one."""
    device.may_go.clear()
    with ThreadPoolExecutor(len(feeds) + 1) as pool:
        busy = pool.submit(runner.run, picture(0, side=4))
        assert device.entered.acquire(timeout=10)
        calls = [pool.submit(runner.run, one) for one in feeds]
        while len(runner._waiting) < len(feeds):
            pass
        device.may_go.set()
        busy.result(10)
        return [call.result(10) for call in calls]


def test_what_waits_goes_together_and_each_gets_its_own() -> None:
    device = Device()
    runner = BatchingRunner(device, most=4)
    found = gathered(device, runner, [picture(value) for value in range(6)])
    assert [float(one["mean"][0]) for one in found] == [0, 1, 2, 3, 4, 5]
    assert device.batches == [1, 4, 2]
    runner.close()


def test_shapes_do_not_mix_and_large_pictures_go_alone() -> None:
    device = Device()
    runner = BatchingRunner(device, most=4)
    feeds = [picture(1), picture(2, side=2048), picture(3), picture(4, side=2048), picture(5, batch=3)]
    found = gathered(device, runner, feeds)
    assert [one["mean"].tolist() for one in found] == [[1], [2], [3], [4], [5, 5, 5]]
    assert device.batches == [1, 2, 1, 1, 3]
    runner.close()


def test_short_memory_halves_the_batch_from_then_on() -> None:
    device = Device(holds=1)
    runner = BatchingRunner(device, most=4)
    found = gathered(device, runner, [picture(value) for value in range(4)])
    assert [float(one["mean"][0]) for one in found] == [0, 1, 2, 3]
    assert device.batches == [1, 1, 1, 1, 1]
    tried = device.entered
    assert runner._most == {next(iter(runner._most)): 1}, tried
    device.holds = 0
    with pytest.raises(OutOfDeviceMemory):
        runner.run(picture(1))
    device.holds = 99
    assert float(runner.run(picture(7))["mean"][0]) == 7
    runner.close()


def test_what_is_kept_is_for_all_of_a_batch_and_of_no_other() -> None:
    device = Device()
    runner = BatchingRunner(device, most=4)
    one, other = SharedInput(np.array([100.0])), SharedInput(np.array([200.0]))
    feeds = [{**picture(k), "picture": kept} for k, kept in enumerate((one, one, other, one))]
    found = gathered(device, runner, feeds)
    assert [float(answer["mean"][0]) for answer in found] == [100, 101, 202, 103]
    assert device.batches == [1, 3, 1]
    runner.close()


def test_a_call_larger_than_the_stage_takes_goes_in_parts() -> None:
    device = Device(most=8)
    runner = BatchingRunner(device, most=4)
    assert runner.run(picture(3, batch=20))["mean"].tolist() == [3] * 20
    assert device.batches == [8, 8, 4]
    runner.close()


def test_a_batch_is_no_larger_than_the_engine_takes() -> None:
    device = Device(most=2)
    runner = BatchingRunner(device, most=4)
    gathered(device, runner, [picture(k) for k in range(5)])
    assert max(device.batches) == 2
    runner.close()


def test_short_memory_is_remembered_by_shape_and_no_picture_is_held_on_to() -> None:
    device = Device(holds=1)
    runner = BatchingRunner(device, most=4)
    pages = [SharedInput(np.array([float(k)])) for k in range(3)]
    found = [runner.run({**picture(1, batch=4), "picture": kept})["mean"].tolist() for kept in pages]
    assert found == [[1.0] * 4, [2.0] * 4, [3.0] * 4]
    assert len(runner._most) == 1
    left = [weakref.ref(kept.array) for kept in pages]
    del pages
    runner.run(picture(5))
    gc.collect()
    assert [ref() for ref in left] == [None] * 3
    runner.close()


def test_the_oldest_of_what_is_kept_makes_room() -> None:
    dropped: list[str] = []
    latest = DeviceLru[str](2, dropped.append)
    values = [SharedInput(np.zeros(1)) for _ in range(3)]
    for k in (0, 1, 0):
        assert latest.found(values[k], partial(str, k)) == str(k)
    assert latest.found(values[2], lambda: "made 2") == "made 2"
    assert dropped == ["1"]
    assert latest.found(values[0], lambda: "anew") == "0"


def test_an_error_reaches_its_callers_and_the_worker_goes_on() -> None:
    device = Device()
    runner = BatchingRunner(device)
    device.error = ValueError("bad strip")
    with pytest.raises(ValueError, match="bad strip"):
        runner.run(picture(1))
    device.error = None
    assert float(runner.run(picture(3))["mean"][0]) == 3
    runner.close()
    with pytest.raises(WorkerDied, match="closed"):
        runner.run(picture(1))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_is_a_named_failure_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    runner = BatchingRunner(device)

    def broken(batch: object) -> None:
        raise SystemError("the driver is gone")

    monkeypatch.setattr(runner, "_in_parts", lambda *_: broken(_))
    with pytest.raises(SystemError):
        runner.run(picture(1))
    monkeypatch.setattr(runner, "_answer", broken)
    with pytest.raises(WorkerDied, match="driver is gone"):
        runner.run(picture(1))
    with pytest.raises(WorkerDied, match="driver is gone"):
        runner.run(picture(1))


def test_a_real_network_gives_the_same_in_a_batch() -> None:
    plain = OnnxRuntimeRunner(load_models().graphs["trace"], 1)
    runner = BatchingRunner(plain)
    rng = np.random.default_rng(0)
    feeds = [{"pixels": rng.integers(0, 256, (1, 320, 64, 3), dtype=np.uint8)} for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(runner.run, feeds))
    for one, given in zip(found, feeds, strict=True):
        for name, want in plain.run(given).items():
            assert np.abs(one[name] - want).max() < 1e-3
    runner.close()
