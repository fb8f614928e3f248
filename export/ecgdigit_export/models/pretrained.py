"""Initialization of networks from exported ONNX graphs, in which batch norms are fused into convolutions."""

from __future__ import annotations

import torch
from torch import nn

from ecgdigit_export.eager import eager_module


def load_graph_weights(network: nn.Module, graph: bytes) -> None:
    """Initialize `network`, in place, so that its outputs equal those of the graph.

    `network` must have the family and stage of the graph. Each fused batch norm is restored as a norm that
    only adds the fused bias. The running statistics of the restored norm are not those of the features,
    so it must stay in eval mode (`freeze_norms`).
    """
    fused = dict(eager_module(graph).named_parameters())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in fused:
                parameter.copy_(fused[name])
        for name, module in network.named_modules():
            if isinstance(module, nn.Sequential):
                _restore_norms(module, name, fused)


def _restore_norms(layers: nn.Sequential, name: str, fused: dict[str, nn.Parameter]) -> None:
    for k in range(len(layers) - 1):
        conv, norm = layers[k], layers[k + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            norm.weight.fill_(1.0)
            norm.bias.copy_(fused[f"{name}.{k}.bias"])
            if norm.running_mean is not None and norm.running_var is not None:
                norm.running_mean.zero_()
                norm.running_var.fill_(1.0 - norm.eps)


def freeze_norms(network: nn.Module) -> None:
    """Freeze the statistics of all batch norms. Their weights and biases remain trainable."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
