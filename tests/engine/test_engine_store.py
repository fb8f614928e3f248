"""Build, storage and selection of engines. Engines for a T4 are built without a GPU."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from ecgdigit_engine.device import CudaDevice
from ecgdigit_engine.errors import (
    BackendUnusable,
    EngineBuildFailed,
    EngineCorrupt,
    EngineUntrusted,
    UnknownChoice,
)
from ecgdigit_engine.spec import Axis, Port, StageSpec
from ecgdigit_engine.tensorrt import build
from ecgdigit_engine.tensorrt import target as target_module
from ecgdigit_engine.tensorrt.matching import matching_engine
from ecgdigit_engine.tensorrt.profile import Sizes, batch_from_text, profile_shapes, resize_axes
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore
from ecgdigit_engine.tensorrt.target import Target, targets_from_texts
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.models import STAGES, engine_builds
from ecgdigit_rt.models.engine_builds import (
    EngineBuildRequest,
    build_engines,
    engine_statuses,
    select_builder,
)
from ecgdigit_rt.stages import SAMPLER

AXES = (Axis("batch", 1, 4, 8), Axis("height", 320, 320, 1280, 320), Axis("width", 32, 2752, 5504, 32))
PIXELS = Port("pixels", "uint8", ("batch", "height", "width", 3))
SPEC = StageSpec("trace", "1", "fp16", (PIXELS,), (), AXES)
IDENTITY = EngineIdentity("trace", "lite 1", "ab" * 32, "fp16", "tensorrt-rtx", "1.7", ("sm75",), AXES)

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx is not installed"
)


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


@needs_rtx
def test_all_stages_are_built_for_a_t4_and_reused(store: EngineStore) -> None:
    request = EngineBuildRequest(targets=("sm75",))
    built = build_engines(request, store)
    assert [one.engine.identity.stage for one in built] == [*STAGES, SAMPLER]
    assert all(one.is_new for one in built)
    assert all(one.engine.size > 1_000_000 for one in built[:-1]), "all but the sampler have weights"
    for one in built:  # the profile of each engine covers a range of sizes
        identity = one.engine.identity
        assert all(axis.low < axis.high for axis in identity.axes)
        assert identity.targets == ("sm75",)
        assert one.engine.read()
    again = build_engines(request, store)
    assert not any(one.is_new for one in again)
    assert [one.reason for one in engine_statuses(store)] == [""] * 4


@needs_rtx
def test_one_engine_has_several_targets_and_the_specified_sizes(store: EngineStore) -> None:
    request = EngineBuildRequest(targets=("sm80", "sm89"), sizes=Sizes((1, 2, 3), 1024))
    identities = [one.engine.identity for one in build_engines(request, store)]
    assert {one.targets for one in identities} == {("sm80", "sm89")}
    assert all(one.axes[0] == Axis("batch", 1, 2, 3) for one in identities)
    highs = {axis.name: axis.high for one in identities for axis in one.axes if axis.name != "batch"}
    assert highs["image_height"] == 1700, "sizes of usual pages stay possible"
    assert highs["width"] == 2752


@needs_rtx
def test_a_failed_build_raises_an_error_and_leaves_no_engine(store: EngineStore) -> None:
    """The locate stage has a matrix product, which TensorRT does not support in FP32 on Turing."""
    with pytest.raises(EngineBuildFailed, match=r"locate could not be built for sm75.*GEMM"):
        build_engines(EngineBuildRequest(targets=("sm75",), precision="fp32"), store)
    assert list(store.folder.glob("*.engine")) == []


@needs_rtx
def test_the_commands_build_list_verify_and_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path)]
    assert exit_code(["build-engines", "--target", "sm75", *out]) == 0
    assert "trace    sm75 fp16" in capsys.readouterr().err
    assert exit_code(["engines", "verify", *out]) == 0
    engine = next(tmp_path.glob("trace-*.engine"))
    engine.write_bytes(engine.read_bytes()[:-1])
    assert exit_code(["engines", "verify", *out]) == 3
    assert "damaged" in capsys.readouterr().err
    assert exit_code(["engines", "list", "--format", "json", *out]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["broken"] for row in rows] == [True, False, False, False]
    assert exit_code(["engines", "clean", "--broken", *out]) == 0
    assert len(list(tmp_path.glob("*.engine"))) == 3
    assert exit_code(["build-engines", "--target", "sm75", *out]) == 0
    assert len(list(tmp_path.glob("*.engine"))) == 4


def test_each_property_changes_the_key() -> None:
    others = [
        dataclasses.replace(IDENTITY, graph_sha256="cd" * 32),
        dataclasses.replace(IDENTITY, backend_version="1.8"),
        dataclasses.replace(IDENTITY, targets=("sm75", "sm89")),
        dataclasses.replace(IDENTITY, axes=(Axis("batch", 1, 4, 9), *AXES[1:])),
        dataclasses.replace(IDENTITY, flags=("other",)),
    ]
    assert len({one.key for one in [IDENTITY, *others]}) == 6
    assert dataclasses.replace(IDENTITY).key == IDENTITY.key


def test_engines_are_published_atomically_and_damage_is_detected(store: EngineStore) -> None:
    engine = store.publish(IDENTITY, b"engine", 1.0, "2026-01-01T00:00:00+00:00")
    assert store.find(IDENTITY) == engine == store.engines()[0]
    assert engine.read() == b"engine"
    assert store.find_broken() == []
    engine.path.write_bytes(b"enginf")
    with pytest.raises(EngineCorrupt, match="SHA-256"):
        engine.read()
    assert store.find_broken() == [engine.path.with_suffix(".json")]
    store.remove(engine.path)
    orphan = store.folder / "orphan.engine"
    orphan.write_bytes(b"x")
    assert store.find_broken() == [orphan]
    assert [one.is_broken for one in engine_statuses(store)] == [True]


@posix
def test_engines_that_another_user_could_replace_are_not_read(
    store: EngineStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """Engines are code. Everything that reads or writes them checks their folder."""
    engine = store.publish(IDENTITY, b"engine", 1.0, "2026-01-01")
    for folder in (store.folder, store.folder.parent):
        folder.chmod(0o777)
        for access in (engine.read, store.engines, store.find_broken, partial(store.find, IDENTITY)):
            with pytest.raises(EngineUntrusted, match=f"{folder} is writable by all users"):
                access()
        with pytest.raises(EngineUntrusted), store.lock(IDENTITY):
            pass
        assert exit_code(["engines", "list", "--out", str(store.folder)]) == 3
        assert "E-ENGINE-04" in capsys.readouterr().err
        folder.chmod(0o755)
    assert engine.read() == b"engine"


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root changes owners")
def test_an_engine_of_another_user_is_not_read(store: EngineStore) -> None:
    engine = store.publish(IDENTITY, b"engine", 1.0, "2026-01-01")
    os.chown(engine.path, 65534, 0)
    with pytest.raises(EngineUntrusted, match="belongs to another user"):
        engine.read()
    assert not engine.is_intact


def test_builders_of_one_engine_exclude_each_other(store: EngineStore) -> None:
    order: list[str] = []

    def second() -> None:
        with store.lock(IDENTITY):
            order.append("second")

    with store.lock(IDENTITY):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"backend_version": "1.6"}, "built for tensorrt-rtx 1.6, but 1.7 is installed"),
        (
            {"graph_sha256": "cd" * 32, "models": "lite 0.9"},
            "built from lite 0.9, which is not the model in use",
        ),
        ({"targets": ("sm89",)}, "built for sm89, but this GPU is sm75"),
        ({"backend": "tensorrt"}, "built for tensorrt, but tensorrt-rtx is requested"),
    ],
)
def test_the_mismatch_of_an_engine_is_explained(
    store: EngineStore, change: dict[str, object], why: str
) -> None:
    store.publish(dataclasses.replace(IDENTITY, **change), b"engine", 1.0, "2026-01-01")  # type: ignore[arg-type]
    wanted = ("trace", "ab" * 32, "tensorrt-rtx", "1.7", (7, 5))
    assert matching_engine(store.engines(), *wanted) == (None, why)
    fits = store.publish(IDENTITY, b"engine", 1.0, "2025-01-01")
    assert matching_engine(store.engines(), *wanted) == (fits, "")


def test_engines_are_stale_after_an_update_of_the_package(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(IDENTITY, b"engine", 1.0, "2026-01-01")
    monkeypatch.setattr(engine_builds, "installed_version", lambda _: "11.4")
    assert engine_statuses(store)[0].reason == "built for tensorrt-rtx 1.7, but 11.4 is installed"
    monkeypatch.setattr(engine_builds, "installed_version", lambda _: "1.7")
    assert engine_statuses(store)[0].reason.startswith("built from lite 1, but lite ")


def test_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert targets_from_texts(["sm75", "sm120", "sm75"]) == (Target((7, 5)), Target((12, 0)))
    with pytest.raises(UnknownChoice, match="sm61"):
        targets_from_texts(["sm61"])
    with pytest.raises(BackendUnusable, match="no NVIDIA GPU") as caught:
        targets_from_texts(["local"])
    assert "--target sm75" in caught.value.hint
    gpus = CudaDevice(0, "L4", (8, 9), 24 << 30), CudaDevice(1, "T4", (7, 5), 16 << 30)
    monkeypatch.setattr(target_module, "cuda_devices", lambda: gpus)
    assert targets_from_texts(["local"]) == (Target((8, 9), gpu=0),)
    assert targets_from_texts(["local"], gpu=1) == (Target((7, 5), gpu=1),)
    assert targets_from_texts(["local", "sm75"]) == (Target((8, 9)), Target((7, 5))), "ahead of time for both"
    assert targets_from_texts(["sm89", "local"]) == (Target((8, 9)),)
    with pytest.raises(BackendUnusable, match="no such GPU") as caught:
        targets_from_texts(["local"], gpu=2)
    assert "--device cuda:1" in caught.value.hint


def test_selection_of_the_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    aot, local = [Target((7, 5))], [Target((8, 9), gpu=0)]
    monkeypatch.setattr(
        engine_builds, "installed_version", lambda name: {"tensorrt": "11.4", "tensorrt-rtx": "1.7"}[name]
    )
    assert select_builder("auto", local) == ("tensorrt", "11.4")
    assert select_builder("auto", aot) == ("tensorrt-rtx", "1.7")
    with pytest.raises(BackendUnusable, match="only for the GPU of this machine"):
        select_builder("tensorrt", aot)
    monkeypatch.setattr(engine_builds, "installed_version", lambda _: None)
    with pytest.raises(BackendUnusable, match="tensorrt-rtx is not installed") as caught:
        select_builder("auto", aot)
    assert caught.value.hint == "pip install tensorrt-rtx"


def test_the_builder_supports_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    h100 = [Target((9, 0), gpu=0)]
    installed = {"tensorrt-rtx": "1.7"}
    monkeypatch.setattr(engine_builds, "installed_version", installed.get)
    for backend in ("auto", "tensorrt-rtx"):
        with pytest.raises(BackendUnusable, match="tensorrt-rtx does not support sm90") as caught:
            select_builder(backend, h100)
        assert "--backend onnxruntime" in caught.value.hint
    with pytest.raises(BackendUnusable, match="tensorrt-rtx does not support sm90"):
        select_builder("auto", [Target((9, 0)), Target((7, 5))])
    installed["tensorrt"] = "11.4"
    assert select_builder("auto", h100) == ("tensorrt", "11.4")


def test_sizes_are_rounded_to_steps() -> None:
    assert batch_from_text("1:4:8") == (1, 4, 8)
    assert batch_from_text("2") == (2, 2, 2)
    for wrong in ("4:1:8", "0", "1:2", "a:b:c"):
        with pytest.raises(UnknownChoice):
            batch_from_text(wrong)
    assert resize_axes(SPEC, Sizes()) == AXES
    batch, height, width = resize_axes(SPEC, Sizes((1, 1, 2), 1000))
    assert (batch, height) == (Axis("batch", 1, 1, 2), Axis("height", 320, 320, 960, 320))
    assert width == Axis("width", 32, 2752, 2752, 32), "the strip of a row of 10 s needs this width"
    assert resize_axes(SPEC, Sizes(max_side=4001))[2].high == 4000
    assert profile_shapes(PIXELS, AXES) == ((1, 320, 32, 3), (4, 320, 2752, 3), (8, 1280, 5504, 3))


def test_tensorrt_rtx_builds_for_the_gpu_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compute capability, tensorrt-rtx builds no code for a T4."""
    trt = MagicMock()
    config = trt.Builder.return_value.create_builder_config.return_value
    trt.Builder.return_value.build_serialized_network.return_value = b"engine"
    gpus: list[int] = []

    def use_gpu(gpu: int) -> AbstractContextManager[None]:
        gpus.append(gpu)
        return nullcontext()

    monkeypatch.setattr(build, "tensorrt_module", lambda _: trt)
    monkeypatch.setattr(build, "tensorrt_logger", lambda _: SimpleNamespace(errors=build.ErrorLog()))
    monkeypatch.setattr(build, "current_gpu", use_gpu)
    target = Target((7, 5), gpu=1)
    assert build.build_engine("tensorrt-rtx", b"graph", SPEC, AXES, [target]) == b"engine"
    config.set_compute_capability.assert_called_once_with(trt.ComputeCapability.SM75, 0)
    assert (config.num_compute_capabilities, gpus) == (1, [1])
    config.set_compute_capability.return_value = False
    with pytest.raises(EngineBuildFailed, match="sm75 was rejected"):
        build.build_engine("tensorrt-rtx", b"graph", SPEC, AXES, [target])
