"""Meshes of pages without a grid, from level rows of a known length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from synthetic_pages import layout_page
from true_stages import true_located, true_mesh

from ecgdigit_rt.geometry.locate_stage import Located
from ecgdigit_rt.tracing.mesh_from_rows import mesh_from_rows


class TrueEnds:
    """Stand-in for the trace stage that predicts a trace at half height over the extent of the ink."""

    def __init__(self) -> None:
        self.spec = None

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        pixels = feeds["pixels"]
        batch, height, width, _ = pixels.shape
        dark = pixels.min(3) < 110
        middle = dark[:, height // 2 - 40 : height // 2 + 40].any(1)
        presence = np.full((batch, 2 * width), -8, np.float32)
        for k in range(batch):
            inked = np.flatnonzero(middle[k])
            if inked.size:
                presence[k, 2 * inked[0] : 2 * inked[-1] + 2] = 8
        logits = np.zeros((batch, height // 2, 2 * width), np.float32)
        logits[:, height // 4] = 9
        return {"height_logits": logits, "presence_logits": presence}


@pytest.mark.parametrize("kind", ["render", "colour_scan"])
def test_the_rows_determine_the_scale(kind: str) -> None:
    page = layout_page("3x4", kind)
    located: Located = true_located(page)
    x, y = page.truth.nodes_px[..., 0], page.truth.nodes_px[..., 1]
    located = replace(located, page_px=(int(x.min()), int(y.min()), int(x.max()), int(y.max())))
    mesh = mesh_from_rows(located, {"trace": TrueEnds()})  # type: ignore[dict-item]
    assert mesh is not None
    truth = true_mesh(page.truth)
    row = page.truth.layout.rows[1]
    u = np.linspace(row.start_mm, row.end_mm, 20)
    at_x, at_y = truth.pixels_from_mm(u, np.full(20, row.baseline_mm))
    measured, level = mesh.mm_from_pixels(at_x, at_y)
    assert np.abs(np.diff(measured) - np.diff(u)).max() < 0.05
    assert np.ptp(level) < 1.5  # level rows do not reveal the shear of a scanner


def test_empty_heatmaps_return_none() -> None:
    page = layout_page("3x4")
    located = true_located(page)
    located.heatmaps[:] = 0
    assert mesh_from_rows(located, {"trace": TrueEnds()}) is None  # type: ignore[dict-item]
