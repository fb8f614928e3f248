"""TensorRT runner on simulated GPUs: results, profiles, memory, contexts and errors.

`benchmarks/gpu_check.py` checks the results on a real GPU.
"""

from __future__ import annotations

import gc
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fake_gpu import FakeDriver, FakeTensorRt, simulate_gpus
from numpy.typing import NDArray

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner, spec_from_graph
from ecgdigit_engine.backends.tensorrt import TensorRt
from ecgdigit_engine.batching import BatchingRunner
from ecgdigit_engine.device import Device
from ecgdigit_engine.errors import (
    BackendUnusable,
    DeviceFailed,
    DeviceLost,
    EngineCorrupt,
    EngineMissing,
    OutOfDeviceMemory,
    ShapeOutsideProfile,
)
from ecgdigit_engine.runner import DeviceRunner, DeviceTensor, SharedInput, SupportsClose
from ecgdigit_engine.tensorrt import build
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore
from ecgdigit_rt.models import load_models

GRAPH = load_models().graphs["grid"]
GPU = Device("cuda", 0)
BACKEND = TensorRt("tensorrt-rtx")


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeDriver, FakeTensorRt]]:
    """Simulate two T4 with an empty store of engines. The only valid engine is b"engine"."""
    monkeypatch.setenv("ECGDIGIT_ENGINES", str(tmp_path / "engines"))
    driver, trt = simulate_gpus(monkeypatch, GRAPH, gpus=2)
    yield driver, trt
    build.tensorrt_logger.cache_clear()
    assert driver.left_contexts() == 0, "pycuda would abort the process"


@pytest.fixture
def driver(gpus: tuple[FakeDriver, FakeTensorRt]) -> FakeDriver:
    """Return the simulated driver."""
    return gpus[0]


@pytest.fixture
def trt(gpus: tuple[FakeDriver, FakeTensorRt]) -> FakeTensorRt:
    """Return the simulated TensorRT."""
    return gpus[1]


@pytest.fixture
def store(tmp_path: Path, gpus: object) -> EngineStore:
    """Return the empty store of engines."""
    return EngineStore(tmp_path / "engines")


def publish(store: EngineStore, data: bytes = b"engine", version: str = "1.7") -> Path:
    axes = spec_from_graph(GRAPH).axes
    digest = hashlib.sha256(GRAPH).hexdigest()
    identity = EngineIdentity("grid", "lite 1", digest, "fp32", "tensorrt-rtx", version, ("sm75",), axes)
    return store.publish(identity, data, 1.0, "2026-01-01").path


def open_runner(gpu: int = 0) -> DeviceRunner:
    return BACKEND.open_stage(GRAPH, ExecutionOptions(Device("cuda", gpu), "fp32"))


def pixels(*shape: int) -> dict[str, NDArray[np.uint8]]:
    return {"pixels": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)}


def expected_phase(*shape: int) -> NDArray[np.float32]:
    return OnnxRuntimeRunner(GRAPH, 1).run(pixels(*shape))["phase"]


def test_outputs_agree_with_onnxruntime(store: EngineStore) -> None:
    publish(store)
    probed = BACKEND.probe()
    assert isinstance(probed, Ready)
    assert probed.devices == {GPU: ("fp32",), Device("cuda", 1): ("fp32",)}
    runner = open_runner()
    for shape in ((1, 64, 96, 3), (2, 96, 64, 3), (1, 64, 96, 3)):
        assert np.allclose(runner.run(pixels(*shape))["phase"], expected_phase(*shape), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axis", "message"),
    [
        ((9, 64, 64, 3), "batch", "batch is 9; the engine was built for 1 to 4"),
        ((1, 64, 2048, 3), "width", "width is 2048; the engine was built for 32 to 1536 in steps of 32"),
        ((1, 60, 64, 3), "height", "height is 60; it must be a multiple of 32"),
    ],
)
def test_a_shape_outside_the_profile_is_rejected(
    store: EngineStore, shape: tuple[int, ...], axis: str, message: str
) -> None:
    publish(store)
    with pytest.raises(ShapeOutsideProfile, match=message) as caught:
        open_runner().run(pixels(*shape))
    assert caught.value.axis == axis
    if axis != "height":
        assert "build-engines --backend tensorrt-rtx" in caught.value.hint


def test_a_missing_or_stale_engine_has_the_build_command_as_hint(store: EngineStore) -> None:
    probed = BACKEND.probe()
    assert isinstance(probed, Unusable)
    assert probed.fix == "ecgdigit-rt build-engines --backend tensorrt-rtx"
    publish(store, version="1.6")
    assert isinstance(BACKEND.probe(), Unusable), "the engine was built with another version"
    with pytest.raises(EngineMissing, match=r"built for tensorrt-rtx 1\.6, but 1\.7 is installed") as caught:
        open_runner()
    assert "ecgdigit-rt build-engines --backend tensorrt-rtx" in caught.value.hint


