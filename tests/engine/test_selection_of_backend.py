"""`auto` takes the best that is ready; what is named is taken or refused, with what would help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ecgdigit_engine.backends import onnxruntime
from ecgdigit_engine.backends.backend import Backend, ExecutionOptions, Ready, Unusable
from ecgdigit_engine.backends.onnxruntime import OnnxRuntime
from ecgdigit_engine.device import CPU, CudaDevice, Device
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice
from ecgdigit_engine.runner import DeviceRunner
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.threads import cgroup_quota

CARD = Device("cuda", 0)
SECOND = Device("cuda", 1)


@dataclass(frozen=True)
class Fake:
    name: str
    answer: Ready | Unusable
    is_auto: bool = True

    def probe(self) -> Ready | Unusable:
        return self.answer

    def open_stage(self, graph: bytes, how: ExecutionOptions) -> DeviceRunner:
        raise AssertionError(f"nobody opens {self.name} here: {how}, {len(graph)} bytes")


def backends(*fakes: Fake) -> dict[str, Backend]:
    return {fake.name: fake for fake in fakes}


SLOW = Fake("slow", Ready("1", {CPU: ("fp32",)}))
QUICK = Fake("quick", Ready("2", {CPU: ("bf16", "fp32")}))
CARDS = Fake("cards", Ready("3", {CARD: ("fp16", "fp32"), SECOND: ("fp16", "fp32"), CPU: ("fp32",)}))
GONE = Fake("gone", Unusable("it is not installed", "pip install gone"))
SHY = Fake("shy", Ready("4", {CARD: ("fp16",)}), is_auto=False)


def test_auto_prefers_a_card_then_the_order() -> None:
    found = select_backend(backends=backends(GONE, QUICK, SLOW, CARDS, SHY))
    assert (found.backend.name, found.device, found.precision) == ("cards", CARD, "fp16")
    assert str(found) == "auto → cards 3 (cuda:0, fp16)"
    found = select_backend(backends=backends(GONE, QUICK, SLOW))
    assert (found.backend.name, found.precision, found.graph_precision) == ("quick", "bf16", "fp32")


def test_a_named_device_or_precision_is_kept() -> None:
    known = backends(CARDS, QUICK, SLOW)
    assert select_backend(device="cuda:1", backends=known).device == SECOND
    assert select_backend(device="cpu", backends=known).device == CPU
    assert select_backend("quick", precision="fp32", backends=known).precision == "fp32"
    assert select_backend(precision="bf16", backends=known).backend.name == "quick"
    assert select_backend("shy", backends=backends(SHY)).device == CARD


@pytest.mark.parametrize(
    ("wish", "reason", "fix"),
    [
        (("gone", "auto", "auto"), "gone cannot be used: it is not installed", "pip install gone"),
        (("slow", "cuda", "auto"), "slow on cuda:0 cannot be used: it can use cpu", "--device auto"),
        (("slow", "auto", "fp16"), "slow in fp16 on cpu cannot be used: it has fp32", "--precision fp32"),
        (("auto", "cuda:7", "auto"), "--device cuda:7 cannot be used: gone: it is not", "doctor"),
    ],
)
def test_a_named_wish_is_never_swapped(wish: tuple[str, str, str], reason: str, fix: str) -> None:
    with pytest.raises(BackendUnusable) as caught:
        select_backend(*wish, backends=backends(GONE, SLOW, CARDS))
    assert reason in str(caught.value)
    assert fix in caught.value.hint


@pytest.mark.parametrize(
    "wish",
    [("nope", "auto", "auto"), ("auto", "tpu", "auto"), ("auto", "cuda:x", "auto"), ("auto", "cpu", "int3")],
)
def test_unknown_names_are_told_with_the_known_ones(wish: tuple[str, str, str]) -> None:
    with pytest.raises(UnknownChoice) as caught:
        select_backend(*wish)
    assert "auto" in caught.value.hint


def packages(monkeypatch: pytest.MonkeyPatch, *names: str, cards: int = 0) -> None:
    monkeypatch.setattr(onnxruntime, "multiplies_int8", lambda: False)
    monkeypatch.setattr(onnxruntime, "installed_variants", lambda: dict.fromkeys(names, "1.31.1"))
    found = tuple(CudaDevice(k, "T4", (7, 5), 16 << 30) for k in range(cards))
    monkeypatch.setattr(onnxruntime, "cuda_cards", lambda: found)


def test_two_onnxruntimes_are_noticed_with_the_commands_that_repair_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages(monkeypatch, "onnxruntime", "onnxruntime-gpu", cards=1)
    answer = OnnxRuntime("onnxruntime").probe()
    assert isinstance(answer, Ready)
    assert list(answer.devices) == [CPU], "which of the two is loaded for a card is chance"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install" in answer.notes[0]
    assert answer.notes[0].endswith("onnxruntime-gpu")
    with pytest.raises(BackendUnusable, match="it can use cpu"):
        select_backend("onnxruntime", "cuda", backends={"onnxruntime": OnnxRuntime("onnxruntime")})


def test_a_card_needs_the_gpu_package(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, "onnxruntime-gpu", cards=2)
    answer = OnnxRuntime("onnxruntime").probe()
    assert isinstance(answer, Ready)
    assert answer.devices == {CARD: ("fp16", "fp32"), SECOND: ("fp16", "fp32"), CPU: ("fp32",)}
    packages(monkeypatch, "onnxruntime", cards=1)
    other = OnnxRuntime("onnxruntime-tensorrt", "TensorrtExecutionProvider").probe()
    assert isinstance(other, Unusable)
    assert "onnxruntime-gpu" in other.fix


def test_int8_where_the_cpu_has_units_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, "onnxruntime")
    monkeypatch.setattr(onnxruntime, "multiplies_int8", lambda: True)
    known = {"onnxruntime": OnnxRuntime("onnxruntime")}
    assert select_backend(backends=known).precision == "int8"
    assert select_backend(graphs=("fp32", "fp16"), backends=known).precision == "fp32", (
        "models without such a graph"
    )
    with pytest.raises(BackendUnusable, match="in int8 on cpu"):
        select_backend(precision="int8", graphs=("fp32",), backends=known)


def test_threads_follow_the_quota(tmp_path: Path) -> None:
    v2, v1 = tmp_path / "cpu.max", tmp_path / "cpu.cfs_quota_us"
    assert cgroup_quota(v2, v1) is None
    v1.write_text("150000\n")
    v1.with_name("cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_quota(v2, v1) == 1.5
    v2.write_text("max 100000\n")
    assert cgroup_quota(v2, v1) is None
    v2.write_text("300000 100000\n")
    assert cgroup_quota(v2, v1) == 3
