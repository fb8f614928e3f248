"""Engines: real ones built for a T4 without one, kept whole, found again, and explained when stale."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import threading
import time
from pathlib import Path

import pytest

from ecgdigit_engine.device import CudaDevice
from ecgdigit_engine.errors import BackendUnusable, EngineBuildFailed, EngineCorrupt, UnknownChoice
from ecgdigit_engine.spec import Axis, Port, StageSpec
from ecgdigit_engine.tensorrt import target as target_module
from ecgdigit_engine.tensorrt.matching import matching_engine
from ecgdigit_engine.tensorrt.profile import Sizes, axes_with, batch_from_text, profile_shapes
from ecgdigit_engine.tensorrt.store import EngineIdentity, EngineStore
from ecgdigit_engine.tensorrt.target import Target, targets_from_texts
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.models import STAGES, engine_builds
from ecgdigit_rt.models.engine_builds import EngineBuildRequest, build_engines, builder_for, engine_statuses
from ecgdigit_rt.stages import SAMPLER

AXES = (Axis("batch", 1, 4, 8), Axis("height", 320, 320, 1280, 320), Axis("width", 32, 2752, 5504, 32))
PIXELS = Port("pixels", "uint8", ("batch", "height", "width", 3))
SPEC = StageSpec("trace", "1", "fp16", (PIXELS,), (), AXES)
PAPERS = EngineIdentity("trace", "lite 1", "ab" * 32, "fp16", "tensorrt-rtx", "1.7", ("sm75",), AXES)

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx is not installed"
)


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


@needs_rtx
def test_all_stages_are_built_for_a_t4_and_found_again(store: EngineStore) -> None:
    order = EngineBuildRequest(targets=("sm75",))
    built = build_engines(order, store)
    assert [one.engine.papers.stage for one in built] == [*STAGES, SAMPLER]
    assert all(one.fresh for one in built)
    assert all(one.engine.size > 1_000_000 for one in built[:-1]), "those with weights"
    for one in built:  # the profile is in the engine: all sizes of each axis, not one
        papers = one.engine.papers
        assert all(axis.low < axis.high for axis in papers.axes)
        assert papers.targets == ("sm75",)
        assert one.engine.read()
    again = build_engines(order, store)
    assert not any(one.fresh for one in again)
    assert [one.reason for one in engine_statuses(store)] == [""] * 4


@needs_rtx
def test_several_targets_fit_one_engine_and_sizes_are_the_users(store: EngineStore) -> None:
    order = EngineBuildRequest(targets=("sm80", "sm89"), sizes=Sizes((1, 2, 3), 1024))
    papers = [one.engine.papers for one in build_engines(order, store)]
    assert {one.targets for one in papers} == {("sm80", "sm89")}
    assert all(one.axes[0] == Axis("batch", 1, 2, 3) for one in papers)
    assert max(axis.high for one in papers for axis in one.axes) == 1024


@needs_rtx
def test_what_a_card_cannot_do_is_a_named_failure_and_leaves_nothing(store: EngineStore) -> None:
    """Turing has no FP32 matrix product there, and stage 0 has one."""
    with pytest.raises(EngineBuildFailed, match=r"locate could not be built for sm75.*GEMM"):
        build_engines(EngineBuildRequest(targets=("sm75",), precision="fp32"), store)
    assert list(store.folder.glob("*.engine")) == []


@needs_rtx
def test_the_command_builds_lists_verifies_and_cleans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_papers_make_the_key() -> None:
    others = [
        dataclasses.replace(PAPERS, graph_sha256="cd" * 32),
        dataclasses.replace(PAPERS, backend_version="1.8"),
        dataclasses.replace(PAPERS, targets=("sm75", "sm89")),
        dataclasses.replace(PAPERS, axes=(Axis("batch", 1, 4, 9), *AXES[1:])),
        dataclasses.replace(PAPERS, flags=("other",)),
    ]
    assert len({one.key for one in [PAPERS, *others]}) == 6
    assert dataclasses.replace(PAPERS).key == PAPERS.key


def test_an_engine_is_published_whole_and_damage_is_seen(store: EngineStore) -> None:
    engine = store.publish(PAPERS, b"engine", 1.0, "2026-01-01T00:00:00+00:00")
    assert store.find(PAPERS) == engine == store.engines()[0]
    assert engine.read() == b"engine"
    assert store.broken() == []
    engine.path.write_bytes(b"enginf")
    with pytest.raises(EngineCorrupt, match="SHA-256"):
        engine.read()
    assert store.broken() == [engine.path.with_suffix(".json")]
    store.remove(engine.path)
    orphan = store.folder / "left.engine"
    orphan.write_bytes(b"x")
    assert store.broken() == [orphan]
    assert [one.is_broken for one in engine_statuses(store)] == [True]


def test_two_builders_wait_for_each_other(store: EngineStore) -> None:
    order: list[str] = []

    def second() -> None:
        with store.locked(PAPERS):
            order.append("second")

    with store.locked(PAPERS):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"backend_version": "1.6"}, "built for tensorrt-rtx 1.6, found 1.7"),
        (
            {"graph_sha256": "cd" * 32, "models": "lite 0.9"},
            "built from lite 0.9, which is not the model at hand",
        ),
        ({"targets": ("sm89",)}, "built for sm89, this card is sm75"),
        ({"backend": "tensorrt"}, "built for tensorrt, asked for tensorrt-rtx"),
    ],
)
def test_a_stale_engine_is_explained(store: EngineStore, change: dict[str, object], why: str) -> None:
    store.publish(dataclasses.replace(PAPERS, **change), b"engine", 1.0, "2026-01-01")  # type: ignore[arg-type]
    wanted = ("trace", "ab" * 32, "tensorrt-rtx", "1.7", (7, 5))
    assert matching_engine(store.engines(), *wanted) == (None, why)
    fits = store.publish(PAPERS, b"engine", 1.0, "2025-01-01")
    assert matching_engine(store.engines(), *wanted) == (fits, "")


def test_a_newer_package_makes_engines_stale_in_words(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(PAPERS, b"engine", 1.0, "2026-01-01")
    monkeypatch.setattr(engine_builds, "installed", lambda _: "11.4")
    assert engine_statuses(store)[0].reason == "built for tensorrt-rtx 1.7, found 11.4"
    monkeypatch.setattr(engine_builds, "installed", lambda _: "1.7")
    assert engine_statuses(store)[0].reason.startswith("built from lite 1, installed is lite ")


def test_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert targets_from_texts(["sm75", "sm120", "sm75"]) == (Target((7, 5), True), Target((12, 0), True))
    with pytest.raises(UnknownChoice, match="sm61"):
        targets_from_texts(["sm61"])
    with pytest.raises(BackendUnusable, match="no NVIDIA card") as caught:
        targets_from_texts(["local"])
    assert "--target sm75" in caught.value.hint
    card = CudaDevice(0, "L4", (8, 9), 24 << 30)
    monkeypatch.setattr(target_module, "cuda_cards", lambda: (card,))
    assert targets_from_texts(["local"]) == (Target((8, 9), False),)


def test_who_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, here = [Target((7, 5), True)], [Target((8, 9), False)]
    monkeypatch.setattr(
        engine_builds, "installed", lambda name: {"tensorrt": "11.4", "tensorrt-rtx": "1.7"}[name]
    )
    assert builder_for("auto", here) == ("tensorrt", "11.4")
    assert builder_for("auto", ahead) == ("tensorrt-rtx", "1.7")
    with pytest.raises(BackendUnusable, match="card at hand alone"):
        builder_for("tensorrt", ahead)
    monkeypatch.setattr(engine_builds, "installed", lambda _: None)
    with pytest.raises(BackendUnusable, match="tensorrt-rtx is not installed") as caught:
        builder_for("auto", ahead)
    assert caught.value.hint == "pip install tensorrt-rtx"


def test_sizes_stay_in_steps() -> None:
    assert batch_from_text("1:4:8") == (1, 4, 8)
    assert batch_from_text("2") == (2, 2, 2)
    for wrong in ("4:1:8", "0", "1:2", "a:b:c"):
        with pytest.raises(UnknownChoice):
            batch_from_text(wrong)
    assert axes_with(SPEC, Sizes()) == AXES
    batch, height, width = axes_with(SPEC, Sizes((1, 1, 2), 1000))
    assert (batch, height) == (Axis("batch", 1, 1, 2), Axis("height", 320, 320, 960, 320))
    assert width == Axis("width", 32, 992, 992, 32)
    assert profile_shapes(PIXELS, AXES) == ((1, 320, 32, 3), (4, 320, 2752, 3), (8, 1280, 5504, 3))
