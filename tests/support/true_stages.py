"""Ideal outputs of the stages for a synthetic page, made from its truth."""

from __future__ import annotations

import numpy as np

from ecgdigit_export.synth.page import SyntheticPage
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth
from ecgdigit_export.train.locate import heatmaps_from_truth
from ecgdigit_rt.geometry.locate_stage import Located, grid_stage_view
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.baselines import find_baselines
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap, paper_heatmap
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve
from ecgdigit_rt.stages import LOCATE_SIDE, MAP_STRIDE


def true_mesh(truth: PageTruth) -> Mesh:
    """Return the lattice of the truth, reduced to the 5 mm spacing of the runtime."""
    return Mesh(truth.nodes_px[::2, ::2], truth.origin_mm, residual_px=0.0, coverage=1.0)


def true_located(page: SyntheticPage) -> Located:
    """Return the training targets of the locate network, for a sheet that fills the image."""
    height, width = page.image.shape[:2]
    cell = max(height, width) / LOCATE_SIDE * MAP_STRIDE
    cells = (int(np.ceil(height / cell)), int(np.ceil(width / cell)))
    maps = heatmaps_from_truth(page.truth, np.array([1 / cell, 1 / cell]), cells)
    return Located(page.image, 0, maps, cell, (0.0, 0.0), (0, 0, width, height), grid_stage_view(page.image))


def true_heatmap(page: SyntheticPage, located: Located | None = None) -> PaperHeatmap:
    """Return the heatmaps of the page on paper. `located` is that of `true_located` by default."""
    return paper_heatmap(located or true_located(page), true_mesh(page.truth))


def true_curves(page: SyntheticPage, heatmap: PaperHeatmap) -> list[RowCurve]:
    """Return the true curves of the rows whose baselines are visible in the heatmap."""
    stride = round(CURVE_STEP_MM * COLUMNS_PER_MM)
    rows, curves = page.truth.layout.rows, []
    for line in find_baselines(heatmap):
        row = int(np.argmin([abs(row.baseline_mm - line.v_mm) for row in rows]))
        heights = np.nan_to_num(page.truth.curves[row][::stride].astype(np.float64))
        curves.append(RowCurve(line, rows[row].start_mm, heights))
    return curves
