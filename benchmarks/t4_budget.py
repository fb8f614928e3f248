"""What a T4 can reach at best: each stage's operations and bytes against the card's limits.

    python benchmarks/t4_budget.py RESULT.json

Counts per page of 2200 × 1700 px (3×4+1): operations of all convolutions, and the bytes that they read and
write in FP16 when every layer is one kernel whose norm and ReLU cost nothing. A roofline, not a measurement.
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
from ecgdigit_export.onnx_graph import folded
from ecgdigit_rt.bench.provenance import write_result

TFLOPS = 65e12
BYTES_PER_S = 320e9
SHARE_OF_PEAK = 0.35
"""What convolutions of 24 to 192 channels reach of the tensor cores' peak: an assumption."""
SHARE_OF_BANDWIDTH = 0.75
HALF = 2

WORK: Mapping[str, tuple[tuple[int, int, int, int], ...]] = {
    "locate": ((1, 608, 768, 3), (20, 96, 160, 3)),
    "grid": ((1, 1184, 1536, 3),),
    "trace": ((4, 320, 2752, 3),),
}
"""What a page gives each stage: the page and some twenty patches of text, the sheet, four rows."""


@dataclass(frozen=True, slots=True)
class StageWork:
    """One stage's work for one page, and the least time for it (ms): by arithmetic, by memory."""

    gflop: float
    mbytes: float
    compute_ms: float
    memory_ms: float

    @property
    def least_ms(self) -> float:
        return max(self.compute_ms, self.memory_ms)


def stage_work(family: str, stage: str) -> StageWork:
    """Counted with hooks on a network without weights, so on any machine."""
    with torch.device("meta"):
        model = folded(stage_network(family, stage).eval())
    flops, moved = 0, 0

    def count(layer: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> None:
        nonlocal flops, moved
        if isinstance(layer, nn.Conv2d):
            flops += 2 * found.numel() * layer.weight[0].numel()
            moved += HALF * (given[0].numel() + found.numel() + layer.weight.numel())

    for layer in model.modules():
        layer.register_forward_hook(count)
    for shape in WORK[stage]:
        model(torch.zeros(shape, dtype=torch.uint8, device="meta"))
    return StageWork(
        flops / 1e9,
        moved / 1e6,
        1000 * flops / (TFLOPS * SHARE_OF_PEAK),
        1000 * moved / (BYTES_PER_S * SHARE_OF_BANDWIDTH),
    )


def budget(family: str) -> dict[str, Any]:
    stages = {stage: stage_work(family, stage) for stage in WORK}
    least = sum(work.least_ms for work in stages.values())
    return {
        "stages": {stage: asdict(work) | {"least_ms": work.least_ms} for stage, work in stages.items()},
        "networks_ms_per_page": least,
        "networks_pages_per_s": 1000 / least,
        "pages_in_nine_hours": 9 * 3600 * 1000 / least,
    }


def main() -> None:
    """Parse, count, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    given = parser.parse_args()
    figures = {family: budget(family) for family in FAMILIES}
    rounded = json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 2))
    assumed = {"share_of_peak": SHARE_OF_PEAK, "share_of_bandwidth": SHARE_OF_BANDWIDTH}
    write_result(given.result, "t4_budget", 1, {"assumed": assumed, **rounded})
    sys.stdout.write(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    main()
