"""Stages on the CPU through OpenVINO: twice as fast where the CPU computes in bf16."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.backend import How, Ready, Unusable, installed
from ecgdigit_engine.backends.onnx_runtime import spec_from_graph
from ecgdigit_engine.device import CPU, cpu_flags
from ecgdigit_engine.runner import Feeds, Fetches, Runner

_HINTS = {"fp32": "f32", "bf16": "bf16"}


@dataclass(frozen=True, slots=True)
class OpenVino:
    """OpenVINO's CPU plugin, in FP32, and in bf16 where the CPU has instructions for it."""

    name: str = "openvino"

    @property
    def is_auto(self) -> bool:
        return computes_in_bf16()  # in FP32 it is no faster than ONNX Runtime, and one package more to load

    def probe(self) -> Ready | Unusable:
        found = installed("openvino")
        if found is None:
            return Unusable("openvino is not installed", "pip install 'ecgdigit-rt[openvino]'")
        return Ready(found, {CPU: ("bf16", "fp32") if computes_in_bf16() else ("fp32",)})

    def open_stage(self, graph: bytes, how: How) -> Runner:
        return OpenVinoRunner(graph, how)


def computes_in_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself; emulated it would gain nothing."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


class OpenVinoRunner:
    """One compiled network; every calling thread has a request of its own. Satisfies `Runner`."""

    def __init__(self, graph: bytes, how: How) -> None:
        import openvino

        self.spec = spec_from_graph(graph)
        core = openvino.Core()
        self._compiled: Any = core.compile_model(
            core.read_model(graph, b""),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[how.precision],
                "INFERENCE_NUM_THREADS": how.threads * how.callers,
                "NUM_STREAMS": how.callers,
                "ENABLE_CPU_PINNING": False,  # Python's threads use the same cores
            },
        )
        self._own = threading.local()

    def run(self, feeds: Feeds, /) -> Fetches:
        self.spec.check(feeds, bounded=False)
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        found = request.infer({name: np.ascontiguousarray(value) for name, value in feeds.items()})
        return {port.name: np.array(found[port.name]) for port in self.spec.outputs}
