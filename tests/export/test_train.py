"""Training lowers the loss, resumes bit for bit, and its weights export to graphs that read pages."""

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
from ecgdigit_export.models.shipped import freeze_norms, network_from_graph
from ecgdigit_export.onnx_graph import folded, graph_from_model, prove
from ecgdigit_export.synth.folder import SynthesisRequest, write_pages
from ecgdigit_export.train.callbacks import EpochNote
from ecgdigit_export.train.config_files import settings_from
from ecgdigit_export.train.fit import train_stage
from ecgdigit_export.train.pages import held_out, pages_with_truth
from ecgdigit_export.train.recipes import RECIPES
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_export.train.stage_training import epoch_ends, rate_share
from ecgdigit_export.train.trainer import Trial
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
    list(write_pages(folder, 4, seed=3, order=SynthesisRequest("render"), processes=1))
    return folder


def settings_of(pages: Path, out: Path, family: str, *changes: str) -> TrainSettings:
    """A run of two steps of one sample each, with nothing measured."""
    small = [f"{stage}.{key}" for stage in RECIPES for key in ("steps=2", "batch=1")]
    quick = ["workers=0", "validation.count=0", "log=[]", "epoch_steps=1"]
    return settings_from(family, [f"pages={pages}", f"out={out}", *small, *quick, *changes])


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=pytest.mark.slow if name == "base" else ()) for name in FAMILIES]
)
@pytest.mark.parametrize("stage", list(RECIPES))
def test_samples_fit_their_model(family: str, stage: str, pages: Path, tmp_path: Path) -> None:
    if family in ("direct", "multitask") and stage != "trace":
        pytest.skip("the same network as lite")
    weights = torch.load(train_stage(stage, settings_of(pages, tmp_path, family)), weights_only=True)
    assert weights["step"] == 2
    assert all(torch.isfinite(value).all() for value in weights["weights"].values())


class Killed(Exception):
    """What ends a run in its middle."""


def test_a_run_resumes_bit_for_bit(pages: Path, tmp_path: Path) -> None:
    def killed_at_3(note: EpochNote) -> None:
        if note.step == 3:
            raise Killed

    whole = settings_of(pages, tmp_path / "whole", "lite", "trace.steps=4")
    cut = whole.model_copy(update={"out": tmp_path / "cut"})
    train_stage("trace", whole)
    with pytest.raises(Killed):
        train_stage("trace", cut, say=killed_at_3)
    with pytest.raises(CheckpointExists):
        train_stage("trace", cut)
    train_stage("trace", cut, Trial(resume=True))
    for file, key in (("trace.pt", "weights"), ("trace.ckpt", "current_model_state")):
        one, other = (torch.load(out / file, weights_only=True)[key] for out in (whole.out, cut.out))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    fresh = torch.load(train_stage("trace", cut, Trial(fresh=True)), weights_only=True)
    assert fresh["step"] == 4


@pytest.mark.slow
def test_200_steps_lower_the_loss(pages: Path, tmp_path: Path) -> None:
    notes: list[EpochNote] = []
    settings = settings_of(pages, tmp_path, "lite", "trace.steps=200", "trace.batch=2", "epoch_steps=50")
    train_stage("trace", settings, say=notes.append)
    assert [note.step for note in notes] == [50, 100, 150, 200]
    assert notes[-1].loss < 0.75 * notes[0].loss


def test_a_validation_page_is_measured_in_db(pages: Path, tmp_path: Path) -> None:
    """Weights that are trained already: what is measured is the whole pipeline with this network."""
    notes: list[EpochNote] = []
    settings = settings_of(
        pages, tmp_path, "lite", "trace.steps=1", "trace.rate=1e-9", "validation.count=1",
        "log=[tensorboard]",
        f"start={ROOT / 'export/checkpoints'}",
    )  # fmt: skip
    train_stage("trace", settings, say=notes.append)
    db = notes[-1].db
    assert db is not None
    assert 15 < db < 40
    assert list((tmp_path / "logs" / "trace").rglob("events.out.tfevents.*"))
    (metrics,) = (tmp_path / "logs" / "trace").rglob("metrics.csv")
    with metrics.open() as file:
        logged = [float(line["db"]) for line in csv.DictReader(file) if line["db"]]
    assert logged == pytest.approx([db])


