"""Training lowers the loss, resumes where it stopped, and its weights export to equal graphs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytest.importorskip("onnx")

from ecgdigit_export.models.families import FAMILIES, stage_network
from ecgdigit_export.onnx_graph import folded, graph_from_model, prove
from ecgdigit_export.synth.folder import PageOrder, write_pages
from ecgdigit_export.train.loop import RECIPES, TrainOptions, train_stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    list(write_pages(folder, 3, seed=3, order=PageOrder("render"), processes=1))
    return folder


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("stage", list(RECIPES))
def test_samples_fit_their_model(family: str, stage: str, pages: Path) -> None:
    out = pages / "out" / family
    options = TrainOptions(pages, out, steps=2, batch=1, workers=0, save_every=1, threads=2, family=family)
    checkpoint = train_stage(stage, options)
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] == 2
    assert train_stage(stage, replace(options, steps=3)) == checkpoint
    assert torch.load(checkpoint, weights_only=True)["step"] == 3


@pytest.mark.slow
def test_the_trace_loss_falls(pages: Path) -> None:
    options = TrainOptions(pages, pages / "out" / "falls", steps=40, batch=4, workers=0, threads=2)
    train_stage("trace", options)
    lines = [json.loads(line) for line in (options.out / "trace.log.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.92 * lines[0]["loss"]


@pytest.mark.parametrize(("family", "stage"), [(f, s) for f, stages in FAMILIES.items() for s in stages])
def test_onnx_equals_torch(family: str, stage: str) -> None:
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
    options = TrainOptions(pages, tmp_path / "out", 1, batch=1, workers=0, save_every=1, start=tmp_path)
    state = torch.load(train_stage("trace", options), weights_only=True)
    assert state["model"]["head.bias"].numpy() == pytest.approx(np.full(8, 7.0), abs=0.01)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_both_precisions_train(precision: str, pages: Path, tmp_path: Path) -> None:
    options = TrainOptions(pages, tmp_path, 1, batch=1, workers=0, save_every=1, precision=precision)
    state = torch.load(train_stage("trace", options), weights_only=True)
    assert {value.dtype for value in state["model"].values()} <= {torch.float32, torch.int64}


def test_names_that_are_none_are_refused(pages: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="base trace"):
        stage_network("huge", "trace")
    with pytest.raises(ValueError, match="precision"):
        train_stage("trace", TrainOptions(pages, tmp_path, 1, precision="fp8"))


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
