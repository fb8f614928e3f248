"""Networks to train on from, out of the ONNX graphs that are shipped: their norms are folded away there."""

from __future__ import annotations

import torch
from torch import nn

from ecgdigit_export.eager import eager_module


def network_from_graph(network: nn.Module, graph: bytes) -> None:
    """Give `network`, fresh and of the graph's family and stage, what the graph computes, in place.

    A norm that was folded into its convolution becomes one that only adds what was folded. Its statistics
    say nothing any more, so it must stay in eval mode (`freeze_norms`).
    """
    folded = dict(eager_module(graph).named_parameters())
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in folded:
                parameter.copy_(folded[name])
        for name, module in network.named_modules():
            if isinstance(module, nn.Sequential):
                _unfold(module, name, folded)


def _unfold(layers: nn.Sequential, name: str, folded: dict[str, nn.Parameter]) -> None:
    for k in range(len(layers) - 1):
        conv, norm = layers[k], layers[k + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            norm.weight.fill_(1.0)
            norm.bias.copy_(folded[f"{name}.{k}.bias"])
            if norm.running_mean is not None and norm.running_var is not None:
                norm.running_mean.zero_()
                norm.running_var.fill_(1.0 - norm.eps)


def freeze_norms(network: nn.Module) -> None:
    """Keep every batch norm's statistics as they are; its weight and bias still learn."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
