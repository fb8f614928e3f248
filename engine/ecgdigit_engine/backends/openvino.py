"""Stages on the CPU through OpenVINO: two to three times as fast where the CPU has units for short types."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable, installed
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.backends.telemetry import openvino_silenced
from ecgdigit_engine.device import CPU, has_bf16_dot_product, has_int8_dot_product
from ecgdigit_engine.runner import DeviceRunner, Feeds, Fetches, arrays


@dataclass(frozen=True, slots=True)
class OpenVino:
    """OpenVINO's CPU plugin, in FP32, and in INT8 and bf16 where the CPU has instructions for them."""

    name: str = "openvino"

    @property
    def is_auto(self) -> bool:
        return len(_precisions()) > 1  # in FP32 it is no faster than ONNX Runtime, and one package more

    def probe(self) -> Ready | Unusable:
        found = installed("openvino")
        if found is None:
            return Unusable("openvino is not installed", "pip install 'ecgdigit-rt[openvino]'")
        return Ready(found, {CPU: _precisions()})

    def open_stage(self, graph: bytes, how: ExecutionOptions) -> DeviceRunner:
        return OpenVinoRunner(graph, how)


def _precisions() -> tuple[str, ...]:
    short = (("int8", has_int8_dot_product()), ("bf16", has_bf16_dot_product()))
    return (*(name for name, there in short if there), "fp32")


class OpenVinoRunner:
    """One compiled network; every calling thread has a request of its own. Satisfies `Runner`."""

    def __init__(self, graph: bytes, how: ExecutionOptions) -> None:
        with openvino_silenced():
            import openvino

        self.spec = spec_from_graph(graph)
        core = openvino.Core()
        short = how.precision != "fp32" and has_bf16_dot_product()  # what INT8 leaves out is bf16 then
        self._compiled: Any = core.compile_model(
            core.read_model(graph, b""),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if short else "f32",
                "INFERENCE_NUM_THREADS": how.threads * how.concurrency,
                "NUM_STREAMS": how.concurrency,
                "ENABLE_CPU_PINNING": False,  # Python's threads use the same cores
            },
        )
        self._own = threading.local()

    def run(self, feeds: Feeds, /) -> Fetches:
        self.spec.check(feeds, bounded=False)
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        found = request.infer({name: np.ascontiguousarray(value) for name, value in arrays(feeds).items()})
        return {port.name: np.array(found[port.name]) for port in self.spec.outputs}

    run_on_device = run
