"""A folder of one's own pages with truth becomes a folder to train on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.label.page_truth import LEAST_DB, page_truth
from ecgdigit_export.page_outcome import PageOutcome
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, PageTruth, save_truth
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest
from ecgdigit_rt.results import PageRef

_GREEN = (0, 150, 0)
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 96, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def label_pages(
    pages: Iterable[tuple[str, PageRef]],
    truths: Mapping[str, Path],
    questions: Mapping[str, list[LeadRequest]],
    digitizer: Digitizer,
    folder: Path,
    min_quality_db: float = LEAST_DB,
) -> Iterator[PageOutcome]:
    """Write NAME.jpg (upright) and NAME.npz for every page with truth, and NAME.png to look at beside FOLDER.

    pages: by their names in `truths`. A page that cannot be read or does not fit is told and left out.
    """
    look = folder.with_name(f"{folder.name}-look")
    folder.mkdir(parents=True, exist_ok=True)
    look.mkdir(parents=True, exist_ok=True)
    for name, page in pages:
        if name not in truths:
            yield PageOutcome(name, "it has no truth")
            continue
        try:
            steps = digitizer.steps(page_from_source(page).pixels(), page)
            truth = page_truth(steps, read_truth(truths[name], questions.get(name, [])), min_quality_db)
        except EcgDigitError as error:
            yield PageOutcome(name, str(error))
            continue
        image = steps.located.image
        cv2.imwrite(str(folder / f"{name}.jpg"), image[..., ::-1], _JPEG)
        save_truth(truth, folder / f"{name}.npz")
        cv2.imwrite(str(look / f"{name}.png"), drawn(image, truth)[..., ::-1])
        yield PageOutcome(name)


def drawn(image: NDArray[np.uint8], truth: PageTruth) -> NDArray[np.uint8]:
    """The page with its true curves over it in green, as training will take them to be."""
    picture = (128 + image // 2).astype(np.uint8)
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        u = row.start_mm + np.arange(curve.size) / COLUMNS_PER_MM
        x, y = truth.pixels_from_mm(u, row.baseline_mm - curve)
        points = np.round(np.stack([x - 0.5, y - 0.5], 1) * 8).astype(np.int32)
        cv2.polylines(picture, [points], False, _GREEN, 1, cv2.LINE_AA, 3)
    return picture
