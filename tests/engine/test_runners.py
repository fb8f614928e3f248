"""Outputs of all backends that are ready, compared with ONNX Runtime in FP32."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, graph_precision
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner, spec_from_graph
from ecgdigit_engine.device import Device
from ecgdigit_engine.errors import ShapeOutsideProfile
from ecgdigit_engine.runner import Runner
from ecgdigit_rt.models import STAGES, load_models

SHAPES = {"locate": [(1, 96, 160, 3), (3, 64, 96, 3)], "grid": [(1, 96, 160, 3)], "trace": [(2, 320, 96, 3)]}
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2, "bf16": 0.15, "int8": 0.7}
"""Maximum difference relative to the largest value, by precision.

FP32 sums in another order. FP16 rounds to 11 bits per layer, and bf16 to 8 bits. The ranges of INT8 are
calibrated on pages, not on noise. The export measures the effect on the signals of pages.
"""


def ready_configurations() -> list[tuple[str, Device, str]]:
    return [
        (name, device, precision)
        for name, backend in all_backends().items()
        if isinstance(probed := backend.probe(), Ready)
        for device, precisions in probed.devices.items()
        for precision in precisions
    ]


@pytest.fixture(scope="module", params=ready_configurations(), ids=lambda one: "-".join(map(str, one)))
def configuration(request: pytest.FixtureRequest) -> tuple[str, dict[str, Runner]]:
    name, device, precision = request.param
    graphs = load_models(precision=graph_precision(precision)).graphs
    options = ExecutionOptions(device, precision, threads=1, concurrency=2)
    return precision, {stage: all_backends()[name].open_stage(graphs[stage], options) for stage in STAGES}


def random_bytes(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_agree_with_the_reference(configuration: tuple[str, dict[str, Runner]], stage: str) -> None:
    precision, runners = configuration
    reference = OnnxRuntimeRunner(load_models().graphs[stage], 1)
    for shape in SHAPES[stage]:
        feeds = {"pixels": random_bytes(shape)}
        expected, outputs = reference.run(feeds), runners[stage].run(feeds)
        assert list(outputs) == list(expected)
        for name, values in expected.items():
            assert outputs[name].dtype == values.dtype == np.float32
            assert np.abs(outputs[name] - values).max() <= TOLERANCE[precision] * np.abs(values).max()


def test_specs_have_ports_and_axes(configuration: tuple[str, dict[str, Runner]]) -> None:
    for stage, runner in configuration[1].items():
        spec = runner.spec
        assert (spec.stage, spec.inputs[0].dtype) == (stage, "uint8")
        assert spec.inputs[0].shape == ("batch", "height", "width", 3)
        assert [axis.name for axis in spec.axes] == ["batch", "height", "width"]
        assert all(axis.low <= axis.tuned <= axis.high and axis.tuned % axis.step == 0 for axis in spec.axes)


def test_a_size_that_is_not_a_multiple_of_the_step_is_rejected(
    configuration: tuple[str, dict[str, Runner]],
) -> None:
    with pytest.raises(ShapeOutsideProfile, match="width is 100; it must be a multiple of 32") as caught:
        configuration[1]["trace"].run({"pixels": random_bytes((1, 320, 100, 3))})
    assert (caught.value.stage, caught.value.axis, caught.value.got) == ("trace", "width", 100)


def test_results_are_not_overwritten_by_later_calls(configuration: tuple[str, dict[str, Runner]]) -> None:
    """The caller owns a result. Neither the next call nor another thread changes it."""
    runner = configuration[1]["trace"]
    feeds = [{"pixels": random_bytes((1, 320, width, 3))} for width in (64, 96, 64, 96)]
    alone = [runner.run(one)["height_logits"] for one in feeds]
    copies = [value.copy() for value in alone]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(runner.run, feeds))
    for value, copy, other in zip(alone, copies, together, strict=True):
        assert np.array_equal(value, copy)
        assert np.array_equal(other["height_logits"], copy)


def test_fp16_graphs_declare_their_precision() -> None:
    for stage, graph in load_models(precision="fp16").graphs.items():
        spec = spec_from_graph(graph)
        assert (spec.stage, spec.precision) == (stage, "fp16")
        assert {port.dtype for port in spec.outputs} == {"float32"}
        assert len(graph) < 0.6 * len(load_models().graphs[stage])
