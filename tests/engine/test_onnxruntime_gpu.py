"""ONNX Runtime on GPUs: missing libraries, and errors with their real classes and messages.

`benchmarks/gpu_check.py` checks the results on a real GPU.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from ecgdigit_engine.backends import onnxruntime
from ecgdigit_engine.backends.onnxruntime import CudaOnnxRuntimeRunner, spec_from_graph
from ecgdigit_engine.errors import BackendUnusable, DeviceFailed, DeviceLost, OutOfDeviceMemory
from ecgdigit_engine.runner import SharedInput
from ecgdigit_rt.models import load_models

GRAPH = load_models().graphs["grid"]
SPEC = spec_from_graph(GRAPH)
CUDA = "CUDAExecutionProvider"


class FakeSession:
    """Session on a simulated GPU, which raises `error` when it runs."""

    def __init__(self, providers: list[str], error: Exception | None = None) -> None:
        self.providers, self.error = providers, error
        self.bound: list[Any] = []

    def get_providers(self) -> list[str]:
        return self.providers

    def io_binding(self) -> SimpleNamespace:
        return SimpleNamespace(
            bind_cpu_input=lambda name, value: None,
            bind_ortvalue_input=lambda name, value: self.bound.append(value),
            bind_output=lambda *_: None,
            synchronize_outputs=lambda: None,
            copy_outputs_to_cpu=lambda: [np.zeros(1)],
        )

    def run_with_iobinding(self, binding: object) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """Return the session that the runner opens."""
    session = FakeSession([CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "_create_session", lambda *_, **__: session)
    monkeypatch.setattr(onnxruntime, "_spec_from_session", lambda _: SPEC)
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, "TensorrtExecutionProvider"])
    return session


def pixels() -> dict[str, Any]:
    return {"pixels": np.zeros((1, 64, 64, 3), np.uint8)}


@pytest.mark.skipif(CUDA in ort.get_available_providers(), reason="needs ONNX Runtime without CUDA")
def test_missing_libraries_are_refused_instead_of_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        BackendUnusable, match="onnxruntime on cuda:0 cannot be used: it could not load"
    ) as caught:
        CudaOnnxRuntimeRunner(GRAPH, 0, CUDA)
    assert caught.value.hint == "pip install 'onnxruntime-gpu[cuda,cudnn]'"
    assert capsys.readouterr().out == ""


def test_missing_libraries_of_tensorrt_are_refused(session: FakeSession) -> None:
    with pytest.raises(BackendUnusable, match="could not load the TensorrtExecutionProvider") as caught:
        CudaOnnxRuntimeRunner(GRAPH, 0, "TensorrtExecutionProvider")
    assert "--backend onnxruntime" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            RuntimeError("BFCArena: Failed to allocate memory for requested buffer of size 9"),
            OutOfDeviceMemory,
        ),
        (ort_errors.RuntimeException("Failed to allocate memory for requested buffer"), OutOfDeviceMemory),
        (ort_errors.Fail("CUDA failure 2: out of memory ; GPU=0 ; hostname=a"), OutOfDeviceMemory),
        (ort_errors.EPFail("CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED"), OutOfDeviceMemory),
        (ort_errors.EPFail("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), OutOfDeviceMemory),
        (ort_errors.Fail("CUDA failure 700: an illegal memory access was encountered"), DeviceLost),
        (ort_errors.Fail("CUDA failure 719: unspecified launch failure ; GPU=0"), DeviceLost),
        (ort_errors.EPFail("CUDNN failure 9: CUDNN_STATUS_NOT_SUPPORTED"), DeviceFailed),
    ],
)
def test_errors_of_onnxruntime(session: FakeSession, error: Exception, expected: type[Exception]) -> None:
    runner = CudaOnnxRuntimeRunner(GRAPH, 0, CUDA)
    session.error = error
    for call in (runner.run, runner.run_on_device):
        with pytest.raises(expected) as caught:
            call(pixels())
        assert type(caught.value) is expected
    session.error = None
    assert set(runner.run(pixels())) == {"phase"}


def test_errors_of_this_program_are_not_errors_of_the_gpu(session: FakeSession) -> None:
    for error in (KeyError("bug"), RecursionError("bug"), ort_errors.InvalidArgument("wrong shape")):
        session.error = error
        with pytest.raises(type(error)):
            CudaOnnxRuntimeRunner(GRAPH, 0, CUDA).run(pixels())


def test_errors_of_opening_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA])

    def fail(graph: bytes, threads: int, providers: list[Any], *, optimized: bool = True) -> object:
        if providers == ["CPUExecutionProvider"]:
            return real(graph, threads, providers, optimized=optimized)
        if error is not None:
            raise error
        sys.stdout.write("EP Error: CUDA failure 2: out of memory. Falling back to the CPU")
        return FakeSession(["CPUExecutionProvider"])

    real = onnxruntime._create_session
    monkeypatch.setattr(onnxruntime, "_create_session", fail)
    error: Exception | None = ort_errors.Fail("CUDA failure 719: unspecified launch failure")
    with pytest.raises(DeviceLost):
        CudaOnnxRuntimeRunner(GRAPH, 0, CUDA)
    error = None
    with pytest.raises(OutOfDeviceMemory):
        CudaOnnxRuntimeRunner(GRAPH, 0, CUDA)


def test_a_shared_input_is_uploaded_once(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = []

    def upload(array: NDArray[Any], kind: str, gpu: int) -> SimpleNamespace:
        uploads.append((kind, gpu))
        return SimpleNamespace(tensor_size_in_bytes=lambda: array.nbytes)

    monkeypatch.setattr(ort.OrtValue, "ortvalue_from_numpy", upload)
    runner = CudaOnnxRuntimeRunner(GRAPH, 1, CUDA)
    images = [SharedInput(pixels()["pixels"]) for _ in range(8)]
    for image in images * 3:
        runner.run({"pixels": image})
    assert uploads == [("cuda", 1)] * 8
    assert session.bound[:8] == session.bound[8:16] == session.bound[16:]
