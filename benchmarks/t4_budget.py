"""Performance budget of a T4: operations and memory traffic of each stage against the limits of the GPU.

    python benchmarks/t4_budget.py RESULT.json

The script counts, for a page of 2200 × 1700 px with the layout 3×4+1, the operations of all convolutions and
the bytes that they read and write in FP16. It assumes that every layer is one kernel, in which norm and ReLU
take no time. This is a roofline model, not a measurement.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ecgdigit_export.models.families import FAMILIES, stage_network
from ecgdigit_export.onnx_graph import fuse_batchnorm
from ecgdigit_rt.bench.provenance import write_result

FLOPS = 65e12
BYTES_PER_S = 320e9
"""Peak of the tensor cores in FP16, and memory bandwidth, from NVIDIA's data sheet of the T4."""

SHARE_OF_PEAK = 0.35
"""Share of the tensor cores' peak that convolutions of 24 to 192 channels reach. Assumed, not measured."""

SHARE_OF_BANDWIDTH = 0.75
"""Share of the bandwidth that is reached. Assumed, not measured."""

BYTES_PER_VALUE = 2

WORK: Mapping[str, tuple[tuple[int, int, int, int], ...]] = {
    "locate": ((1, 608, 768, 3), (20, 96, 160, 3)),
    "grid": ((1, 1184, 1536, 3),),
    "trace": ((4, 320, 2752, 3),),
}
"""Shapes of the inputs of each stage for one page.

They are the page and about twenty patches of text (locate), the sheet (grid), and four rows (trace).
"""


@dataclass(frozen=True, slots=True)
class StageWork:
    """Work of one stage for one page, and the minimum time for it in ms by arithmetic and by memory."""

    gflop: float
    mbytes: float
    compute_ms: float
    memory_ms: float

    @property
    def min_ms(self) -> float:
        """Minimum time in ms."""
        return max(self.compute_ms, self.memory_ms)


def stage_work(family: str, stage: str) -> StageWork:
    """Count the work of a stage, with hooks on a network without weights. A GPU is not needed."""
    with torch.device("meta"):
        model = fuse_batchnorm(stage_network(family, stage).eval())
    flops, traffic_bytes = 0, 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal flops, traffic_bytes
        if isinstance(layer, nn.Conv2d):
            flops += 2 * output.numel() * layer.weight[0].numel()
            traffic_bytes += BYTES_PER_VALUE * (inputs[0].numel() + output.numel() + layer.weight.numel())

    for layer in model.modules():
        layer.register_forward_hook(count)
    for shape in WORK[stage]:
        model(torch.zeros(shape, dtype=torch.uint8, device="meta"))
    return StageWork(
        flops / 1e9,
        traffic_bytes / 1e6,
        1000 * flops / (FLOPS * SHARE_OF_PEAK),
        1000 * traffic_bytes / (BYTES_PER_S * SHARE_OF_BANDWIDTH),
    )


def budget(family: str) -> dict[str, Any]:
    """Return the budget of one family."""
    stages = {stage: stage_work(family, stage) for stage in WORK}
    total_ms = sum(work.min_ms for work in stages.values())
    return {
        "stages": {stage: asdict(work) | {"least_ms": work.min_ms} for stage, work in stages.items()},
        "networks_ms_per_page": total_ms,
        "networks_pages_per_s": 1000 / total_ms,
        "pages_in_nine_hours": 9 * 3600 * 1000 / total_ms,
    }


def main() -> None:
    """Parse the arguments, count and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    figures = {family: budget(family) for family in FAMILIES}
    rounded = json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 2))
    assumed = {"share_of_peak": SHARE_OF_PEAK, "share_of_bandwidth": SHARE_OF_BANDWIDTH}
    write_result(arguments.result, "t4_budget", 1, {"assumed": assumed, **rounded})
    sys.stdout.write(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    main()
