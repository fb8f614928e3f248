"""Folders of training pages that are made from scanned pages with truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.label.page_truth import MIN_QUALITY_DB, page_truth
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth, save_truth
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest
from ecgdigit_rt.results import PageRef

_GREEN = (0, 150, 0)  # RGB colour of the true curves in previews
# Quality 96 without chroma subsampling. Hand-picked, not tuned.
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 96, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """Outcome of one page. `problem` is the reason why the page was skipped, or empty if its files exist."""

    page: str
    problem: str = ""


def label_pages(
    pages: Iterable[tuple[str, PageRef]],
    truths: Mapping[str, Path],
    requests: Mapping[str, list[LeadRequest]],
    digitizer: Digitizer,
    folder: Path,
    min_quality_db: float = MIN_QUALITY_DB,
) -> Iterator[PageOutcome]:
    """Write the upright image NAME.jpg and the truth NAME.npz of each page, and yield the outcomes.

    A preview is written to FOLDER-preview/NAME.png. `pages` are pairs of a name and a page. `truths` are
    truth files by page name. `requests` are the requests of test.csv by page name.

    A page is skipped if it has no truth, if the page or its truth cannot be read, if the page cannot be
    digitized, or if it does not match its truth.
    """
    previews = folder.with_name(f"{folder.name}-preview")
    folder.mkdir(parents=True, exist_ok=True)
    previews.mkdir(parents=True, exist_ok=True)
    for name, page in pages:
        if name not in truths:
            yield PageOutcome(name, "it has no ground truth")
            continue
        try:
            state = digitizer.digitize_steps(page_from_source(page).pixels(), page)
            truth = page_truth(state, read_truth(truths[name], requests.get(name, [])), min_quality_db)
        except EcgDigitError as error:
            yield PageOutcome(name, str(error))
            continue
        image = state.located.image
        cv2.imwrite(str(folder / f"{name}.jpg"), image[..., ::-1], _JPEG)
        save_truth(truth, folder / f"{name}.npz")
        cv2.imwrite(str(previews / f"{name}.png"), draw_truth(image, truth)[..., ::-1])
        yield PageOutcome(name)


def draw_truth(image: NDArray[np.uint8], truth: PageTruth) -> NDArray[np.uint8]:
    """Return a lightened image of the page with the true curves in green."""
    preview = (128 + image // 2).astype(np.uint8)
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        u = row.start_mm + np.arange(curve.size) / COLUMNS_PER_MM
        x, y = truth.pixels_from_mm(u, row.baseline_mm - curve)
        points = np.round(np.stack([x - 0.5, y - 0.5], 1) * 8).astype(np.int32)
        cv2.polylines(preview, [points], False, _GREEN, 1, cv2.LINE_AA, 3)
    return preview
