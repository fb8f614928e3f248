"""OpenVINO backend for CPUs.

On a CPU with VNNI, the latency of a page in INT8 is a third lower than with ONNX Runtime
(docs/performance.md).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.backend import ExecutionOptions, Ready, Unusable, installed_version
from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.backends.telemetry import without_openvino_telemetry
from ecgdigit_engine.cpu import has_bf16_dot_product, has_int8_dot_product
from ecgdigit_engine.device import CPU
from ecgdigit_engine.runner import DeviceRunner, Feeds, Fetches, host_arrays


@dataclass(frozen=True, slots=True)
class OpenVino:
    """OpenVINO with its CPU plugin, in FP32, and in INT8 or bf16 if the CPU has instructions for them."""

    name: str = "openvino"

    @property
    def is_auto(self) -> bool:
        """True if the CPU has instructions for INT8 or bf16.

        In FP32, OpenVINO is not known to be faster than ONNX Runtime.
        """
        return len(_precisions()) > 1

    def probe(self) -> Ready | Unusable:
        """Check that the package is installed."""
        version = installed_version("openvino")
        if version is None:
            return Unusable("openvino is not installed", "pip install 'ecgdigit-rt[openvino]'")
        return Ready(version, {CPU: _precisions()})

    def open_stage(self, graph: bytes, options: ExecutionOptions) -> DeviceRunner:
        """Return a runner for a stage."""
        return OpenVinoRunner(graph, options)


def _precisions() -> tuple[str, ...]:
    short = (("int8", has_int8_dot_product()), ("bf16", has_bf16_dot_product()))
    return (*(name for name, is_available in short if is_available), "fp32")


_preparing = threading.Lock()


def _prepare_arrays() -> None:
    """Exchange one array with OpenVINO in this thread.

    OpenVINO initializes its access to NumPy when it is used for the first time. If two threads do this at
    the same time, one can wait for the other while it holds Python's lock, so that both wait forever.
    """
    import openvino

    with _preparing:
        openvino.Tensor(np.zeros(1, np.uint8)).data.sum()


class OpenVinoRunner:
    """Runner of a compiled network. Satisfies `DeviceRunner`.

    There is one inference request per calling thread.
    """

    def __init__(self, graph: bytes, options: ExecutionOptions) -> None:
        with without_openvino_telemetry():
            import openvino

        _prepare_arrays()
        self.spec = spec_from_graph(graph)
        core = openvino.Core()
        # With this setting, the layers of an INT8 graph that are not quantized run in bf16.
        is_bf16 = options.precision != "fp32" and has_bf16_dot_product()
        self._compiled: Any = core.compile_model(
            core.read_model(graph, b""),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if is_bf16 else "f32",
                "INFERENCE_NUM_THREADS": options.threads * options.concurrency,
                "NUM_STREAMS": options.concurrency,
                "ENABLE_CPU_PINNING": False,  # Python's threads use the same cores
            },
        )
        self._thread_local = threading.local()

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name. Raises ShapeOutsideProfile."""
        self.spec.check(feeds, bounded=False)
        request = getattr(self._thread_local, "request", None)
        if request is None:
            request = self._thread_local.request = self._compiled.create_infer_request()
        inputs = {name: np.ascontiguousarray(value) for name, value in host_arrays(feeds).items()}
        # OpenVINO would copy inputs and outputs while it holds Python's lock.
        outputs = request.infer(inputs, share_inputs=True, share_outputs=True)
        return {port.name: np.array(outputs[port.name]) for port in self.spec.outputs}

    run_on_device = run
