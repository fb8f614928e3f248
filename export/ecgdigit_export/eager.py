"""Stages in eager PyTorch with the weights of their graphs, the reference for backends."""

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
    """Return an opener of stages as plain PyTorch modules in FP32.

    PyTorch's threads belong to the process, so `concurrency` is ignored, and so is `prefix_graph`.
    """

    def open_stage(request: StageRequest) -> Runner:
        torch.set_num_threads(request.threads)
        return EagerRunner(spec_from_graph(request.graph), eager_module(request.graph))

    return StageOpener(open_stage, f"torch {torch.__version__} (cpu, fp32, eager)")


def eager_module(graph: bytes) -> nn.Module:
    """Return the PyTorch module of a stage, with fused norms and the weights of its FP32 graph."""
    spec = spec_from_graph(graph)
    model = fuse_batchnorm(stage_network(spec.metadata["family"], spec.stage).eval())
    tensors = onnx.load_from_string(graph).graph.initializer
    weights = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in tensors}
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model


class EagerRunner:
    """Runner of a PyTorch module, which may be in training between the calls. Satisfies `Runner`."""

    def __init__(self, spec: StageSpec, model: nn.Module) -> None:
        self.spec, self._model = spec, model

    def run(self, feeds: Feeds, /) -> Fetches:
        """Return the outputs by name for inputs by name. Raises ShapeOutsideProfile."""
        self.spec.check(feeds, bounded=False)
        with torch.inference_mode():
            outputs = self._model(torch.from_numpy(np.ascontiguousarray(host_arrays(feeds)["pixels"])))
        values = outputs if isinstance(outputs, tuple) else (outputs,)
        return {port.name: value.numpy() for port, value in zip(self.spec.outputs, values, strict=True)}
