"""The TensorRT runner against a card made of paper: addresses, shapes, profiles, and what it refuses.

What a real card computes is checked by `benchmarks/gpu_check.py` on a machine that has one.
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
from ecgdigit_engine.cuda import Name
from ecgdigit_engine.device import CudaDevice, Device
from ecgdigit_engine.errors import EngineCorrupt, EngineMissing, OutOfDeviceMemory, ShapeOutsideProfile
from ecgdigit_engine.runner import DeviceTensor, SharedInput
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore
from ecgdigit_rt.models import load_models

GRAPH = load_models().graphs["grid"]
CARD = Device("cuda", 0)


class PaperLane:
    """Addresses are numbers, memory is a dictionary."""

    handle = 7
    memory: ClassVar[dict[int, NDArray[Any]]] = {}
    addresses: ClassVar[dict[Name, int]] = {}
    kept_ids: ClassVar[dict[int, int]] = {}
    copies: ClassVar[list[Name]] = []

    def room(self, name: Name, size: int) -> int:
        assert size > 0
        return self.addresses.setdefault(name, 1000 + len(self.addresses))

    def kept(self, name: Name, value: SharedInput) -> int:
        if id(value) not in self.kept_ids:
            self.kept_ids[id(value)] = self.sent(name, value.array)
        return self.kept_ids[id(value)]

    def sent(self, name: Name, array: NDArray[Any]) -> int:
        self.copies.append(name)
        self.memory[self.room(name, array.nbytes)] = array.copy()
        return self.addresses[name]

    def fetch(self, name: Name, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        found = self.memory[self.addresses[name]]
        assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
        return found

    def wait(self) -> None:
        pass


class PaperContext:
    """Runs the graph on the CPU, between the addresses that it was given."""

    def __init__(self, works: bool) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.where: dict[str, int] = {}
        self.works = works

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        self.shapes[name] = shape

    def set_tensor_address(self, name: str, address: int) -> None:
        self.where[name] = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch, height, width, _ = self.shapes["pixels"]
        assert name == "phase"
        return batch, 4, height // 4, width // 4

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == PaperLane.handle
        if self.works:
            found = OnnxRuntimeRunner(GRAPH, 1).run({"pixels": PaperLane.memory[self.where["pixels"]]})
            PaperLane.memory[self.where["phase"]] = found["phase"]
        return self.works


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineStore:
    """A store with an engine for a paper T4, whose bytes a paper TensorRT can load."""
    state = SimpleNamespace(works=True)

    def loaded(data: bytes) -> SimpleNamespace | None:
        if data != b"engine":
            return None
        return SimpleNamespace(
            create_execution_context=lambda: PaperContext(state.works), get_tensor_dtype=lambda _: np.float32
        )

    trt = SimpleNamespace(Runtime=lambda _: SimpleNamespace(deserialize_cuda_engine=loaded), nptype=np.dtype)
    monkeypatch.setattr(tensorrt, "module_of", lambda _: trt)
    monkeypatch.setattr(tensorrt, "logger_of", lambda _: SimpleNamespace(said=["no memory left"]))
    lane = PaperLane()
    monkeypatch.setattr(tensorrt, "lane_of_thread", lambda card: {0: lane}[card])
    monkeypatch.setattr(tensorrt, "cuda_cards", lambda: (CudaDevice(0, "T4", (7, 5), 16 << 30),))
    monkeypatch.setattr(tensorrt, "installed", lambda _: "1.7")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setenv("ECGDIGIT_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setattr(PaperContext, "state", state, raising=False)
    return EngineStore(tmp_path / "engines")


def published(store: EngineStore, data: bytes = b"engine", version: str = "1.7") -> None:
    axes = spec_from_graph(GRAPH).axes
    digest = hashlib.sha256(GRAPH).hexdigest()
    papers = EngineIdentity("grid", "lite 1", digest, "fp32", "tensorrt-rtx", version, ("sm75",), axes)
    store.publish(papers, data, 1.0, "2026-01-01")


def pixels(*shape: int) -> dict[str, NDArray[np.uint8]]:
    return {"pixels": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)}


def test_inputs_and_outputs_go_through_the_lane(store: EngineStore) -> None:
    published(store)
    backend = TensorRt("tensorrt-rtx")
    answer = backend.probe()
    assert isinstance(answer, Ready)
    assert answer.devices == {CARD: ("fp32",)}
    runner = backend.open_stage(GRAPH, ExecutionOptions(CARD, "fp32"))
    for shape in ((1, 64, 96, 3), (2, 96, 64, 3)):
        found = runner.run(pixels(*shape))["phase"]
        want = OnnxRuntimeRunner(GRAPH, 1).run(pixels(*shape))["phase"]
        assert np.allclose(found, want, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axis", "said"),
    [
        ((9, 64, 64, 3), "batch", "batch is 9; the engine was built for 1 to 4"),
        ((1, 64, 2048, 3), "width", "width is 2048; the engine was built for 32 to 1536 in steps of 32"),
        ((1, 60, 64, 3), "height", "height is 60; it must be a multiple of 32"),
    ],
)
def test_a_shape_outside_the_profile_is_named(
    store: EngineStore, shape: tuple[int, ...], axis: str, said: str
) -> None:
    published(store)
    runner = TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(CARD, "fp32"))
    with pytest.raises(ShapeOutsideProfile, match=said) as caught:
        runner.run(pixels(*shape))
    assert caught.value.axis == axis
    if axis != "height":
        assert "build-engines --backend tensorrt-rtx" in caught.value.hint


def test_no_engine_or_a_stale_one_says_what_to_build(store: EngineStore) -> None:
    backend = TensorRt("tensorrt-rtx")
    answer = backend.probe()
    assert isinstance(answer, Unusable)
    assert answer.fix == "ecgdigit-rt build-engines --backend tensorrt-rtx"
    published(store, version="1.6")
    assert isinstance(backend.probe(), Unusable), "of another version, it is none"
    with pytest.raises(EngineMissing, match=r"built for tensorrt-rtx 1\.6, found 1\.7") as caught:
        backend.open_stage(GRAPH, ExecutionOptions(CARD, "fp32"))
    assert "ecgdigit-rt build-engines --backend tensorrt-rtx" in caught.value.hint


def test_an_engine_that_cannot_be_loaded_is_damaged(store: EngineStore) -> None:
    published(store, b"other")
    with pytest.raises(EngineCorrupt, match="no memory left"):
        TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(CARD, "fp32"))


def test_a_card_without_room_says_so(store: EngineStore) -> None:
    published(store)
    runner = TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(CARD, "fp32"))
    PaperContext.state.works = False  # type: ignore[attr-defined]
    with pytest.raises(OutOfDeviceMemory, match="cuda:0 is out of memory"):
        runner.run(pixels(1, 64, 64, 3))


def test_what_is_kept_goes_up_once_and_what_comes_of_it_stays_there(store: EngineStore) -> None:
    published(store)
    runner = TensorRt("tensorrt-rtx").open_stage(GRAPH, ExecutionOptions(CARD, "fp32"))
    picture = SharedInput(pixels(1, 64, 96, 3)["pixels"])
    PaperLane.copies.clear()
    first, again = (runner.run_on_device({"pixels": picture})["phase"] for _ in range(2))
    assert PaperLane.copies == [("grid", "pixels")]
    assert isinstance(first, DeviceTensor)
    assert isinstance(again, DeviceTensor)
    assert first.handle == again.handle == PaperLane.addresses["grid", "phase"]
    assert first.shape == (1, 4, 16, 24)
    want = OnnxRuntimeRunner(GRAPH, 1).run({"pixels": picture})["phase"]
    assert np.allclose(PaperLane.memory[first.handle], want, atol=1e-5)
    elsewhere = DeviceTensor(PaperLane.addresses["grid", "pixels"], picture.shape, picture.dtype)
    assert np.allclose(runner.run({"pixels": elsewhere})["phase"], want, atol=1e-5)
    assert PaperLane.copies == [("grid", "pixels")]
