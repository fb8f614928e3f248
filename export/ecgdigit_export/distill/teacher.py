"""Teachers: an ensemble of model families that labels rectified pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.stage_opener import StageRequest
from ecgdigit_export.distill.rectified_page import (
    FULL,
    HALF_HEIGHTS_MM,
    RectifiedPage,
    RectifiedRow,
    page_group,
    save_rectified,
)
from ecgdigit_export.label.folder import PageOutcome
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.geometry.strips import paper_patch
from ecgdigit_rt.models import graph_precisions, load_models
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.stages import SIDE_STEP, STRIP_PX_PER_MM, STRIP_ROWS_PER_MM

# Margins around the rows in mm, along time and in height. The vertical margin contains the tall strips
# (±40 mm) of the outer rows. Hand-picked, not tuned.
_MARGIN_MM = (12.0, 42.0)
_WHITE = 255  # largest value of a uint8 pixel


class Teachers:
    """An ensemble of model families. The first one rectifies a page, and all of them predict its traces.

    `models` are names of shipped families or folders that `export` wrote. Raises ModelMissing or
    ModelCorrupt.
    """

    def __init__(self, models: Sequence[str], threads: int | None = None) -> None:
        self._digitizer = Digitizer(models[0], threads, backend="onnxruntime", precision="fp32")
        opener = select_backend("onnxruntime", "cpu", "fp32", graph_precisions(models[0])).opener()
        families = [load_models(name, precision="fp32") for name in models]
        self.names = tuple(str(family) for family in families)
        self._traces: list[Runner] = [
            opener.open(StageRequest(family.graphs["trace"], self._digitizer.threads)) for family in families
        ]

    def rectify(self, image: NDArray[np.uint8], page: PageRef) -> RectifiedPage:
        """Return a rectified and labelled page. `image` is (height, width, 3) uint8 RGB. Raises PageError."""
        state = self._digitizer.digitize_steps(image, page)
        layout, mesh = state.page.layout, state.mesh
        left = min(row.start_mm for row in layout.rows) - _MARGIN_MM[0]
        right = max(row.end_mm for row in layout.rows) + _MARGIN_MM[0]
        top = layout.rows[0].baseline_mm - _MARGIN_MM[1]
        bottom = layout.rows[-1].baseline_mm + _MARGIN_MM[1]
        width = int(np.ceil((right - left) * STRIP_PX_PER_MM / SIDE_STEP)) * SIDE_STEP
        height = round((bottom - top) * STRIP_ROWS_PER_MM)
        rectified = paper_patch(
            state.located.image,
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
        labels = {
            suffix: [self._predict(strip_at(rectified, row.middle_px, half_mm)) for row in rows]
            for suffix, half_mm in HALF_HEIGHTS_MM.items()
        }
        return RectifiedPage(
            rectified,
            {suffix: np.stack([heights for heights, _ in of_rows]) for suffix, of_rows in labels.items()},
            np.stack([presence for _, presence in labels[""]]),
            rows,
            layout.name,
            (left, top),
            layout.speed_mm_s,
            layout.gain_mm_mv,
            self.names,
        )

    def _predict(self, strip: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the mean height distribution (bins, columns) and mean presence (columns,), both × 255."""
        heights, presence = [], []
        for runner in self._traces:
            outputs = runner.run({"pixels": strip[None]})
            logits = outputs["height_logits"][0].astype(np.float64)
            likelihoods = np.exp(logits - logits.max(0))
            heights.append(likelihoods / likelihoods.sum(0))
            presence.append(1 / (1 + np.exp(-outputs["presence_logits"][0].astype(np.float64))))
        return _to_uint8(np.mean(heights, 0)), _to_uint8(np.mean(presence, 0))


def strip_at(rectified: NDArray[np.uint8], middle_px: int, half_height_mm: float) -> NDArray[np.uint8]:
    """Return the strip around a pixel row of a rectified page. Beyond the edges of the page, it is white."""
    half = round(half_height_mm * STRIP_ROWS_PER_MM)
    strip = np.full((2 * half, *rectified.shape[1:]), _WHITE, np.uint8)
    first, stop = max(0, middle_px - half), min(rectified.shape[0], middle_px + half)
    strip[first - middle_px + half : stop - middle_px + half] = rectified[first:stop]
    return strip


def _to_uint8(fractions: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(np.round(fractions * FULL), np.uint8)


def write_rectified(
    pages: Iterable[tuple[str, PageRef]], teachers: Teachers, folder: Path
) -> Iterator[PageOutcome]:
    """Rectify and label pages, and yield the outcomes.

    `pages` are pairs of a name and a page. Pages that are already complete in `folder` are not labelled
    again. Pages that cannot be digitized are skipped.
    """
    for name, page in pages:
        if (folder / "rectified_labels" / page_group(name) / f"{name}.json").is_file():
            yield PageOutcome(name)
            continue
        try:
            save_rectified(teachers.rectify(page_from_source(page).pixels(), page), name, folder)
        except EcgDigitError as error:
            yield PageOutcome(name, str(error))
        else:
            yield PageOutcome(name)
