"""TensorRT runner with a simulated GPU: addresses, shapes, profiles and errors.

`benchmarks/gpu_check.py` checks the results on a real GPU.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine.backends import tensorrt
from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner, spec_from_graph
from ecgdigit_engine.backends.tensorrt import TensorRt
from ecgdigit_engine.cuda import BufferName
from ecgdigit_engine.device import CudaDevice, Device
from ecgdigit_engine.errors import EngineCorrupt, EngineMissing, OutOfDeviceMemory, ShapeOutsideProfile
from ecgdigit_engine.runner import DeviceTensor, SharedInput
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore
from ecgdigit_rt.models import load_models

GRAPH = load_models().graphs["grid"]
GPU = Device("cuda", 0)


class FakeStream:
    """Simulated stream, with consecutive numbers as addresses and a dictionary as memory."""

    handle = 7
    memory: ClassVar[dict[int, NDArray[Any]]] = {}
    addresses: ClassVar[dict[BufferName, int]] = {}
    shared_addresses: ClassVar[dict[int, int]] = {}
    copies: ClassVar[list[BufferName]] = []

    def reserve(self, name: BufferName, size: int) -> int:
        assert size > 0
        return self.addresses.setdefault(name, 1000 + len(self.addresses))

    def upload_shared(self, name: BufferName, value: SharedInput) -> int:
        if id(value) not in self.shared_addresses:
            self.shared_addresses[id(value)] = self.upload(name, value.array)
        return self.shared_addresses[id(value)]

    def upload(self, name: BufferName, array: NDArray[Any]) -> int:
        self.copies.append(name)
        self.memory[self.reserve(name, array.nbytes)] = array.copy()
        return self.addresses[name]

    def fetch(self, name: BufferName, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        value = self.memory[self.addresses[name]]
        assert (value.shape, value.dtype) == (shape, np.dtype(dtype))
        return value

    def wait(self) -> None:
        pass


class FakeContext:
    """Simulated execution context, which runs the graph on the CPU."""

    def __init__(self, works: bool) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.works = works

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        self.shapes[name] = shape

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch, height, width, _ = self.shapes["pixels"]
        assert name == "phase"
        return batch, 4, height // 4, width // 4

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == FakeStream.handle
        if self.works:
            outputs = OnnxRuntimeRunner(GRAPH, 1).run({"pixels": FakeStream.memory[self.addresses["pixels"]]})
            FakeStream.memory[self.addresses["phase"]] = outputs["phase"]
        return self.works


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineStore:
    """Return an empty store, and simulate TensorRT on a T4. The only valid engine is b"engine"."""
    state = SimpleNamespace(works=True)

    def deserialize(data: bytes) -> SimpleNamespace | None:
        if data != b"engine":
            return None
        return SimpleNamespace(
            create_execution_context=lambda: FakeContext(state.works), get_tensor_dtype=lambda _: np.float32
        )

    trt = SimpleNamespace(
        Runtime=lambda _: SimpleNamespace(deserialize_cuda_engine=deserialize), nptype=np.dtype
    )
    monkeypatch.setattr(tensorrt, "tensorrt_module", lambda _: trt)
    monkeypatch.setattr(tensorrt, "tensorrt_logger", lambda _: SimpleNamespace(messages=["no memory left"]))
    stream = FakeStream()
    monkeypatch.setattr(tensorrt, "stream_of_thread", lambda gpu: {0: stream}[gpu])
    monkeypatch.setattr(tensorrt, "cuda_devices", lambda: (CudaDevice(0, "T4", (7, 5), 16 << 30),))
    monkeypatch.setattr(tensorrt, "installed_version", lambda _: "1.7")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setenv("ECGDIGIT_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setattr(FakeContext, "state", state, raising=False)
    return EngineStore(tmp_path / "engines")


def publish(store: EngineStore, data: bytes = b"engine", version: str = "1.7") -> None:
    axes = spec_from_graph(GRAPH).axes
    digest = hashlib.sha256(GRAPH).hexdigest()
    identity = EngineIdentity("grid", "lite 1", digest, "fp32", "tensorrt-rtx", version, ("sm75",), axes)
    store.publish(identity, data, 1.0, "2026-01-01")


def pixels(*shape: int) -> dict[str, NDArray[np.uint8]]:
    return {"pixels": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)}


def test_outputs_agree_with_onnxruntime(store: EngineStore) -> None:
    publish(store)
    backend = TensorRt("tensorrt-rtx")
    probed = backend.probe()
    assert isinstance(probed, Ready)
    assert probed.devices == {GPU: ("fp32",)}
    runner = backend.open_stage(GRAPH, ExecutionOptions(GPU, "fp32"))
    for shape in ((1, 64, 96, 3), (2, 96, 64, 3)):
        outputs = runner.run(pixels(*shape))["phase"]
        expected = OnnxRuntimeRunner(GRAPH, 1).run(pixels(*shape))["phase"]
        assert np.allclose(outputs, expected, atol=1e-5)


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
    runner = TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(GPU, "fp32"))
    with pytest.raises(ShapeOutsideProfile, match=message) as caught:
        runner.run(pixels(*shape))
    assert caught.value.axis == axis
    if axis != "height":
        assert "build-engines --backend tensorrt-rtx" in caught.value.hint


def test_a_missing_or_stale_engine_has_the_build_command_as_hint(store: EngineStore) -> None:
    backend = TensorRt("tensorrt-rtx")
    probed = backend.probe()
    assert isinstance(probed, Unusable)
    assert probed.fix == "ecgdigit-rt build-engines --backend tensorrt-rtx"
    publish(store, version="1.6")
    assert isinstance(backend.probe(), Unusable), "the engine was built with another version"
    with pytest.raises(EngineMissing, match=r"built for tensorrt-rtx 1\.6, but 1\.7 is installed") as caught:
        backend.open_stage(GRAPH, ExecutionOptions(GPU, "fp32"))
    assert "ecgdigit-rt build-engines --backend tensorrt-rtx" in caught.value.hint


def test_an_engine_that_cannot_be_loaded_is_reported_as_damaged(store: EngineStore) -> None:
    publish(store, b"other")
    with pytest.raises(EngineCorrupt, match="no memory left"):
        TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(GPU, "fp32"))


def test_a_failed_execution_is_out_of_memory(store: EngineStore) -> None:
    publish(store)
    runner = TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(GPU, "fp32"))
    FakeContext.state.works = False  # type: ignore[attr-defined]
    with pytest.raises(OutOfDeviceMemory, match="cuda:0 is out of memory"):
        runner.run(pixels(1, 64, 64, 3))


def test_a_shared_input_is_uploaded_once_and_outputs_stay_on_the_device(store: EngineStore) -> None:
    publish(store)
    runner = TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(GPU, "fp32"))
    image = SharedInput(pixels(1, 64, 96, 3)["pixels"])
    FakeStream.copies.clear()
    first, again = (runner.run_on_device({"pixels": image})["phase"] for _ in range(2))
    assert FakeStream.copies == [("grid", "pixels")]
    assert isinstance(first, DeviceTensor)
    assert isinstance(again, DeviceTensor)
    assert first.handle == again.handle == FakeStream.addresses["grid", "phase"]
    assert first.shape == (1, 4, 16, 24)
    expected = OnnxRuntimeRunner(GRAPH, 1).run({"pixels": image})["phase"]
    assert np.allclose(FakeStream.memory[first.handle], expected, atol=1e-5)
    tensor = DeviceTensor(FakeStream.addresses["grid", "pixels"], image.shape, image.dtype)
    assert np.allclose(runner.run({"pixels": tensor})["phase"], expected, atol=1e-5)
    assert FakeStream.copies == [("grid", "pixels")]
