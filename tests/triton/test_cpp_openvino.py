"""C++ example that runs one network with OpenVINO, built with sanitizers."""

from __future__ import annotations

from pathlib import Path

import cpp_build
import numpy as np
import pytest
from cpp_build import Completed

from ecgdigit_engine.backends.backend import ExecutionOptions
from ecgdigit_engine.backends.openvino import OpenVinoRunner
from ecgdigit_engine.device import CPU
from ecgdigit_rt.models import load_models

pytestmark = pytest.mark.slow  # the build takes half a minute


@pytest.fixture(scope="session")
def stage(built: Path) -> Path:
    if not cpp_build.has_openvino():
        pytest.skip("openvino is not installed: pip install 'ecgdigit-rt[openvino]'")
    return built / "ecgdigit-stage"


def run_stage(stage: Path, *words: str | Path) -> Completed:
    return cpp_build.run(stage, *words, leaks=False)  # the frontends of OpenVINO leak memory


@pytest.mark.parametrize(
    ("name", "shape"), [("locate", (2, 96, 160)), ("grid", (1, 96, 160)), ("trace", (2, 320, 96))]
)
def test_outputs_equal_those_of_python(
    name: str, shape: tuple[int, int, int], stage: Path, tmp_path: Path
) -> None:
    """Compare with the same library, settings and graph in Python: the numbers must be identical."""
    models = load_models()
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels.tofile(tmp_path / "pixels.raw")
    expected = OpenVinoRunner(models.graphs[name], ExecutionOptions(CPU, "fp32", threads=1)).run(
        {"pixels": pixels}
    )
    graph = models.root / f"{name}.onnx"
    completed = run_stage(stage, graph, *map(str, shape), tmp_path / "pixels.raw", tmp_path, "1")
    assert (completed.code, completed.err) == (0, "")
    assert completed.out.splitlines() == [
        f"{port} {' '.join(map(str, value.shape))}" for port, value in expected.items()
    ]
    for port, value in expected.items():
        actual = np.fromfile(tmp_path / f"{port}.f32", np.float32).reshape(value.shape)
        np.testing.assert_array_equal(actual, value)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "usage"),
        (["{graph}", "1", "64", "64", "{pixels}", "{out}"], 1, "does not match BATCH, HEIGHT and WIDTH"),
        (["{graph}", "1", "-1", "64", "{pixels}", "{out}"], 1, "must be positive whole numbers"),
        (["{pixels}", "1", "32", "32", "{pixels}", "{out}"], 3, "pixels.raw"),
        (["{graph}", "1", "32", "32", "nowhere", "{out}"], 1, "nowhere"),
        (["{graph}", "1", "32", "32", "{pixels}", "{out}/nowhere"], 4, "Cannot write"),
        (["{sampler}", "1", "32", "32", "{pixels}", "{out}"], 1, "does not have exactly one uint8 input"),
    ],
)
def test_the_example_rejects_invalid_arguments(
    words: list[str], code: int, message: str, stage: Path, tmp_path: Path
) -> None:
    (tmp_path / "pixels.raw").write_bytes(bytes(32 * 32 * 3))
    root = load_models().root
    places = {"graph": root / "trace.onnx", "sampler": root / "sampler.onnx", "out": tmp_path}
    arguments = [word.format(pixels=tmp_path / "pixels.raw", **places) for word in words]
    completed = run_stage(stage, *arguments)
    assert completed.code == code
    assert message in completed.err
