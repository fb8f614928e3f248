"""The shipped models: whole, checked, and of the shape that the pipeline expects."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import ecgdigit_rt.models
from ecgdigit_engine.backends.onnx_runtime import OnnxRuntimeRunner
from ecgdigit_rt.errors import ModelCorrupt, ModelMissing
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.stages import HEATMAPS

LITE = Path(ecgdigit_rt.models.__file__).parent / "lite"


def test_every_graph_matches_the_manifest() -> None:
    family = load_models("lite")
    assert set(family.graphs) == set(STAGES)
    assert "PTB-XL" in json.loads((LITE / "manifest.json").read_text())["attribution"]


@pytest.mark.parametrize("shape", [(1, 320, 256, 3), (2, 320, 512, 3), (1, 640, 256, 3)])
def test_trace_takes_bytes_and_gives_a_distribution_per_half_millimetre_tenth(shape: tuple[int, ...]) -> None:
    runner = OnnxRuntimeRunner(load_models().graphs["trace"], threads=1)
    assert runner.spec.stage == "trace"
    assert runner.spec.inputs[0].dtype == "uint8"
    found = runner.run({"pixels": np.zeros(shape, np.uint8)})
    assert found["height_logits"].shape == (shape[0], shape[1] // 2, 2 * shape[2])
    assert found["presence_logits"].shape == (shape[0], 2 * shape[2])


def test_locate_and_grid_give_maps_at_stride_four() -> None:
    graphs = load_models().graphs
    pixels = np.zeros((1, 96, 160, 3), np.uint8)
    found = OnnxRuntimeRunner(graphs["locate"], 1).run({"pixels": pixels})
    assert found["heatmaps"].shape == (1, len(HEATMAPS), 24, 40)
    assert found["turns"].sum() == pytest.approx(1, abs=1e-5)
    assert OnnxRuntimeRunner(graphs["grid"], 1).run({"pixels": pixels})["phase"].shape == (1, 4, 24, 40)


def test_a_changed_graph_is_refused(tmp_path: Path) -> None:
    shutil.copytree(LITE, tmp_path / "lite")
    graph = tmp_path / "lite" / "grid.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(bytes(data))
    with pytest.raises(ModelCorrupt):
        load_models("lite", tmp_path)


def test_a_missing_family_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="huge"):
        load_models("huge", tmp_path)


def test_a_folder_of_ones_own_is_meant_by_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(LITE, tmp_path / "lite")
    manifest = json.loads((tmp_path / "lite" / "manifest.json").read_text())
    (tmp_path / "lite" / "manifest.json").write_text(json.dumps(manifest | {"version": "own"}))
    monkeypatch.chdir(tmp_path)
    assert [load_models(name).version for name in ("./lite", str(tmp_path / "lite"))] == ["own", "own"]
    assert load_models("lite").version != "own"
    for text in ("{", "[]", "{}"):
        (tmp_path / "lite" / "manifest.json").write_text(text)
        with pytest.raises(ModelCorrupt, match="manifest"):
            load_models("./lite")
