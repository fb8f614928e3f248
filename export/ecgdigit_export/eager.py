"""The stages in eager PyTorch, with the weights of their graphs: what the backends are held against."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.runner import Feeds, Fetches, Runner, arrays
from ecgdigit_engine.spec import StageSpec
from ecgdigit_export.models.families import stage_network
from ecgdigit_export.onnx_graph import folded


class EagerTorch:
    """Opens stages as plain PyTorch modules in FP32. Satisfies `ecgdigit_rt.digitizer.StageOpener`."""

    graph_precision = "fp32"
    notes: tuple[str, ...] = ()
    is_accelerator = False

    def __str__(self) -> str:
        return f"torch {torch.__version__} (cpu, fp32, eager)"

    def open_stage(
        self,
        graph: bytes,
        threads: int = 1,
        concurrency: int = 1,  # noqa: ARG002
        prefix_graph: bytes | None = None,  # noqa: ARG002
    ) -> Runner:
        """callers, since PyTorch's threads belong to the process, and front, are not used."""
        torch.set_num_threads(threads)
        return EagerRunner(spec_from_graph(graph), eager_module(graph))


def eager_module(graph: bytes) -> nn.Module:
    """The stage's PyTorch module, norms folded, with the weights of its FP32 graph."""
    spec = spec_from_graph(graph)
    model = folded(stage_network(spec.metadata["family"], spec.stage).eval())
    tensors = onnx.load_from_string(graph).graph.initializer
    weights = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in tensors}
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model


class EagerRunner:
    """One stage's module as it is at the moment of running. Satisfies `Runner`."""

    def __init__(self, spec: StageSpec, model: nn.Module) -> None:
        self.spec, self._model = spec, model

    def run(self, feeds: Feeds, /) -> Fetches:
        self.spec.check(feeds, bounded=False)
        with torch.inference_mode():
            found = self._model(torch.from_numpy(np.ascontiguousarray(arrays(feeds)["pixels"])))
        values = found if isinstance(found, tuple) else (found,)
        return {port.name: value.numpy() for port, value in zip(self.spec.outputs, values, strict=True)}
