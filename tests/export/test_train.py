"""Training: loss, resumption, validation, initial weights, and export to graphs."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

import cv2

from ecgdigit_export.eager import eager_module
from ecgdigit_export.family_export import ExportRequest, export_family
from ecgdigit_export.models.families import FAMILIES, stage_network
from ecgdigit_export.models.pretrained import freeze_norms, load_graph_weights
from ecgdigit_export.onnx_graph import check_parity, fuse_batchnorm, graph_from_model
from ecgdigit_export.synth.folder import SynthesisRequest, write_pages
from ecgdigit_export.train.callbacks import EpochSummary
from ecgdigit_export.train.config_files import load_settings
from ecgdigit_export.train.fit import train_stage
from ecgdigit_export.train.pages import pages_with_truth, split_held_out
from ecgdigit_export.train.recipes import RECIPES
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_export.train.stage_training import epoch_ends, rate_fraction
from ecgdigit_export.train.trainer import RunMode
from ecgdigit_rt import Digitizer
from ecgdigit_rt.errors import CheckpointExists, TrainingPagesMissing
from ecgdigit_rt.models import load_models

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    list(write_pages(folder, 4, seed=3, request=SynthesisRequest("render"), processes=1))
    return folder


def short_settings(pages: Path, out: Path, family: str, *changes: str) -> TrainSettings:
    """Return settings with two steps of one sample each, without validation."""
    small = [f"{stage}.{key}" for stage in RECIPES for key in ("steps=2", "batch=1")]
    quick = ["workers=0", "validation.count=0", "log=[]", "epoch_steps=1"]
    return load_settings(family, [f"pages={pages}", f"out={out}", *small, *quick, *changes])


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=pytest.mark.slow if name == "base" else ()) for name in FAMILIES]
)
@pytest.mark.parametrize("stage", list(RECIPES))
def test_each_stage_of_each_family_trains(family: str, stage: str, pages: Path, tmp_path: Path) -> None:
    if family in ("direct", "multitask") and stage != "trace":
        pytest.skip("the same network as lite")
    weights = torch.load(train_stage(stage, short_settings(pages, tmp_path, family)), weights_only=True)
    assert weights["step"] == 2
    assert all(torch.isfinite(value).all() for value in weights["weights"].values())


class Interrupted(Exception):
    """Error that ends a run before its last step."""


def test_a_resumed_run_is_identical(pages: Path, tmp_path: Path) -> None:
    def interrupt_at_3(summary: EpochSummary) -> None:
        if summary.step == 3:
            raise Interrupted

    complete = short_settings(pages, tmp_path / "complete", "lite", "trace.steps=4")
    interrupted = complete.model_copy(update={"out": tmp_path / "interrupted"})
    train_stage("trace", complete)
    with pytest.raises(Interrupted):
        train_stage("trace", interrupted, on_epoch=interrupt_at_3)
    with pytest.raises(CheckpointExists):
        train_stage("trace", interrupted)
    train_stage("trace", interrupted, RunMode(resume=True))
    for file, key in (("trace.pt", "weights"), ("trace.ckpt", "current_model_state")):
        one, other = (
            torch.load(out / file, weights_only=True)[key] for out in (complete.out, interrupted.out)
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    restarted = torch.load(train_stage("trace", interrupted, RunMode(restart=True)), weights_only=True)
    assert restarted["step"] == 4


@pytest.mark.slow
def test_200_steps_lower_the_loss(pages: Path, tmp_path: Path) -> None:
    summaries: list[EpochSummary] = []
    settings = short_settings(pages, tmp_path, "lite", "trace.steps=200", "trace.batch=2", "epoch_steps=50")
    train_stage("trace", settings, on_epoch=summaries.append)
    assert [summary.step for summary in summaries] == [50, 100, 150, 200]
    assert summaries[-1].loss < 0.75 * summaries[0].loss


def test_validation_scores_pages_in_db(pages: Path, tmp_path: Path) -> None:
    """The score is that of the whole pipeline with the current network, which has trained weights here."""
    summaries: list[EpochSummary] = []
    settings = short_settings(
        pages, tmp_path, "lite", "trace.steps=1", "trace.rate=1e-9", "validation.count=1",
        "log=[tensorboard]",
        f"init_from={ROOT / 'export/checkpoints'}",
    )  # fmt: skip
    train_stage("trace", settings, on_epoch=summaries.append)
    db = summaries[-1].db
    assert db is not None
    assert 15 < db < 40
    assert list((tmp_path / "logs" / "trace").rglob("events.out.tfevents.*"))
    (metrics,) = (tmp_path / "logs" / "trace").rglob("metrics.csv")
    with metrics.open() as file:
        logged = [float(line["db"]) for line in csv.DictReader(file) if line["db"]]
    assert logged == pytest.approx([db])


def test_workers_survive_a_validation(pages: Path, tmp_path: Path) -> None:
    """Each epoch starts new workers. After validation, the process has several threads."""
    settings = short_settings(pages, tmp_path, "lite", "trace.steps=2", "validation.count=1", "workers=1")
    steps: list[int] = []
    train_stage("trace", settings, on_epoch=lambda summary: steps.append(summary.step))
    assert steps == [1, 2]


@pytest.mark.slow
def test_fine_tuned_weights_are_exported_and_digitize_pages(pages: Path, tmp_path: Path) -> None:
    settings = short_settings(
        pages, tmp_path, "lite", "trace.rate=1e-6", "grid.rate=1e-6", "locate.rate=1e-6",
        f"init_from={ROOT / 'export/checkpoints'}",
    )  # fmt: skip
    for stage in RECIPES:
        train_stage(stage, settings)
    export_family(ExportRequest(tmp_path, tmp_path / "models", "9.9.9"))
    page = Digitizer(str(tmp_path / "models"), backend="onnxruntime").digitize(
        ROOT / "examples/000000_render.jpg"
    )
    assert len(page.leads) == 12
    assert page.provenance is not None
    assert page.provenance.models == "models 9.9.9"  # the name of the folder is that of the models


@pytest.mark.parametrize("stage", list(RECIPES))
def test_a_network_initialised_from_a_graph_computes_the_same(stage: str) -> None:
    """The outputs equal those of the shipped graph, in which norms are fused."""
    graph = load_models("lite", precision="fp32").graphs[stage]
    network = stage_network("lite", stage)
    load_graph_weights(network, graph)
    freeze_norms(network.train())
    pixels = torch.randint(0, 256, (1, 320, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        outputs, expected = network(pixels), eager_module(graph)(pixels)
    for one, other in zip(
        *(out if isinstance(out, tuple) else (out,) for out in (outputs, expected)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-3)


def test_frozen_norms_are_unchanged(pages: Path, tmp_path: Path) -> None:
    settings = short_settings(pages, tmp_path, "lite", "init_from=lite", "trace.rate=1e-4")
    weights = torch.load(train_stage("trace", settings), weights_only=True)["weights"]
    means = [value for name, value in weights.items() if name.endswith("running_mean")]
    assert means
    assert all((value == 0).all() for value in means)


def test_debug_writes_a_sample_sheet(pages: Path, tmp_path: Path) -> None:
    for stage in RECIPES:
        train_stage(stage, short_settings(pages, tmp_path, "lite", f"{stage}.steps=500"), RunMode(debug=True))
        sheet = cv2.imread(str(tmp_path / "debug" / f"{stage}-samples.png"))
        assert sheet is not None
        assert sheet.shape[1] == 3 * 512
    assert not (tmp_path / "trace.pt").exists()


def test_overfitting_repeats_the_same_batches(pages: Path, tmp_path: Path) -> None:
    """With a learning rate near 0, the loss of a repeated batch is constant."""
    losses: list[float] = []
    settings = short_settings(pages, tmp_path, "lite", "trace.rate=1e-12", "trace.steps=3")
    train_stage("trace", settings, RunMode(overfit=1), lambda summary: losses.append(summary.loss))
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


def test_gradients_accumulate(pages: Path, tmp_path: Path) -> None:
    settings = short_settings(pages, tmp_path, "lite", "trace.accumulate=3", "trace.steps=2")
    assert torch.load(train_stage("trace", settings), weights_only=True)["step"] == 2


def test_epochs_add_up_to_the_steps() -> None:
    assert epoch_ends(450, 200) == [225, 450]
    assert epoch_ends(3, 200) == [3]
    assert [epoch_ends(steps, 7)[-1] for steps in (1, 10, 99)] == [1, 10, 99]
    assert rate_fraction(0, 1000) < rate_fraction(99, 1000) > rate_fraction(500, 1000)
    assert rate_fraction(500, 1000) > rate_fraction(999, 1000) > 0.019


def test_pages_stay_held_out_if_pages_are_added() -> None:
    names = [Path(f"{k:06d}_render.npz") for k in range(40)]
    small, large = split_held_out(names[:32], 4), split_held_out(names, 4)
    assert len(small[1]) == len(large[1]) == 4
    assert not set(small[0]) & set(small[1])
    assert len(set(small[1]) & set(large[1])) >= 2  # a new page may replace one of them
    assert split_held_out(names[:3], 4)[1] == []


def test_a_folder_without_pages_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(TrainingPagesMissing, match="No pages"):
        pages_with_truth(tmp_path)


@pytest.mark.filterwarnings(
    "ignore:Exporting a model to ONNX with a batch_size:UserWarning"
)  # the test covers several batch sizes
@pytest.mark.parametrize(("family", "stage"), [(f, s) for f, stages in FAMILIES.items() for s in stages])
def test_onnx_equals_torch(family: str, stage: str) -> None:
    if family in ("direct", "multitask") and stage != "trace":
        pytest.skip("the same network as lite")
    torch.manual_seed(0)
    model = stage_network(family, stage)
    model.train()
    with torch.no_grad():  # change the initial statistics of the norms
        model(torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8))
    model = fuse_batchnorm(model.eval())
    graph = graph_from_model(stage, model, {"version": "test"}, "fp32")
    height = 320 if stage == "trace" else 64  # the minimum height of strips
    image = np.random.default_rng(0).integers(0, 256, (height, 96, 3), dtype=np.uint8)
    assert check_parity(stage, model, graph, [image]).cases == 3


def test_the_parity_check_detects_other_weights() -> None:
    torch.manual_seed(0)
    model = stage_network("lite", "trace").eval()
    graph = graph_from_model("trace", model, {}, "fp32")
    with torch.no_grad():
        model.state_dict()["head.weight"].mul_(1.05)
    with pytest.raises(ValueError, match="differs from PyTorch"):
        check_parity("trace", model, graph, [])


def test_the_parity_check_rejects_nan() -> None:
    model = stage_network("lite", "trace").eval()
    with torch.no_grad():
        model.state_dict()["head.bias"].fill_(float("nan"))
    graph = graph_from_model("trace", model, {}, "fp32")
    with pytest.raises(ValueError, match="differs from PyTorch by nan"):
        check_parity("trace", model, graph, [])


def test_a_run_starts_from_initial_weights(pages: Path, tmp_path: Path) -> None:
    model = stage_network("lite", "trace")
    with torch.no_grad():
        model.state_dict()["head.bias"].fill_(7.0)
    torch.save({"weights": model.state_dict()}, tmp_path / "trace.pt")
    settings = short_settings(pages, tmp_path / "out", "lite", f"init_from={tmp_path}")
    state = torch.load(train_stage("trace", settings), weights_only=True)
    assert state["weights"]["head.bias"].numpy() == pytest.approx(np.full(8, 7.0), abs=0.01)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_both_precisions_train(precision: str, pages: Path, tmp_path: Path) -> None:
    settings = short_settings(pages, tmp_path, "lite", f"precision={precision}")
    state = torch.load(train_stage("trace", settings), weights_only=True)
    assert {value.dtype for value in state["weights"].values()} <= {torch.float32, torch.int64}


def test_an_unknown_network_is_rejected() -> None:
    with pytest.raises(ValueError, match="base trace"):
        stage_network("huge", "trace")


def test_crossings_of_rows_are_found(pages: Path) -> None:
    from ecgdigit_export.synth.truth import load_truth
    from ecgdigit_export.train.trace import _find_meetings

    truth = load_truth(min(pages.glob("*.npz")))
    first, second = truth.layout.rows[:2]
    upper, lower = truth.curves[0].copy(), truth.curves[1].copy()
    upper[:], lower[:] = 0, 0
    lower[1000:1010] = second.baseline_mm - first.baseline_mm + 5
    crossing = replace(truth, curves=(upper, lower, *truth.curves[2:]))
    positions = [position for row, position in _find_meetings(crossing, -3.0) if row == 0]
    assert positions == pytest.approx([first.start_mm + k / 20 for k in range(1000, 1010)])
