"""Runner of stages that are models of a Triton server, for a Python model of the same server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.errors import StageNotServed
from ecgdigit_engine.runner import Feeds, Fetches, Runner, host_arrays
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.stage_opener import StageOpener, StageRequest


@dataclass(frozen=True, slots=True)
class TritonStageRunner:
    """Runner that sends each call to the Triton model of a stage. Satisfies `Runner`.

    Triton batches the calls of all callers. `server` is the module `triton_python_backend_utils`, which
    exists only inside Triton.
    """

    spec: StageSpec
    model: str
    server: Any

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name.

        Raises ShapeOutsideProfile, or StageNotServed if Triton returns an error.
        """
        self.spec.check(feeds, bounded=True)
        pb = self.server
        names = [port.name for port in self.spec.outputs]
        inputs = [pb.Tensor(name, np.ascontiguousarray(value)) for name, value in host_arrays(feeds).items()]
        request = pb.InferenceRequest(
            model_name=self.model,
            requested_output_names=names,
            inputs=inputs,
            preferred_memory=pb.PreferredMemory(pb.TRITONSERVER_MEMORY_CPU, 0),
        )
        response = request.exec()
        if response.has_error():
            raise StageNotServed(self.spec.stage, self.model, response.error().message())
        return {name: pb.get_output_tensor_by_name(response, name).as_numpy() for name in names}


def triton_stages(server: Any, models: Mapping[str, str]) -> StageOpener:
    """Return an opener of stages that models of the same Triton server execute.

    `models` maps stage names to model names. The configuration of the server determines threads and
    concurrency. The graphs of requests are used only for their ports, which are the same in all precisions.
    """

    def open_stage(request: StageRequest) -> Runner:
        if request.prefix_graph is not None:
            raise ValueError("stages on a Triton server do not support a prefix graph")
        spec = spec_from_graph(request.graph)
        return TritonStageRunner(spec, models[spec.stage], server)

    return StageOpener(open_stage, "Triton's stage models")
