"""Ground truth of a training page: geometry and signals, from which the targets of all stages are derived."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import Layout, Row, Segment

COLUMNS_PER_MM = 20
"""Columns per mm of `PageTruth.curves`. At 25 mm/s, a column corresponds to a sample at 500 Hz."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A printed mark: the name of a lead, a calibration pulse, the speed or the gain.

    `name` is the name of a lead, `pulse`, or a text such as `speed_25` or `gain_10`. The other fields are the
    centre, width and height of the mark's box on the paper.
    """

    name: str
    u_mm: float
    v_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class PageTruth:
    """Geometry and signals of one training page, which are exact for synthetic pages.

    `nodes_px`, (rows, columns, 2) float32, contains the image x and y of the nodes of a lattice with step
    `step_mm`. Node (0, 0) is at `origin_mm` on the paper. Major grid lines are at multiples of 5 mm.
    `paper_mm` and `grid_mm` are the left, top, right and bottom edges of the sheet and of the printed grid.
    `curves` contains an array (columns,) float32 for each row of the layout, the height above the baseline in
    mm. Column k is at `row.start_mm + k / COLUMNS_PER_MM`.
    """

    kind: str
    image_size: tuple[int, int]
    nodes_px: NDArray[np.float32]
    origin_mm: tuple[float, float]
    step_mm: float
    paper_mm: tuple[float, float, float, float]
    grid_mm: tuple[float, float, float, float]
    grid_is_readable: bool
    quarter_turns: int
    layout: Layout
    curves: tuple[NDArray[np.float32], ...]
    marks: tuple[Mark, ...]

    @property
    def px_per_mm(self) -> float:
        """Median resolution of the page in the image, in pixels per mm."""
        spacing = np.hypot(*np.diff(self.nodes_px, axis=1).reshape(-1, 2).T)
        return float(np.median(spacing)) / self.step_mm

    def pixels_from_mm(
        self, u: NDArray[np.floating], v: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the image x and y of paper positions, interpolated bilinearly between the nodes.

        Positions beyond the lattice are extrapolated.
        """
        rows, columns, _ = self.nodes_px.shape
        gx = (np.asarray(u, float) - self.origin_mm[0]) / self.step_mm
        gy = (np.asarray(v, float) - self.origin_mm[1]) / self.step_mm
        j = np.clip(np.floor(gx), 0, columns - 2).astype(int)
        i = np.clip(np.floor(gy), 0, rows - 2).astype(int)
        fx, fy = (gx - j)[..., None], (gy - i)[..., None]
        n = self.nodes_px.astype(float)
        top = n[i, j] * (1 - fx) + n[i, j + 1] * fx
        bottom = n[i + 1, j] * (1 - fx) + n[i + 1, j + 1] * fx
        point = top * (1 - fy) + bottom * fy
        return point[..., 0], point[..., 1]


def save_truth(truth: PageTruth, path: Path) -> None:
    """Write `truth` to a compressed npz file: its arrays, and the other fields as a JSON string."""
    meta = {
        "kind": truth.kind,
        "image_size": truth.image_size,
        "origin_mm": truth.origin_mm,
        "step_mm": truth.step_mm,
        "paper_mm": truth.paper_mm,
        "grid_mm": truth.grid_mm,
        "grid_is_readable": truth.grid_is_readable,
        "quarter_turns": truth.quarter_turns,
        "layout": asdict(truth.layout),
        "marks": [asdict(mark) for mark in truth.marks],
    }
    curves = {f"curve_{i}": curve for i, curve in enumerate(truth.curves)}
    with path.open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, meta=np.array(json.dumps(meta)), nodes_px=truth.nodes_px, **curves
        )


def load_truth(path: Path) -> PageTruth:
    """Read a truth that `save_truth` wrote."""
    with np.load(path, allow_pickle=False) as data:
        meta = json.loads(str(data["meta"]))
        curves = tuple(data[f"curve_{i}"] for i in range(len(meta["layout"]["rows"])))
        nodes = data["nodes_px"]
    rows = tuple(
        Row(row["baseline_mm"], tuple(Segment(**segment) for segment in row["segments"]))
        for row in meta["layout"].pop("rows")
    )
    return PageTruth(
        kind=meta["kind"],
        image_size=tuple(meta["image_size"]),
        nodes_px=nodes,
        origin_mm=tuple(meta["origin_mm"]),
        step_mm=meta["step_mm"],
        paper_mm=tuple(meta["paper_mm"]),
        grid_mm=tuple(meta["grid_mm"]),
        grid_is_readable=meta["grid_is_readable"],
        quarter_turns=meta["quarter_turns"],
        layout=Layout(rows=rows, **meta["layout"]),
        curves=curves,
        marks=tuple(Mark(**mark) for mark in meta["marks"]),
    )
