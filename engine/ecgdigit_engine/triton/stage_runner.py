"""A stage that Triton serves, called from a Python model of the same server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.errors import StageNotServed
from ecgdigit_engine.runner import Feeds, Fetches, Runner, arrays
from ecgdigit_engine.spec import StageSpec


@dataclass(frozen=True, slots=True)
class TritonStageRunner:
    """Sends each call to the model that serves the stage, where calls of all callers are batched.

    server: the module `triton_python_backend_utils`, which exists inside of Triton alone. Satisfies `Runner`.
    """

    spec: StageSpec
    model: str
    server: Any

    def run(self, feeds: Feeds, /) -> Fetches:
        """Raises ShapeOutsideProfile, and StageNotServed where the server answers with an error."""
        self.spec.check(feeds, bounded=True)
        pb = self.server
        names = [port.name for port in self.spec.outputs]
        inputs = [pb.Tensor(name, np.ascontiguousarray(value)) for name, value in arrays(feeds).items()]
        request = pb.InferenceRequest(
            model_name=self.model,
            requested_output_names=names,
            inputs=inputs,
            preferred_memory=pb.PreferredMemory(pb.TRITONSERVER_MEMORY_CPU, 0),
        )
        answer = request.exec()
        if answer.has_error():
            raise StageNotServed(self.spec.stage, self.model, answer.error().message())
        return {name: pb.get_output_tensor_by_name(answer, name).as_numpy() for name in names}


@dataclass(frozen=True, slots=True)
class TritonStages:
    """Opens stages as what the server has of them. Satisfies the pipeline's `StageOpener`.

    models: by stage. graph_precision: which graphs tell the stages' ports; the ports are the same in all.
    """

    server: Any
    models: dict[str, str]
    graph_precision: str = "fp32"
    notes: tuple[str, ...] = ()
    is_accelerator: bool = False

    def open_stage(
        self,
        graph: bytes,
        threads: int = 1,  # noqa: ARG002 the server's configuration decides
        concurrency: int = 1,  # noqa: ARG002
        prefix_graph: bytes | None = None,
    ) -> Runner:
        if prefix_graph is not None:
            raise ValueError("the server has no stages in front of others")
        spec = spec_from_graph(graph)
        return TritonStageRunner(spec, self.models[spec.stage], self.server)

    def __str__(self) -> str:
        return "Triton's stage models"
