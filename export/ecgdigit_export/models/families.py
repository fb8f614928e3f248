"""Families of networks. To add a family, add an entry to `FAMILIES`.

- `lite` has about a million parameters per stage, and is intended for two CPU cores.
- `base` has ResNet encoders as in published solutions, with 14 to 25 million parameters per stage. It is
  intended for GPUs.
- `direct` and `multitask` are experiments. They differ from `lite` only in the trace stage
  (docs/alternatives.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from ecgdigit_export.models.alternatives import Direct, MultiTask
from ecgdigit_export.models.resnet import ResNetUNet
from ecgdigit_export.models.stages import Grid, Locate, Trace
from ecgdigit_export.models.unet import UNet

# Channels of the levels of `lite` (hand-picked, not tuned), and blocks of the levels of ResNet-18 and
# ResNet-34 (He et al., 2015).
_LITE = (16, 32, 64, 96, 128)
_RESNET_18, _RESNET_34 = (2, 2, 2, 2), (3, 4, 6, 3)

Stages = Mapping[str, Callable[[], nn.Module]]

_LITE_STAGES: Stages = {
    "locate": lambda: Locate(UNet(3, _LITE, (0, 1, 1, 2, 2), finest=1)),
    "grid": lambda: Grid(UNet(3, _LITE, (0, 1, 1, 1, 1), finest=1)),
    "trace": lambda: Trace(UNet(4, _LITE, (0, 1, 1, 2, 2), finest=0, finish=1)),
}

FAMILIES: Mapping[str, Stages] = {
    "lite": _LITE_STAGES,
    "direct": {**_LITE_STAGES, "trace": lambda: Direct(UNet(4, _LITE, (0, 1, 1, 2, 2), finest=1, finish=1))},
    "multitask": {
        **_LITE_STAGES,
        "trace": lambda: MultiTask(UNet(4, _LITE, (0, 1, 1, 2, 2), finest=1, finish=1)),
    },
    "base": {
        "locate": lambda: Locate(ResNetUNet(3, _RESNET_18, finest=1, deep_stem=True)),
        "grid": lambda: Grid(ResNetUNet(3, _RESNET_34, finest=1, deep_stem=False)),
        "trace": lambda: Trace(ResNetUNet(4, _RESNET_34, finest=0, deep_stem=True)),
    },
}


def stage_network(family: str, stage: str) -> nn.Module:
    """Return the network of a stage with random weights. Raises ValueError for an unknown family or stage."""
    if family not in FAMILIES or stage not in FAMILIES[family]:
        known = ", ".join(f"{name} {part}" for name, parts in FAMILIES.items() for part in parts)
        raise ValueError(f"unknown network {family} {stage}; use one of: {known}")
    return FAMILIES[family][stage]()