def test_workers_survive_a_validation(pages: Path, tmp_path: Path) -> None:
    """Each epoch starts workers anew, by then from a process with threads."""
    settings = settings_of(pages, tmp_path, "lite", "trace.steps=2", "validation.count=1", "workers=1")
    steps: list[int] = []
    train_stage("trace", settings, say=lambda note: steps.append(note.step))
    assert steps == [1, 2]


@pytest.mark.slow
def test_fine_tuned_weights_export_and_read_pages(pages: Path, tmp_path: Path) -> None:
    settings = settings_of(
        pages, tmp_path, "lite", "trace.rate=1e-6", "grid.rate=1e-6", "locate.rate=1e-6",
        f"start={ROOT / 'export/checkpoints'}",
    )  # fmt: skip
    for stage in RECIPES:
        train_stage(stage, settings)
    export_family(ExportRequest(tmp_path, tmp_path / "models", "9.9.9"))
    page = Digitizer(str(tmp_path / "models"), backend="onnxruntime").digitize(
        ROOT / "examples/000000_render.jpg"
    )
    assert len(page.leads) == 12
    assert page.provenance is not None
    assert page.provenance.models == "models 9.9.9"  # a folder's models go by its name


@pytest.mark.parametrize("stage", list(RECIPES))
def test_the_shipped_models_are_a_beginning(stage: str) -> None:
    """What they compute is what is fine-tuned, though their norms are folded away."""
    graph = load_models("lite", precision="fp32").graphs[stage]
    network = stage_network("lite", stage)
    network_from_graph(network, graph)
    freeze_norms(network.train())
    pixels = torch.randint(0, 256, (1, 320, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        said, wanted = network(pixels), eager_module(graph)(pixels)
    for one, other in zip(
        *(out if isinstance(out, tuple) else (out,) for out in (said, wanted)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-3)


def test_frozen_norms_stay_as_they_are(pages: Path, tmp_path: Path) -> None:
    settings = settings_of(pages, tmp_path, "lite", "start=lite", "trace.rate=1e-4")
    weights = torch.load(train_stage("trace", settings), weights_only=True)["weights"]
    means = [value for name, value in weights.items() if name.endswith("running_mean")]
    assert means
    assert all((value == 0).all() for value in means)


def test_debug_leaves_a_picture_of_the_samples(pages: Path, tmp_path: Path) -> None:
    for stage in RECIPES:
        train_stage(stage, settings_of(pages, tmp_path, "lite", f"{stage}.steps=500"), Trial(debug=True))
        picture = cv2.imread(str(tmp_path / "debug" / f"{stage}-samples.png"))
        assert picture is not None
        assert picture.shape[1] == 3 * 512
    assert not (tmp_path / "trace.pt").exists()


def test_overfitting_sees_the_same_batches_in_every_epoch(pages: Path, tmp_path: Path) -> None:
    """With a rate of nearly nothing, one batch again and again has one loss."""
    losses: list[float] = []
    settings = settings_of(pages, tmp_path, "lite", "trace.rate=1e-12", "trace.steps=3")
    train_stage("trace", settings, Trial(overfit=1), lambda note: losses.append(note.loss))
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


def test_gradients_accumulate(pages: Path, tmp_path: Path) -> None:
    settings = settings_of(pages, tmp_path, "lite", "trace.accumulate=3", "trace.steps=2")
    assert torch.load(train_stage("trace", settings), weights_only=True)["step"] == 2


def test_epochs_make_up_the_steps() -> None:
    assert epoch_ends(450, 200) == [225, 450]
    assert epoch_ends(3, 200) == [3]
    assert [epoch_ends(steps, 7)[-1] for steps in (1, 10, 99)] == [1, 10, 99]
    assert rate_share(0, 1000) < rate_share(99, 1000) > rate_share(500, 1000) > rate_share(999, 1000) > 0.019


def test_pages_that_are_held_out_stay_so_when_the_folder_grows() -> None:
    names = [Path(f"{k:06d}_render.npz") for k in range(40)]
    few, many = held_out(names[:32], 4), held_out(names, 4)
    assert len(few[1]) == len(many[1]) == 4
    assert not set(few[0]) & set(few[1])
    assert len(set(few[1]) & set(many[1])) >= 2  # a new page may take a place, but none is shuffled
    assert held_out(names[:3], 4)[1] == []


def test_a_folder_without_pages_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingPagesMissing, match="no pages"):
        pages_with_truth(tmp_path)


@pytest.mark.filterwarnings(
    "ignore:Exporting a model to ONNX with a batch_size:UserWarning"
)  # batches: proven
@pytest.mark.parametrize(("family", "stage"), [(f, s) for f, stages in FAMILIES.items() for s in stages])
def test_onnx_equals_torch(family: str, stage: str) -> None:
    if family in ("direct", "multitask") and stage != "trace":
        pytest.skip("the same network as lite")
    torch.manual_seed(0)
    model = stage_network(family, stage)
    model.train()
    with torch.no_grad():  # give the norms something to fold
        model(torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8))
    model = folded(model.eval())
    graph = graph_from_model(stage, model, {"version": "test"}, "fp32")
    height = 320 if stage == "trace" else 64  # strips have no other
    picture = np.random.default_rng(0).integers(0, 256, (height, 96, 3), dtype=np.uint8)
    assert prove(stage, model, graph, [picture]).cases == 3


def test_the_proof_notices_other_weights() -> None:
    torch.manual_seed(0)
    model = stage_network("lite", "trace").eval()
    graph = graph_from_model("trace", model, {}, "fp32")
    with torch.no_grad():
        model.state_dict()["head.weight"].mul_(1.05)
    with pytest.raises(ValueError, match="away from PyTorch"):
        prove("trace", model, graph, [])


def test_a_run_begins_with_given_weights(pages: Path, tmp_path: Path) -> None:
    model = stage_network("lite", "trace")
    with torch.no_grad():
        model.state_dict()["head.bias"].fill_(7.0)
    torch.save({"weights": model.state_dict()}, tmp_path / "trace.pt")
    settings = settings_of(pages, tmp_path / "out", "lite", f"start={tmp_path}")
    state = torch.load(train_stage("trace", settings), weights_only=True)
    assert state["weights"]["head.bias"].numpy() == pytest.approx(np.full(8, 7.0), abs=0.01)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_both_precisions_train(precision: str, pages: Path, tmp_path: Path) -> None:
    settings = settings_of(pages, tmp_path, "lite", f"precision={precision}")
    state = torch.load(train_stage("trace", settings), weights_only=True)
    assert {value.dtype for value in state["weights"].values()} <= {torch.float32, torch.int64}


def test_a_network_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="base trace"):
        stage_network("huge", "trace")


def test_crossing_rows_are_found_where_they_cross(pages: Path) -> None:
    from ecgdigit_export.synth.truth import load_truth
    from ecgdigit_export.train.trace import _meetings

    truth = load_truth(min(pages.glob("*.npz")))
    first, second = truth.layout.rows[:2]
    upper, lower = truth.curves[0].copy(), truth.curves[1].copy()
    upper[:], lower[:] = 0, 0
    lower[1000:1010] = second.baseline_mm - first.baseline_mm + 5
    crossing = replace(truth, curves=(upper, lower, *truth.curves[2:]))
    found = [place for row, place in _meetings(crossing, -3.0) if row == 0]
    assert found == pytest.approx([first.start_mm + k / 20 for k in range(1000, 1010)])
