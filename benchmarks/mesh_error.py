"""Accuracy and speed of the locate and grid stages: distance of the mesh from the true paper millimetres.

    python benchmarks/mesh_error.py PAGES RESULT.json [--threads 2] [--repeats 5]

PAGES is a folder written by `ecgdigit-rt synth` (NAME.jpg with its truth NAME.npz). The origin of a mesh is
an arbitrary grid line, so a whole number of periods is subtracted before the error is computed. The remaining
constant does not distort a trace, so the errors are reported with it and without it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_export.synth.truth import PageTruth, load_truth
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.geometry.grid_stage import grid_phase, mesh_from_grid
from ecgdigit_rt.geometry.locate_stage import Located, locate
from ecgdigit_rt.geometry.mesh import STEP_MM, Mesh
from ecgdigit_rt.models import load_models
from ecgdigit_rt.tracing.assemble import rotate_points

T = TypeVar("T")

_RASTER_MM, _AROUND_ROWS_MM = 2.5, 15.0
"""Distance between the measured positions, and their range above and below the rows.

Hand-picked, not tuned.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class MeshError:
    """Errors of the mesh of one page in mm, along time and across it: median and 95th percentile of each."""

    along: tuple[float, float]
    along_centred: tuple[float, float]
    across: tuple[float, float]
    across_centred: tuple[float, float]
    unreached: float
    """Share of the positions that the mesh does not cover."""


def true_positions(truth: PageTruth) -> NDArray[np.float64]:
    """Return a raster of paper positions (n, 2) in mm over the rows, inside the image and the grid."""
    rows = truth.layout.rows
    u = np.arange(rows[0].start_mm, rows[0].end_mm, _RASTER_MM)
    v = np.arange(rows[0].baseline_mm - _AROUND_ROWS_MM, rows[-1].baseline_mm + _AROUND_ROWS_MM, _RASTER_MM)
    positions = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)
    x, y = truth.pixels_from_mm(positions[:, 0], positions[:, 1])
    width, height = truth.image_size
    left, top, right, bottom = truth.grid_mm
    inside = (x > 0) & (x < width) & (y > 0) & (y < height)
    inside &= (positions[:, 0] > left) & (positions[:, 0] < right)
    inside &= (positions[:, 1] > top) & (positions[:, 1] < bottom)
    return np.asarray(positions[inside])


def mesh_error(mesh: Mesh, truth: PageTruth) -> MeshError:
    """Compare a mesh of the upright image with the truth of the page."""
    positions = true_positions(truth)
    pixels = np.stack(truth.pixels_from_mm(positions[:, 0], positions[:, 1]), -1).astype(np.float32)
    upright = rotate_points(pixels, truth.image_size, -truth.quarter_turns)
    predicted = np.stack(mesh.mm_from_pixels(upright[:, 0], upright[:, 1]), -1)
    reached = np.isfinite(predicted).all(1)
    error = (predicted - positions)[reached]
    error -= STEP_MM * np.round(np.median(error, axis=0) / STEP_MM)
    centred = error - np.median(error, axis=0)

    def spread(values: NDArray[np.float64]) -> tuple[float, float]:
        return float(np.median(np.abs(values))), float(np.quantile(np.abs(values), 0.95))

    return MeshError(
        along=spread(error[:, 0]),
        along_centred=spread(centred[:, 0]),
        across=spread(error[:, 1]),
        across_centred=spread(centred[:, 1]),
        unreached=1 - float(reached.mean()),
    )


def fastest(step: Callable[[], T], repeats: int) -> tuple[float, T]:
    """Return the minimum wall seconds of several calls, and the last result."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = step()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


class Stages:
    """Locate and grid stages with their networks."""

    def __init__(self, threads: int) -> None:
        graphs = load_models().graphs
        self._locate = OnnxRuntimeRunner(graphs["locate"], threads)
        self._grid = OnnxRuntimeRunner(graphs["grid"], threads)

    def measure_page(self, path: Path, truth: PageTruth, repeats: int) -> dict[str, Any]:
        """Measure one page. `failed` is the reason if there is no mesh."""
        out: dict[str, Any] = {"page": path.stem, "kind": truth.kind, "seconds": {}, "failed": None}
        seconds = out["seconds"]
        seconds["decode"], image = fastest(lambda: rgb_from_file(path), 1)
        try:
            seconds["locate"], located = fastest(lambda: locate(self._locate, image), 1)
            if located.quarter_turns != truth.quarter_turns:
                turns, true_turns = located.quarter_turns, truth.quarter_turns
                return {**out, "failed": f"rotated by {turns} quarter turns instead of {true_turns}"}
            mesh = self._mesh(located, seconds, repeats)
        except PageError as error:
            return {**out, "failed": error.message}
        return {**out, **dataclasses.asdict(mesh_error(mesh, truth))}

    def _mesh(self, located: Located, seconds: dict[str, float], repeats: int) -> Mesh:
        seconds["grid"], phase = fastest(lambda: grid_phase(self._grid, located), 1)
        seconds["rectify"], mesh = fastest(lambda: mesh_from_grid(phase), repeats)
        return mesh


def summary(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of errors (mm) and seconds over the pages of each kind."""
    kinds: dict[str, Any] = {}
    for kind in sorted({page["kind"] for page in pages}):
        group = [page for page in pages if page["kind"] == kind]
        good = [page for page in group if page["failed"] is None]
        kinds[kind] = {
            "pages": len(group),
            "without_mesh": [f"{page['page']}: {page['failed']}" for page in group if page["failed"]],
        }
        if not good:
            continue
        for name in ("along", "along_centred", "across", "across_centred"):
            for index, statistic in enumerate(("median", "p95")):
                values = [page[name][index] for page in good]
                kinds[kind][f"{name}_{statistic}_mm"] = round(median(values), 4)
            kinds[kind][f"{name}_worst_p95_mm"] = round(max(page[name][1] for page in good), 4)
        kinds[kind]["seconds"] = {
            part: round(median(page["seconds"][part] for page in good), 4) for part in good[0]["seconds"]
        }
    return kinds


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--repeats", type=int, default=5, help="number of rectifications, of which the fastest counts"
    )
    arguments = parser.parse_args()
    stages = Stages(arguments.threads)
    paths = sorted(path for path in arguments.pages.glob("*.jpg") if path.with_suffix(".npz").is_file())
    if not paths:
        raise SystemExit(f"{arguments.pages} does not contain a NAME.jpg with its NAME.npz.")
    stages.measure_page(paths[0], load_truth(paths[0].with_suffix(".npz")), 1)  # compiles the kernels
    pages = [
        stages.measure_page(path, load_truth(path.with_suffix(".npz")), arguments.repeats) for path in paths
    ]
    by_kind = summary(pages)
    write_result(arguments.result, "mesh_error", arguments.threads, {"kinds": by_kind, "pages": pages})
    sys.stdout.write(json.dumps(by_kind, indent=1) + "\n")


if __name__ == "__main__":
    main()
