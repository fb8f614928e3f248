"""Ideal outputs of the locate and grid stages for a synthetic page, made from its truth."""

from __future__ import annotations

import numpy as np

from ecgdigit_export.synth.page import SyntheticPage
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.train.locate import heatmaps_from_truth
from ecgdigit_rt.geometry.locate_stage import Located, grid_stage_view
from ecgdigit_rt.geometry.mesh import Mesh
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
