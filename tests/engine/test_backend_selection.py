"""Selection of backend, device and precision: `auto`, names, and errors with their hints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ecgdigit_engine.backends import onnxruntime
from ecgdigit_engine.backends.backend import Backend, ExecutionOptions, Ready, Unusable
from ecgdigit_engine.backends.onnxruntime import OnnxRuntime
from ecgdigit_engine.cpu import cgroup_quota
from ecgdigit_engine.device import CPU, CudaDevice, Device
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice
from ecgdigit_engine.runner import DeviceRunner
from ecgdigit_engine.selection import select_backend

GPU = Device("cuda", 0)
SECOND = Device("cuda", 1)


@dataclass(frozen=True)
class Fake:
    name: str
    probed: Ready | Unusable
    is_auto: bool = True

    def probe(self) -> Ready | Unusable:
        return self.probed

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        raise AssertionError(f"{self.name} must not be opened: {options}, {len(graph)} bytes")


def backends(*fakes: Fake) -> dict[str, Backend]:
    return {fake.name: fake for fake in fakes}


SLOW = Fake("slow", Ready("1", {CPU: ("fp32",)}))
QUICK = Fake("quick", Ready("2", {CPU: ("bf16", "fp32")}))
GPUS = Fake("gpus", Ready("3", {GPU: ("fp16", "fp32"), SECOND: ("fp16", "fp32"), CPU: ("fp32",)}))
GONE = Fake("gone", Unusable("it is not installed", "pip install gone"))
MANUAL = Fake("manual", Ready("4", {GPU: ("fp16",)}), is_auto=False)


def test_auto_prefers_a_gpu_and_then_the_first_backend() -> None:
    selection = select_backend(backends=backends(GONE, QUICK, SLOW, GPUS, MANUAL))
    assert (selection.backend.name, selection.device, selection.precision) == ("gpus", GPU, "fp16")
    assert str(selection) == "auto → gpus 3 (cuda:0, fp16)"
    selection = select_backend(backends=backends(GONE, QUICK, SLOW))
    assert (selection.backend.name, selection.precision, selection.graph_precision) == (
        "quick",
        "bf16",
        "fp32",
    )


def test_a_named_device_or_precision_is_used() -> None:
    known = backends(GPUS, QUICK, SLOW)
    assert select_backend(device="cuda:1", backends=known).device == SECOND
    assert select_backend(device="cpu", backends=known).device == CPU
    assert select_backend("quick", precision="fp32", backends=known).precision == "fp32"
    assert select_backend(precision="bf16", backends=known).backend.name == "quick"
    assert select_backend("manual", backends=backends(MANUAL)).device == GPU


@pytest.mark.parametrize(
    ("options", "reason", "fix"),
    [
        (("gone", "auto", "auto"), "gone cannot be used: it is not installed", "pip install gone"),
        (
            ("slow", "cuda", "auto"),
            "slow on cuda:0 cannot be used: its available devices are cpu",
            "--device auto",
        ),
        (
            ("slow", "auto", "fp16"),
            "slow in fp16 on cpu cannot be used: its available precisions are fp32",
            "--precision auto or one of fp32.",
        ),
        (("auto", "cuda:7", "auto"), "--device cuda:7 cannot be used: gone: it is not", "doctor"),
    ],
)
def test_a_named_option_is_never_replaced(options: tuple[str, str, str], reason: str, fix: str) -> None:
    with pytest.raises(BackendUnusable) as caught:
        select_backend(*options, backends=backends(GONE, SLOW, GPUS))
    assert reason in str(caught.value)
    assert fix in caught.value.hint


@pytest.mark.parametrize(
    "options",
    [("nope", "auto", "auto"), ("auto", "tpu", "auto"), ("auto", "cuda:x", "auto"), ("auto", "cpu", "int3")],
)
def test_the_hint_for_an_unknown_name_lists_the_known_ones(options: tuple[str, str, str]) -> None:
    with pytest.raises(UnknownChoice) as caught:
        select_backend(*options)
    assert "auto" in caught.value.hint


def packages(monkeypatch: pytest.MonkeyPatch, *names: str, gpus: int = 0) -> None:
    monkeypatch.setattr(onnxruntime, "has_int8_dot_product", lambda: False)
    monkeypatch.setattr(onnxruntime, "installed_variants", lambda: dict.fromkeys(names, "1.31.1"))
    gpu_devices = tuple(CudaDevice(k, "T4", (7, 5), 16 << 30) for k in range(gpus))
    monkeypatch.setattr(onnxruntime, "cuda_devices", lambda: gpu_devices)


def test_two_variants_of_onnxruntime_are_detected_with_the_repair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages(monkeypatch, "onnxruntime", "onnxruntime-gpu", gpus=1)
    probed = OnnxRuntime("onnxruntime").probe()
    assert isinstance(probed, Ready)
    assert list(probed.devices) == [CPU], "with both packages, GPU support is undefined"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install" in probed.notes[0]
    assert probed.notes[0].endswith("onnxruntime-gpu")
    with pytest.raises(BackendUnusable, match="its available devices are cpu"):
        select_backend("onnxruntime", "cuda", backends={"onnxruntime": OnnxRuntime("onnxruntime")})


def test_a_gpu_needs_the_gpu_package(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, "onnxruntime-gpu", gpus=2)
    probed = OnnxRuntime("onnxruntime").probe()
    assert isinstance(probed, Ready)
    assert probed.devices == {GPU: ("fp16", "fp32"), SECOND: ("fp16", "fp32"), CPU: ("fp32",)}
    packages(monkeypatch, "onnxruntime", gpus=1)
    other = OnnxRuntime("onnxruntime-tensorrt", "TensorrtExecutionProvider").probe()
    assert isinstance(other, Unusable)
    assert "onnxruntime-gpu" in other.fix


def test_int8_is_used_if_the_cpu_has_instructions_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, "onnxruntime")
    monkeypatch.setattr(onnxruntime, "has_int8_dot_product", lambda: True)
    known = {"onnxruntime": OnnxRuntime("onnxruntime")}
    assert select_backend(backends=known).precision == "int8"
    assert select_backend(graphs=("fp32", "fp16"), backends=known).precision == "fp32", (
        "models without an INT8 graph"
    )
    with pytest.raises(BackendUnusable, match=r"in int8 on cpu .* available precisions are fp32$"):
        select_backend(precision="int8", graphs=("fp32",), backends=known)
    with pytest.raises(BackendUnusable, match="the models have no graphs in int8 or fp32"):
        select_backend(graphs=("fp16",), backends=known)


def test_cgroup_quota(tmp_path: Path) -> None:
    v2, v1 = tmp_path / "cpu.max", tmp_path / "cpu.cfs_quota_us"
    assert cgroup_quota(v2, v1) is None
    v1.write_text("150000\n")
    v1.with_name("cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_quota(v2, v1) == 1.5
    v2.write_text("max 100000\n")
    assert cgroup_quota(v2, v1) is None
    v2.write_text("300000 100000\n")
    assert cgroup_quota(v2, v1) == 3
