"""Every backend that is ready here gives what ONNX Runtime gives in FP32, and names what does not fit."""

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
"""Of the largest value: other orders of summation; 11 bits a layer; 8 bits a layer; bytes, whose range was
calibrated on pages and not on noise. What they mean for signals is proven on pages at export."""


def ready() -> list[tuple[str, Device, str]]:
    return [
        (name, device, precision)
        for name, backend in all_backends().items()
        if isinstance(answer := backend.probe(), Ready)
        for device, precisions in answer.devices.items()
        for precision in precisions
    ]


@pytest.fixture(scope="module", params=ready(), ids=lambda one: "-".join(map(str, one)))
def opened(request: pytest.FixtureRequest) -> tuple[str, dict[str, Runner]]:
    name, device, precision = request.param
    graphs = load_models(precision=graph_precision(precision)).graphs
    how = ExecutionOptions(device, precision, threads=1, concurrency=2)
    return precision, {stage: all_backends()[name].open_stage(graphs[stage], how) for stage in STAGES}


def random_bytes(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("stage", STAGES)
def test_parity(opened: tuple[str, dict[str, Runner]], stage: str) -> None:
    precision, runners = opened
    reference = OnnxRuntimeRunner(load_models().graphs[stage], 1)
    for shape in SHAPES[stage]:
        feeds = {"pixels": random_bytes(shape)}
        expected, found = reference.run(feeds), runners[stage].run(feeds)
        assert list(found) == list(expected)
        for name, want in expected.items():
            assert found[name].dtype == want.dtype == np.float32
            assert np.abs(found[name] - want).max() <= TOLERANCE[precision] * np.abs(want).max()


def test_specs_tell_ports_and_axes(opened: tuple[str, dict[str, Runner]]) -> None:
    for stage, runner in opened[1].items():
        spec = runner.spec
        assert (spec.stage, spec.inputs[0].dtype) == (stage, "uint8")
        assert spec.inputs[0].shape == ("batch", "height", "width", 3)
        assert [axis.name for axis in spec.axes] == ["batch", "height", "width"]
        assert all(axis.low <= axis.tuned <= axis.high and axis.tuned % axis.step == 0 for axis in spec.axes)


def test_a_size_off_the_step_is_named(opened: tuple[str, dict[str, Runner]]) -> None:
    with pytest.raises(ShapeOutsideProfile, match="width is 100; it must be a multiple of 32") as caught:
        opened[1]["trace"].run({"pixels": random_bytes((1, 320, 100, 3))})
    assert (caught.value.stage, caught.value.axis, caught.value.got) == ("trace", "width", 100)


def test_what_is_given_stays_given(opened: tuple[str, dict[str, Runner]]) -> None:
    """A result is the caller's: the next call, and one in another thread, leave it alone."""
    runner = opened[1]["trace"]
    feeds = [{"pixels": random_bytes((1, 320, width, 3))} for width in (64, 96, 64, 96)]
    alone = [runner.run(one)["height_logits"] for one in feeds]
    kept = [value.copy() for value in alone]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(runner.run, feeds))
    for value, copy, other in zip(alone, kept, together, strict=True):
        assert np.array_equal(value, copy)
        assert np.array_equal(other["height_logits"], copy)


def test_fp16_graphs_say_so() -> None:
    for stage, graph in load_models(precision="fp16").graphs.items():
        spec = spec_from_graph(graph)
        assert (spec.stage, spec.precision) == (stage, "fp16")
        assert {port.dtype for port in spec.outputs} == {"float32"}
        assert len(graph) < 0.6 * len(load_models().graphs[stage])
