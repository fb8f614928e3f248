"""Stages in eager PyTorch with the weights of their graphs. They are the reference for the backends."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from ecgdigit_engine.backends.onnxruntime import spec_from_graph
from ecgdigit_engine.runner import Feeds, Fetches, Runner, host_arrays
from ecgdigit_engine.spec import StageSpec
from ecgdigit_engine.stage_opener import StageOpener, StageRequest
from ecgdigit_export.models.families import stage_network
from ecgdigit_export.onnx_graph import fuse_batchnorm


def eager_stages() -> StageOpener:
    """Return an opener of stages that are executed as PyTorch modules in FP32.

    The field `threads` of a request sets PyTorch's number of threads for the whole process. The fields
    `concurrency` and `prefix_graph` are ignored.
    """

    def open_stage(request: StageRequest) -> Runner:
        torch.set_num_threads(request.threads)
        return EagerRunner(spec_from_graph(request.graph), eager_module(request.graph))

    return StageOpener(open_stage, f"torch {torch.__version__} (cpu, fp32, eager)")


def eager_module(graph: bytes) -> nn.Module:
    """Return the PyTorch module of a stage with the weights of its FP32 graph. Batch norms are fused."""
    spec = spec_from_graph(graph)
    model = fuse_batchnorm(stage_network(spec.metadata["family"], spec.stage).eval())
    tensors = onnx.load_from_string(graph).graph.initializer
    weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in tensors}
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model


class EagerRunner:
    """Runner of a PyTorch module, which may be trained between calls. Satisfies `Runner`."""

    def __init__(self, spec: StageSpec, model: nn.Module) -> None:
        self.spec, self._model = spec, model

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for the inputs by name. Raises ShapeOutsideProfile."""
        self.spec.check(feeds, bounded=False)
        with torch.inference_mode():
            outputs = self._model(torch.from_numpy(np.ascontiguousarray(host_arrays(feeds)["pixels"])))
        tensors = outputs if isinstance(outputs, tuple) else (outputs,)
        return {port.name: tensor.numpy() for port, tensor in zip(self.spec.outputs, tensors, strict=True)}