def test_a_gpu_that_tensorrt_rtx_does_not_support_has_an_alternative(
    monkeypatch: pytest.MonkeyPatch, store: EngineStore
) -> None:
    publish(store)
    simulate_gpus(monkeypatch, GRAPH, capability=(9, 0))
    probed = BACKEND.probe()
    assert isinstance(probed, Unusable)
    assert probed.reason == "tensorrt-rtx does not support compute capability 9.0 (cuda:0, T4)"
    assert "--backend onnxruntime" in probed.fix


def test_an_engine_that_cannot_be_loaded_is_reported_as_damaged(store: EngineStore) -> None:
    publish(store, b"other")
    with pytest.raises(EngineCorrupt, match="wrong magic number"):
        open_runner()


@pytest.mark.parametrize(
    "fault",
    [
        "create_execution_context",
        "set_input_shape",
        "set_tensor_address",
        "get_tensor_shape",
        "execute_async_v3",
    ],
)
def test_a_rejected_call_is_reported_with_its_reason_and_later_calls_succeed(
    store: EngineStore, trt: FakeTensorRt, fault: str
) -> None:
    publish(store)
    runner = BatchingRunner(open_runner())
    trt.fault = fault
    with pytest.raises(DeviceFailed, match=r"^grid: cuda:0 failed: TensorRT rejected ") as caught:
        runner.run(pixels(4, 64, 64, 3))
    assert (trt.last_message or "it reported no reason") in str(caught.value)
    trt.fault = ""
    trt.executed.clear()
    assert runner.run(pixels(4, 64, 64, 3))["phase"].shape == (4, 4, 16, 16)
    assert trt.executed == [4], "only exhausted memory makes batches smaller"
    runner.close()


def test_messages_of_earlier_errors_are_not_reported_again(store: EngineStore, trt: FakeTensorRt) -> None:
    publish(store)
    runner = open_runner()
    trt.max_batch = 1
    with pytest.raises(OutOfDeviceMemory):
        runner.run(pixels(2, 64, 64, 3))
    trt.fault = "get_tensor_shape"
    with pytest.raises(DeviceFailed, match="reported no reason"):
        runner.run(pixels(1, 64, 64, 3))


def test_exhausted_memory_makes_batches_smaller(
    store: EngineStore, driver: FakeDriver, trt: FakeTensorRt
) -> None:
    publish(store)
    runner = BatchingRunner(open_runner())
    trt.max_batch = 2
    assert np.allclose(runner.run(pixels(4, 64, 64, 3))["phase"], expected_phase(4, 64, 64, 3), atol=1e-5)
    assert trt.executed == [2, 2]
    driver.pinned_capacity = 64 * 96 * 3
    runner.run(pixels(4, 64, 96, 3))
    assert trt.executed[2:] == [1] * 4
    driver.capacity = 10
    with pytest.raises(OutOfDeviceMemory, match="allocation of 3145728 bytes failed"):
        runner.run(pixels(1, 1024, 1024, 3))
    runner.close()


def test_a_lost_gpu_is_reported_by_all_later_calls(
    store: EngineStore, driver: FakeDriver, trt: FakeTensorRt
) -> None:
    publish(store)
    runner = open_runner()
    trt.fault = "illegal access"
    for _ in range(3):
        with pytest.raises(DeviceLost, match="cannot be used by this process any more: an illegal memory"):
            runner.run(pixels(1, 64, 64, 3))
    assert driver.is_lost


def test_a_gpu_that_cannot_create_a_stream_is_reported(store: EngineStore, driver: FakeDriver) -> None:
    publish(store)
    driver.capacity = 0
    with pytest.raises(OutOfDeviceMemory, match="cuStreamCreate"):
        open_runner()
    driver.capacity, driver.gpus = 1 << 40, 0
    with pytest.raises(DeviceLost, match="invalid device ordinal"):
        open_runner()


def test_an_engine_that_does_not_fit_into_memory_is_not_damaged(
    store: EngineStore, trt: FakeTensorRt
) -> None:
    publish(store)
    trt.fault = "deserialize_cuda_engine"
    with pytest.raises(OutOfDeviceMemory, match="Cuda Runtime"):
        open_runner()
    trt.fault = "Runtime"
    with pytest.raises(BackendUnusable, match="nullptr") as caught:
        open_runner()
    assert caught.value.hint == "Update the NVIDIA driver."
    trt.fault = ""
    open_runner().run(pixels(1, 64, 64, 3))


def test_a_failed_upload_does_not_change_an_earlier_image(store: EngineStore, driver: FakeDriver) -> None:
    publish(store)
    runner = open_runner()
    images = [SharedInput(np.full((1, 64, 64, 3), value, np.uint8)) for value in (10, 200)]
    expected = OnnxRuntimeRunner(GRAPH, 1).run({"pixels": images[0].array})["phase"]
    runner.run_on_device({"pixels": images[0]})  # its copy has not run yet
    runner.run_on_device({"pixels": images[1]})
    assert np.allclose(runner.run({"pixels": images[0]})["phase"], expected, atol=1e-5)
    assert driver.counts["uploads"] == 2


