"""Shipped models: integrity, shapes of the outputs, and selection of a family."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import ecgdigit_rt.models
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.errors import ModelCorrupt, ModelMissing
from ecgdigit_rt.models import STAGES, graph_file, graph_precisions, load_models, load_sampler
from ecgdigit_rt.stages import HEATMAPS, SAMPLER

LITE = Path(ecgdigit_rt.models.__file__).parent / "lite"
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_graph_matches_the_manifest() -> None:
    lite = load_models("lite")
    assert set(lite.graphs) == set(STAGES)
    assert "PTB-XL" in json.loads((LITE / "manifest.json").read_text())["attribution"]


@pytest.mark.parametrize("shape", [(1, 320, 256, 3), (2, 320, 512, 3), (1, 640, 256, 3)])
def test_shapes_of_the_outputs_of_trace(shape: tuple[int, ...]) -> None:
    runner = OnnxRuntimeRunner(load_models().graphs["trace"], threads=1)
    assert runner.spec.stage == "trace"
    assert runner.spec.inputs[0].dtype == "uint8"
    outputs = runner.run({"pixels": np.zeros(shape, np.uint8)})
    assert outputs["height_logits"].shape == (shape[0], shape[1] // 2, 2 * shape[2])
    assert outputs["presence_logits"].shape == (shape[0], 2 * shape[2])


def test_locate_and_grid_have_outputs_at_stride_4() -> None:
    graphs = load_models().graphs
    pixels = np.zeros((1, 96, 160, 3), np.uint8)
    outputs = OnnxRuntimeRunner(graphs["locate"], 1).run({"pixels": pixels})
    assert outputs["heatmaps"].shape == (1, len(HEATMAPS), 24, 40)
    assert outputs["turns"].sum() == pytest.approx(1, abs=1e-5)
    assert OnnxRuntimeRunner(graphs["grid"], 1).run({"pixels": pixels})["phase"].shape == (1, 4, 24, 40)


def shipped_files() -> list[str]:
    return sorted(path.name for path in LITE.glob("*.onnx"))


def open_all(root: Path) -> None:
    """Open all graphs of a family."""
    for precision in graph_precisions(str(root)):
        load_models(str(root), precision=precision)
    load_sampler(str(root))


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Return a copy of the shipped family in a folder of the kind that `export` writes."""
    return Path(shutil.copytree(LITE, tmp_path / "custom"))


def test_every_shipped_graph_is_in_the_manifest() -> None:
    manifest = json.loads((LITE / "manifest.json").read_text())
    stages = [graph["file"] for stage in manifest["stages"].values() for graph in stage["graphs"].values()]
    assert sorted([*stages, manifest[SAMPLER]["file"]]) == shipped_files()


@pytest.mark.parametrize("file", shipped_files())
def test_a_graph_with_a_flipped_bit_is_rejected(family: Path, file: str) -> None:
    open_all(family)
    graph = bytearray((family / file).read_bytes())
    digest = hashlib.sha256(graph).hexdigest()
    graph[len(graph) // 2] ^= 1
    (family / file).write_bytes(graph)
    with pytest.raises(
        ModelCorrupt, match=f"{file} .found SHA-256 .*expected SHA-256 {digest[:12]}"
    ) as caught:
        open_all(family)
    assert (caught.value.expected, caught.value.found) == (digest, hashlib.sha256(graph).hexdigest())


def test_the_command_rejects_a_damaged_graph(family: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = bytearray((family / "grid.int8.onnx").read_bytes())
    graph[-1] ^= 1
    for precision in ("int8", "fp32", "fp16"):
        (family / graph_file("grid", precision)).write_bytes(graph)
    page = str(next(EXAMPLES.glob("*.jpg")))
    assert exit_code(["run", page, "--out", str(family / "x.csv"), "--models", str(family)]) == 3
    assert "E-MODEL-02" in capsys.readouterr().err


@pytest.mark.parametrize("removed", ["stages/grid", "stages/trace/graphs", "sampler", "sampler/sha256"])
def test_a_manifest_without_a_checksum_is_rejected(family: Path, removed: str) -> None:
    manifest = json.loads((family / "manifest.json").read_text())
    *parents, last = removed.split("/")
    node = manifest
    for key in parents:
        node = node[key]
    del node[last]
    (family / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelCorrupt, match="manifest"):
        open_all(family)


@pytest.mark.parametrize("outside", ["../elsewhere.onnx", "absolute", "link"])
def test_files_outside_the_folder_are_not_opened(family: Path, tmp_path: Path, outside: str) -> None:
    """The digest is right, so that only the position of the file is wrong."""
    elsewhere = tmp_path / "elsewhere.onnx"
    (family / "grid.onnx").rename(elsewhere)
    (family / "link").symlink_to(elsewhere)
    manifest = json.loads((family / "manifest.json").read_text())
    name = str(elsewhere) if outside == "absolute" else outside
    manifest["stages"]["grid"]["graphs"]["fp32"]["file"] = name
    (family / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelCorrupt, match=f"found {name}, which is outside, expected files in its own"):
        load_models(str(family))


def test_weights_in_other_files_are_not_opened(
    family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime reads such files from the working directory, and their digest is not in the manifest."""
    onnx = pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    graph = onnx.load(family / "grid.onnx")
    onnx.save_model(graph, "grid.onnx", save_as_external_data=True, location="weights", size_threshold=100)
    data = Path("grid.onnx").read_bytes()
    assert OnnxRuntimeRunner(data, 1).spec.stage == "grid", "the file in the working directory is read"
    (family / "grid.onnx").write_bytes(data)
    manifest = json.loads((family / "manifest.json").read_text())
    manifest["stages"]["grid"]["graphs"]["fp32"]["sha256"] = hashlib.sha256(data).hexdigest()
    (family / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelCorrupt, match="weights in another file"):
        load_models(str(family))


def test_a_missing_family_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="huge"):
        load_models("huge", tmp_path)


def test_a_path_selects_a_folder_and_a_plain_name_the_shipped_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
