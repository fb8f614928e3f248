"""Model repository: configurations that match the graphs, engines, and atomic writing."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from ecgdigit_engine.errors import BackendUnusable, EngineMissing, UnknownChoice
from ecgdigit_engine.spec import Port, StageSpec
from ecgdigit_engine.tensorrt.profile import Sizes
from ecgdigit_engine.tensorrt.store import EngineStore
from ecgdigit_engine.triton.model_config import Instances, stage_config
from ecgdigit_engine.triton.text_proto import EnumValue, text_from_fields
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.errors import InvalidLayout, ModelMissing, OutputNotWritable, RequestMalformed
from ecgdigit_rt.models import STAGES
from ecgdigit_rt.models.engine_builds import EngineBuildRequest, build_engines
from ecgdigit_rt.triton.atomic_folder import MANIFEST
from ecgdigit_rt.triton.page_service import PageOptions
from ecgdigit_rt.triton.python_model import STAGE_MODELS
from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

model_config_pb2 = pytest.importorskip(
    "tritonclient.grpc.model_config_pb2", reason="the extra `dev` has tritonclient"
)
text_format = pytest.importorskip("google.protobuf.text_format")


def load_config(repository: Path, model: str) -> Any:  # noqa: ANN401 has no types of its own
    """Parse the configuration with Triton's schema, which rejects unknown fields."""
    text = (repository / model / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def ports_from_graph(graph: bytes) -> dict[str, tuple[str, list[int]]]:
    """Return the type and the dimensions after the batch of every input and output of an ONNX graph."""
    types = {onnx.TensorProto.UINT8: "TYPE_UINT8", onnx.TensorProto.FLOAT: "TYPE_FP32"}
    ports = {}
    model = onnx.load_from_string(graph).graph
    for value in [*model.input, *model.output]:
        sizes = [axis.dim_value or -1 for axis in value.type.tensor_type.shape.dim]
        assert sizes[0] == -1, "Triton batches requests along the first axis"
        ports[value.name] = types[value.type.tensor_type.elem_type], sizes[1:]
    return ports


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_stage_configurations_match_the_graphs(precision: str, tmp_path: Path) -> None:
    out = tmp_path / "models"
    write_repository(RepositoryRequest(precision=precision, threads=3), out)
    for stage in STAGES:
        config = load_config(out, STAGE_MODELS[stage])
        graph = (out / STAGE_MODELS[stage] / "1" / "model.onnx").read_bytes()
        ports = [*config.input, *config.output]
        configured = {port.name: (_type_name(port.data_type), list(port.dims)) for port in ports}
        assert configured == ports_from_graph(graph)
        assert config.platform == "onnxruntime_onnx"
        axes = {prop.key: prop.value for prop in onnx.load_from_string(graph).metadata_props}["axes"]
        assert config.max_batch_size == json.loads(axes)["batch"][2]
        assert config.HasField("dynamic_batching")
        (group,) = config.instance_group
        assert (group.kind, group.count) == (group.KIND_CPU, 1)
        assert config.parameters["precision"].string_value == precision
        assert config.parameters["intra_op_thread_count"].string_value == "3"


def _type_name(number: int) -> str:
    return str(model_config_pb2.DataType.Name(number))


def test_the_pipeline_configuration_contains_the_settings(tmp_path: Path) -> None:
    out = tmp_path / "models"
    page = PageOptions("I,II/III,-aVR", 50, 5)
    request = RepositoryRequest(instances=3, threads=2, batch=4, page=page, environment="/opt/ecg")
    assert write_repository(request, out) == ["ecgdigit", *sorted(STAGE_MODELS.values())]
    config = load_config(out, "ecgdigit")
    assert (config.backend, config.max_batch_size, config.instance_group[0].count) == ("python", 4, 3)
    assert config.dynamic_batching.default_queue_policy.max_queue_size > 0
    assert {port.name for port in config.input if port.optional} == {"layout", "speed_mm_s", "gain_mm_mv"}
    assert {key: value.string_value for key, value in config.parameters.items()} == {
        "models": "lite",
        "networks": "in-process",
        "backend": "auto",
        "device": "cpu",
        "precision": "auto",
        "threads": "2",
        "layout": "I,II/III,-aVR",
        "speed_mm_s": "50",
        "gain_mm_mv": "5",
        "EXECUTION_ENV_PATH": "/opt/ecg",
    }
    manifest = json.loads((out / MANIFEST).read_text())
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    readme = (out / "README.md").read_text(encoding="utf-8")
    assert all(f"`{port.name}`" in readme for port in [*config.input, *config.output])


def test_protobuf_parses_the_text_unchanged() -> None:
    value = 'C:\\envs\\"née"\n\tx'
    fields: dict[str, Any] = {
        "name": value,
        "max_batch_size": 3,
        "optimization": {"priority": EnumValue("PRIORITY_MAX")},
    }
    text = text_from_fields({**fields, "input": [{"name": "a", "optional": True}, {"name": "b"}]})
    parsed = text_format.Parse(text, model_config_pb2.ModelConfig())
    assert (parsed.name, parsed.max_batch_size, len(parsed.input)) == (value, 3, 2)
    assert parsed.optimization.priority == parsed.optimization.PRIORITY_MAX
    assert parsed.input[0].optional
    assert not parsed.input[1].optional


def test_a_graph_that_triton_cannot_batch_is_rejected() -> None:
    spec = StageSpec("sampler", "1", "fp32", (Port("image", "uint8", (1, "height", "width", 3)),), ())
    with pytest.raises(ValueError, match="batch"):
        stage_config("x", spec, spec.axes, "onnxruntime", Instances(), {})


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> EngineStore:
    """Build real engines for a T4 with tensorrt-rtx, which needs no GPU."""
    if importlib.util.find_spec("tensorrt_rtx") is None:
        pytest.skip("tensorrt-rtx is not installed")
    store = EngineStore(tmp_path_factory.mktemp("engines"))
    build_engines(
        EngineBuildRequest(backend="tensorrt-rtx", targets=("sm75",), sizes=Sizes(batch=(1, 2, 3))), store
    )
    return store


def relabel_as_tensorrt(store: EngineStore, folder: Path) -> EngineStore:
    """Publish the same engines as if tensorrt on a GPU had built them."""
    other = EngineStore(folder)
    for engine in store.engines():
        identity = dataclasses.replace(engine.identity, backend="tensorrt", backend_version="10.11")
        other.publish(identity, engine.read(), 1.0, "2026-01-01T00:00:00+00:00")
    return other


def test_engines_are_written_as_plans(engines: EngineStore, tmp_path: Path) -> None:
    store = relabel_as_tensorrt(engines, tmp_path / "engines")
    out = tmp_path / "models"
    command = ["deploy", "triton", "--out", str(out), "--backend", "tensorrt", "--device", "cuda:1"]
    assert exit_code([*command, "--engines", str(store.folder), "--target", "sm75"]) == 0
    built = {engine.identity.stage: engine for engine in store.engines()}
    for stage in STAGES:
        config = load_config(out, STAGE_MODELS[stage])
        plan = (out / STAGE_MODELS[stage] / "1" / "model.plan").read_bytes()
        assert plan == built[stage].read()
        assert config.platform == "tensorrt_plan"
        assert config.max_batch_size == 3, (
            "the batch size is that of the engine's profile, not of the graph's axis"
        )
        (group,) = config.instance_group
        assert (group.kind, list(group.gpus), list(group.profile)) == (group.KIND_GPU, [1], ["0"])
        assert config.parameters["tensorrt"].string_value == "10.11"
        assert config.parameters["target"].string_value == "sm75"
        assert list(config.input[0].dims) == [-1, -1, 3]
    pipeline = load_config(out, "ecgdigit")
    assert pipeline.parameters["networks"].string_value == "stage-models"
    assert pipeline.instance_group[0].kind == pipeline.instance_group[0].KIND_CPU


def test_engines_that_triton_cannot_load_are_rejected(engines: EngineStore, tmp_path: Path) -> None:
    out = tmp_path / "models"
    request = RepositoryRequest(backend="tensorrt", engines=engines.folder)
    with pytest.raises(EngineMissing, match="tensorrt-rtx, whose engines Triton") as caught:
        write_repository(request, out)
    assert "build-engines --backend tensorrt" in caught.value.hint
    assert exit_code(["deploy", "triton", "--out", str(out), "--backend", "tensorrt"]) == 3
    store = relabel_as_tensorrt(engines, tmp_path / "engines")
    with pytest.raises(EngineMissing, match="built for sm75, not for sm86"):
        write_repository(dataclasses.replace(request, engines=store.folder, target="sm86"), out)
    with pytest.raises(EngineMissing, match="not from the selected models"):
        write_repository(dataclasses.replace(request, engines=store.folder, precision="fp32"), out)
    grid = next(engine for engine in store.engines() if engine.identity.stage == "grid")
    store.remove(grid.path)
    store.publish(dataclasses.replace(grid.identity, backend_version="10.12"), b"plan", 1.0, "2026-02-01")
    with pytest.raises(EngineMissing, match="different versions or targets"):
        write_repository(dataclasses.replace(request, engines=store.folder), out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (RepositoryRequest(backend="openvino"), UnknownChoice),
        (RepositoryRequest(backend="tensorrt", device="cpu"), BackendUnusable),
        (RepositoryRequest(device="tpu"), UnknownChoice),
        (RepositoryRequest(precision="fp8"), UnknownChoice),
        (RepositoryRequest(networks="elsewhere"), UnknownChoice),
        (RepositoryRequest(models="nothing"), ModelMissing),
        (RepositoryRequest(page=PageOptions(layout="3x5")), InvalidLayout),
        (RepositoryRequest(page=PageOptions(speed_mm_s=1000)), RequestMalformed),
    ],
)
def test_invalid_settings_are_rejected(
    settings: RepositoryRequest, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        write_repository(settings, tmp_path / "models")
    assert list(tmp_path.iterdir()) == []


def test_overwrite_replaces_a_repository(tmp_path: Path) -> None:
    out = tmp_path / "models"
    command = ["deploy", "triton", "--out", str(out), "--precision", "int8"]
    assert exit_code(command) == 0
    assert exit_code(command) == 4
    (out / "ecgdigit" / "1" / "__pycache__").mkdir()
    (out / "ecgdigit" / "1" / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"left by a server")
    assert exit_code([*command, "--overwrite", "--instances", "2"]) == 0
    assert load_config(out, "ecgdigit").instance_group[0].count == 2
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_foreign_files_are_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "models"
    (out / "theirs" / "1").mkdir(parents=True)
    (out / "theirs" / "1" / "model.onnx").write_bytes(b"theirs")
    with pytest.raises(OutputNotWritable, match=r"theirs/1/model\.onnx"):
        write_repository(RepositoryRequest(precision="int8"), out, overwrite=True)
    (out / "theirs" / "1" / "model.onnx").unlink()
    write_repository(RepositoryRequest(precision="int8"), out)  # an empty folder may be replaced
    (out / "theirs").mkdir()
    (out / "theirs" / "config.pbtxt").write_text("theirs")
    with pytest.raises(OutputNotWritable, match=r"theirs/config\.pbtxt"):
        write_repository(RepositoryRequest(precision="int8"), out, overwrite=True)
    assert (out / "theirs" / "config.pbtxt").is_file()
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(OutputNotWritable, match="it is a file"):
        write_repository(RepositoryRequest(), file, overwrite=True)


def test_a_failed_write_leaves_the_old_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "models"
    write_repository(RepositoryRequest(precision="int8"), out)
    before = (out / "ecgdigit" / "config.pbtxt").read_text()

    def fail(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputNotWritable, match="No space left"):
        write_repository(RepositoryRequest(precision="int8", instances=7), out, overwrite=True)
    assert (out / "ecgdigit" / "config.pbtxt").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_failed_swap_restores_the_old_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "models"
    write_repository(RepositoryRequest(precision="int8"), out)
    rename = Path.rename

    def fail_for_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(16, "Device or resource busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(OutputNotWritable, match="busy"):
        write_repository(RepositoryRequest(precision="int8", instances=7), out, overwrite=True)
    assert load_config(out, "ecgdigit").instance_group[0].count == 1
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