def test_exhausted_memory_releases_what_the_thread_keeps(store: EngineStore, driver: FakeDriver) -> None:
    publish(store)
    runner = open_runner()
    images = [SharedInput(pixels(1, 64, 64, 3)["pixels"]) for _ in range(4)]
    for image in images:
        runner.run({"pixels": image})
    driver.capacity = 96 * 96 * 3 + 4 * 24 * 24 * 4  # one larger image and its output
    with pytest.raises(OutOfDeviceMemory):
        runner.run(pixels(1, 96, 96, 3))
    assert driver.used[0] == 0
    assert np.allclose(runner.run(pixels(1, 96, 96, 3))["phase"], expected_phase(1, 96, 96, 3), atol=1e-5)


def test_threads_leave_no_context_and_free_their_own_memory(store: EngineStore, driver: FakeDriver) -> None:
    publish(store)
    runner = open_runner()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(runner.run, [pixels(1, 64, 96, 3), pixels(2, 64, 64, 3)] * 3))
    runner.run(pixels(1, 64, 64, 3))
    runner.run(pixels(2, 96, 96, 3))  # larger buffers replace the first ones
    assert driver.left_contexts() == 0


def test_one_thread_can_use_two_gpus(store: EngineStore, driver: FakeDriver) -> None:
    publish(store)
    first, second = open_runner(0), open_runner(1)
    expected = expected_phase(1, 64, 64, 3)
    for runner in (first, second, first):
        assert np.allclose(runner.run(pixels(1, 64, 64, 3))["phase"], expected, atol=1e-5)
    assert set(driver.used) == {0, 1}


def test_an_engine_is_loaded_once_per_gpu(store: EngineStore, trt: FakeTensorRt) -> None:
    publish(store)
    runners = [open_runner(), open_runner(), open_runner(1)]
    assert trt.loads == 2
    del runners
    gc.collect()
    open_runner()
    assert trt.loads == 3


def test_compiled_kernels_are_stored_for_the_next_process(store: EngineStore, trt: FakeTensorRt) -> None:
    path = publish(store)
    runner = open_runner()
    runner.run(pixels(1, 64, 64, 3))
    assert isinstance(runner, SupportsClose)
    runner.close()
    assert path.with_suffix(".runtime").read_bytes() == b"(1, 64, 64, 3);"
    trt.kernels = b""
    del runner
    gc.collect()
    open_runner()
    assert trt.kernels == b"(1, 64, 64, 3);"
    trt.fault = "serialize"
    last = open_runner()
    assert isinstance(last, SupportsClose)
    last.close()
    assert path.with_suffix(".runtime").exists()
    store.remove(path)
    assert not path.with_suffix(".runtime").exists()


def test_a_shared_input_is_uploaded_once_and_outputs_stay_on_the_device(
    store: EngineStore, driver: FakeDriver
) -> None:
    publish(store)
    runner = open_runner()
    image = SharedInput(pixels(1, 64, 96, 3)["pixels"])
    first, again = (runner.run_on_device({"pixels": image})["phase"] for _ in range(2))
    assert (driver.counts["uploads"], driver.counts["downloads"]) == (1, 0)
    assert isinstance(first, DeviceTensor)
    assert isinstance(again, DeviceTensor)
    assert first.handle == again.handle
    assert first.shape == (1, 4, 16, 24)
    assert np.allclose(runner.run({"pixels": image})["phase"], expected_phase(1, 64, 96, 3), atol=1e-5)
    assert (driver.counts["uploads"], driver.counts["downloads"]) == (1, 1)


def test_images_of_pages_in_progress_are_uploaded_once_and_their_memory_is_used_again(
    store: EngineStore, driver: FakeDriver
) -> None:
    publish(store)
    runner = open_runner()
    for _ in range(3):
        images = [SharedInput(pixels(1, 64, 96, 3)["pixels"]) for _ in range(8)]
        for image in images * 3:
            runner.run_on_device({"pixels": image})
        del images, image
        gc.collect()
    assert driver.counts["uploads"] == 24
    assert driver.counts["allocations"] == 8 + 1, "eight images and one output"


def test_calls_of_threads_are_batched_on_the_gpu(store: EngineStore, trt: FakeTensorRt) -> None:
    publish(store)
    runner = BatchingRunner(open_runner())
    expected, barrier = expected_phase(1, 64, 64, 3), threading.Barrier(8)

    def call(_: int) -> NDArray[np.float32]:
        barrier.wait(10)
        return runner.run(pixels(1, 64, 64, 3))["phase"]

    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(call, range(8)):
            assert np.allclose(result, expected, atol=1e-5)
    assert sum(trt.executed) == 8
    runner.close()
