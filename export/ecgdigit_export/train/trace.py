"""Stage 2's training: strips with the height of the centre row's trace in every column."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ecgdigit_export.models.stages import Trace
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.train.augment import recoloured
from ecgdigit_kernels.paper_maps import paper_maps
from ecgdigit_rt.geometry.strips import sample_image
from ecgdigit_rt.results import Row
from ecgdigit_rt.stages import (
    BINS_PER_MM,
    COLUMNS_PER_MM,
    STRIP_HALF_HEIGHT_MM,
    STRIP_PX_PER_MM,
    STRIP_ROWS_PER_MM,
)

_SHAPES = (
    (STRIP_HALF_HEIGHT_MM, 512, 0.80),
    (2 * STRIP_HALF_HEIGHT_MM, 256, 0.15),
    (4 * STRIP_HALF_HEIGHT_MM, 128, 0.05),
)
"""Half height (mm), width (px) and share of the crops: the usual strip, and the taller ones of tall leads."""
_CROPS = 16  # a page
_MEETING_MM = (3.0, -3.0)
"""Rows nearer than this meet, and such that reach into each other by so much cross. These places are few
and hold most of the error, so they come more often."""
_END_COLUMNS = 16
ABSENT = np.float32(np.nan)


def _crop(
    image: NDArray[np.uint8],
    truth: PageTruth,
    row: Row,
    curve: NDArray[np.float32],
    rng: np.random.Generator,
    half_height_mm: float,
    width: int,
    about_mm: float | None,
) -> dict[str, NDArray[np.generic]]:
    """One strip crop (16 * half_height_mm, width, 3), its (2 * width,) heights in bins from the top, NaN
    where no trace is, the share of each column (2 * width,) that the trace covers, and the column's
    distance from the nearest begin of a lead (2 * width,). Anywhere on the row, its ends included, or with
    the place `about_mm` in it."""
    span_mm = width / STRIP_PX_PER_MM
    if about_mm is None:
        start = rng.uniform(row.start_mm - 0.5 * span_mm, row.end_mm - 0.5 * span_mm)
    else:
        start = about_mm - rng.uniform(0.1, 0.9) * span_mm
    centre = row.baseline_mm + float(np.clip(rng.normal(0, 1.3), -4, 4))
    left, top = start - 0.5 / COLUMNS_PER_MM, centre - half_height_mm
    rows = round(2 * half_height_mm * STRIP_ROWS_PER_MM)
    map_x, map_y = paper_maps(
        truth.nodes_px, truth.origin_mm, truth.step_mm, (left, top),
        (1 / STRIP_PX_PER_MM, 1 / STRIP_ROWS_PER_MM), (rows, width),
    )  # fmt: skip
    ratio = truth.px_per_mm / float(np.sqrt(STRIP_PX_PER_MM * STRIP_ROWS_PER_MM))
    strip = sample_image(image, map_x, map_y, ratio, cv2.INTER_CUBIC)  # as at run time
    at = (start - row.start_mm) * COLUMNS_PER_MM + np.arange(2 * width)
    # A sample's column reaches half a column to both sides; a column that the first or the last of them
    # covers in part is there in part. So the sum of presence tells where the record begins.
    covered = np.clip(np.minimum(at + 1, curve.size - at), 0, 1)
    height_mm = np.interp(at, np.arange(curve.size), curve) + (centre - row.baseline_mm)
    bins = (half_height_mm - height_mm) * BINS_PER_MM
    bins = np.where(covered > 0, bins, ABSENT).astype(np.float32)
    begins = np.array([(one.start_mm - row.start_mm) * COLUMNS_PER_MM for one in row.segments])
    return {
        "pixels": recoloured(strip, rng),
        "bins": bins,
        "covered": covered.astype(np.float32),
        "from_begin": np.abs(at[:, None] - begins).min(1).astype(np.float32),
    }


def strip_samples(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Crops of a page, from all its rows alike, and as many again of the places where rows meet."""
    rows = truth.layout.rows
    picks: list[tuple[int, float | None]] = [(int(row), None) for row in rng.integers(0, len(rows), _CROPS)]
    for reach in _MEETING_MM:
        meetings = _meetings(truth, reach)
        if meetings:
            picks += [meetings[k] for k in rng.integers(0, len(meetings), _CROPS // len(_MEETING_MM))]
    for index, about in picks:
        half_height_mm, width, _ = _SHAPES[rng.choice(len(_SHAPES), p=[share for *_, share in _SHAPES])]
        yield _crop(image, truth, rows[index], truth.curves[index], rng, half_height_mm, width, about)


def _meetings(truth: PageTruth, reach_mm: float) -> list[tuple[int, float]]:
    """Row and place (mm) wherever a row's curve is nearer than `reach_mm` to the next one's, or beyond it."""
    found: list[tuple[int, float]] = []
    pairs = list(zip(truth.layout.rows, truth.curves, strict=True))
    for index in range(len(pairs) - 1):
        (upper, above), (lower, below) = pairs[index], pairs[index + 1]
        count = min(above.size, below.size)
        gap = (lower.baseline_mm - below[:count]) - (upper.baseline_mm - above[:count])
        for column in np.flatnonzero(gap < reach_mm):
            place = upper.start_mm + float(column) / COLUMNS_PER_MM
            found += [(index, place), (index + 1, place)]
    return found


def importance(bins: Tensor) -> Tensor:
    """A column's weight: the score is a ratio of energies, and QRS complexes hold most of it."""
    middle = bins.nanmedian(dim=1, keepdim=True).values
    return 1 + (torch.nan_to_num(bins - middle).abs() / 10).clamp(max=6)


def presence_entropy(presence: Tensor, covered: Tensor) -> Tensor:
    """Cross-entropy of the share that the curve covers; where a record begins or ends it counts more."""
    entropy = functional.binary_cross_entropy_with_logits(presence, covered, reduction="none")
    return (_ending(covered) * entropy).mean()


def _ending(covered: Tensor) -> Tensor:
    """A column's weight for presence: where a record begins or ends, a fraction of a column counts."""
    changes = functional.pad((covered.diff(dim=1) != 0).float(), (1, 0))
    near = functional.max_pool1d(changes[:, None], 2 * _END_COLUMNS + 1, 1, _END_COLUMNS)[:, 0]
    return 1 + 9 * near


def trace_loss(model: Trace, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy against a Gaussian of one bin per column, and the presence of a trace.

    Returns the loss and readings: the median error of the local expectation in millimetres.
    """
    logits, presence = model(batch["pixels"])
    bins = batch["bins"]
    height = logits.shape[1]
    inside = torch.isfinite(bins)
    bins = bins.clamp(0.5, height - 0.5)  # a curve that leaves the strip runs at its edge: there it is sought
    centres = torch.arange(height, device=bins.device) + 0.5
    target = torch.exp(-0.5 * (centres[None, :, None] - torch.nan_to_num(bins)[:, None]) ** 2)
    target = target / target.sum(1, keepdim=True).clamp_min(1e-6)
    log_p = functional.log_softmax(logits, 1)
    entropy = -(target * log_p).sum(1)
    weight = inside.float() * importance(bins)
    share = weight.sum().clamp_min(1)
    seen = presence_entropy(presence, batch["covered"])
    p = log_p.exp()
    near = (centres[None, :, None] - torch.nan_to_num(bins)[:, None]).abs() < 8
    local = (p * near * centres[None, :, None]).sum(1) / (p * near).sum(1).clamp_min(1e-4)
    error = (local - torch.nan_to_num(bins)).abs() * weight
    loss = (entropy * weight).sum() / share + 0.2 * (error.clamp(max=4) * weight).sum() / share + seen
    with torch.no_grad():
        peak = logits.argmax(1).float() + 0.5
        far = (((peak - bins).abs() > 4) & inside).float().sum() / share
    readings = {
        "error_mm": float(error.detach().sum() / share) / BINS_PER_MM,
        "lost": float(far),
        "presence": float(seen.detach()),
    }
    return loss, readings
