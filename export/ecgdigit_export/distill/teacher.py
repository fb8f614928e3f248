"""Teachers: one family of networks that reads a page, and others that are asked about its rows too."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import select_backend
from ecgdigit_export.distill.rectified import FULL, HALF_HEIGHTS_MM, RectifiedPage, RectifiedRow
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.geometry.strips import paper_patch
from ecgdigit_rt.models import graph_precisions, load_models
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.stages import SIDE_STEP, STRIP_PX_PER_MM, STRIP_ROWS_PER_MM

_MARGIN_MM = (12.0, 42.0)  # along and in height: what the strips of the outer rows need
_WHITE = 255


class Teachers:
    """An ensemble: the first one finds the page, its grid and its layout, all are asked for the curves.

    models: families of the package or folders that `export` wrote. Raises ModelMissing, ModelCorrupt.
    """

    def __init__(self, models: Sequence[str], threads: int | None = None) -> None:
        self._reader = Digitizer(models[0], threads, backend="onnxruntime", precision="fp32")
        opener = select_backend("onnxruntime", "cpu", "fp32", graph_precisions(models[0]))
        families = [load_models(name, precision="fp32") for name in models]
        self.names = tuple(str(family) for family in families)
        self._traces: list[Runner] = [
            opener.open_stage(family.graphs["trace"], self._reader.threads) for family in families
        ]

    def rectified(self, image: NDArray[np.uint8], page: PageRef) -> RectifiedPage:
        """Read a page (height, width, 3) and label it. Raises a PageError that names what is wrong."""
        steps = self._reader.steps(image, page)
        layout, mesh = steps.page.layout, steps.mesh
        left = min(row.start_mm for row in layout.rows) - _MARGIN_MM[0]
        right = max(row.end_mm for row in layout.rows) + _MARGIN_MM[0]
        top = layout.rows[0].baseline_mm - _MARGIN_MM[1]
        bottom = layout.rows[-1].baseline_mm + _MARGIN_MM[1]
        width = int(np.ceil((right - left) * STRIP_PX_PER_MM / SIDE_STEP)) * SIDE_STEP
        height = round((bottom - top) * STRIP_ROWS_PER_MM)
        flat = paper_patch(
            steps.located.image,
            mesh,
            (left, top),
            (STRIP_PX_PER_MM, STRIP_ROWS_PER_MM),
            (width, height),
            cv2.INTER_CUBIC,
        )
        rows = [
            RectifiedRow(
                round((row.baseline_mm - top) * STRIP_ROWS_PER_MM),
                tuple(segment.lead for segment in row.segments),
            )
            for row in layout.rows
        ]
        said = {
            suffix: [self._said(strip_at(flat, row.middle_px, half_mm)) for row in rows]
            for suffix, half_mm in HALF_HEIGHTS_MM.items()
        }
        return RectifiedPage(
            flat,
            {suffix: np.stack([heights for heights, _ in found]) for suffix, found in said.items()},
            np.stack([presence for _, presence in said[""]]),
            rows,
            layout.name,
            (left, top),
            layout.speed_mm_s,
            layout.gain_mm_mv,
            self.names,
        )

    def _said(self, strip: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The mean of the teachers' distributions (bins, columns), and of presence (columns,), × 255."""
        heights, presence = [], []
        for runner in self._traces:
            found = runner.run({"pixels": strip[None]})
            logits = found["height_logits"][0].astype(np.float64)
            shares = np.exp(logits - logits.max(0))
            heights.append(shares / shares.sum(0))
            presence.append(1 / (1 + np.exp(-found["presence_logits"][0].astype(np.float64))))
        return _scaled(np.mean(heights, 0)), _scaled(np.mean(presence, 0))


def strip_at(flat: NDArray[np.uint8], middle_px: int, half_height_mm: float) -> NDArray[np.uint8]:
    """The strip around a pixel row of a rectified page, white beyond its edges."""
    half = round(half_height_mm * STRIP_ROWS_PER_MM)
    strip = np.full((2 * half, *flat.shape[1:]), _WHITE, np.uint8)
    first, stop = max(0, middle_px - half), min(flat.shape[0], middle_px + half)
    strip[first - middle_px + half : stop - middle_px + half] = flat[first:stop]
    return strip


def _scaled(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(np.round(shares * FULL), np.uint8)
