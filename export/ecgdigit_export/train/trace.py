"""Training of the trace stage: strips with the height of the middle row's trace, and the loss."""

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
from ecgdigit_export.train.augment import augment_colours
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
"""Half height (mm), width (px) and fraction of the crops: standard strips, and taller strips for tall leads.

Hand-picked, not tuned.
"""
# Number of random samples per page. Hand-picked, not tuned.
_CROPS = 16
_MEETING_MM = (3.0, -3.0)
"""Maximum gap between the traces of two rows that meet, and of two rows that cross. Hand-picked, not tuned.

A negative gap is an overlap. Positions at which rows meet or cross are sampled more often, because they are
rare, but cause most of the squared error on pages whose rows cross (docs/accuracy.md, crossing rows).
"""
# Columns on each side of the ends of a record in which presence has a higher weight. Hand-picked, not tuned.
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
    """Return one sample: a crop of a strip, and targets for each output column.

    The crop contains the position `about_mm`. If it is None, the crop is at a random position of the row, and
    up to half of it may be beyond an end of the row. `pixels` is (16 * half_height_mm, width, 3). The targets
    are (2 * width,):

    - `bins`: the distance of the trace from the top of the crop in bins, or NaN beyond the ends of the row.
    - `covered`: the fraction of the column that the trace covers.
    - `from_start`: the distance in columns from the nearest start of a lead.
    """
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
    # A sample extends half a column to both sides. Columns that the first or the last sample covers partly
    # have a fractional presence. The sum of the presence therefore determines the exact ends of the record.
    covered = np.clip(np.minimum(at + 1, curve.size - at), 0, 1)
    height_mm = np.interp(at, np.arange(curve.size), curve) + (centre - row.baseline_mm)
    bins = (half_height_mm - height_mm) * BINS_PER_MM
    covered = np.where(np.isfinite(height_mm), covered, 0)  # the gaps between segments are blank
    bins = np.where(covered > 0, bins, ABSENT).astype(np.float32)
    starts = np.array([(segment.start_mm - row.start_mm) * COLUMNS_PER_MM for segment in row.segments])
    return {
        "pixels": augment_colours(strip, rng),
        "bins": bins,
        "covered": covered.astype(np.float32),
        "from_start": np.abs(at[:, None] - starts).min(1).astype(np.float32),
    }


def strip_samples(
    image: NDArray[np.uint8], truth: PageTruth, rng: np.random.Generator
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Yield `_CROPS` crops of random rows, and up to `_CROPS` crops of places where rows meet or cross."""
    rows = truth.layout.rows
    picks: list[tuple[int, float | None]] = [(int(row), None) for row in rng.integers(0, len(rows), _CROPS)]
    for max_gap_mm in _MEETING_MM:
        meetings = _find_meetings(truth, max_gap_mm)
        if meetings:
            picks += [meetings[k] for k in rng.integers(0, len(meetings), _CROPS // len(_MEETING_MM))]
    for index, about in picks:
        half_height_mm, width, _ = _SHAPES[rng.choice(len(_SHAPES), p=[fraction for *_, fraction in _SHAPES])]
        yield _crop(image, truth, rows[index], truth.curves[index], rng, half_height_mm, width, about)


def _find_meetings(truth: PageTruth, max_gap_mm: float) -> list[tuple[int, float]]:
    """Return the positions at which the gap between the traces of adjacent rows is less than `max_gap_mm`.

    The result contains two pairs for each position: the index of the upper or lower row, and the position in
    mm.
    """
    meetings: list[tuple[int, float]] = []
    pairs = list(zip(truth.layout.rows, truth.curves, strict=True))
    for index in range(len(pairs) - 1):
        (upper, above), (lower, below) = pairs[index], pairs[index + 1]
        count = min(above.size, below.size)
        gap = (lower.baseline_mm - below[:count]) - (upper.baseline_mm - above[:count])
        for column in np.flatnonzero(gap < max_gap_mm):
            u_mm = upper.start_mm + float(column) / COLUMNS_PER_MM
            meetings += [(index, u_mm), (index + 1, u_mm)]
    return meetings


def importance(bins: Tensor) -> Tensor:
    """Return the weight of each column, which increases with the distance of the trace from its median.

    The reason is that the score is a ratio of energies, and most of the energy is in QRS complexes.
    """
    median = bins.nanmedian(dim=1, keepdim=True).values
    return 1 + (torch.nan_to_num(bins - median).abs() / 10).clamp(max=6)


def presence_entropy(presence: Tensor, covered: Tensor) -> Tensor:
    """Return the mean cross-entropy of presence. Columns near the ends of the record have a higher weight."""
    entropy = functional.binary_cross_entropy_with_logits(presence, covered, reduction="none")
    return (_end_weight(covered) * entropy).mean()


def _end_weight(covered: Tensor) -> Tensor:
    """Return the weight of each column for presence: 10 near the ends of a record, otherwise 1."""
    changes = functional.pad((covered.diff(dim=1) != 0).float(), (1, 0))
    near = functional.max_pool1d(changes[:, None], 2 * _END_COLUMNS + 1, 1, _END_COLUMNS)[:, 0]
    return 1 + 9 * near


def trace_loss(model: Trace, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of heights and presence, and metrics.

    The target in each column is a Gaussian with a standard deviation of one bin. The metrics are:

    - `error_mm`: the weighted mean error of the expected height near the trace.
    - `lost`: the number of columns whose maximum is more than 4 bins from the trace, per unit of weight.
    - `presence`: the loss of presence.
    """
    logits, presence = model(batch["pixels"])
    bins = batch["bins"]
    height = logits.shape[1]
    inside = torch.isfinite(bins)
    bins = bins.clamp(0.5, height - 0.5)  # if the trace is outside the strip, the target is the nearest edge
    centres = torch.arange(height, device=bins.device) + 0.5
    target = torch.exp(-0.5 * (centres[None, :, None] - torch.nan_to_num(bins)[:, None]) ** 2)
    target = target / target.sum(1, keepdim=True).clamp_min(1e-6)
    log_p = functional.log_softmax(logits, 1)
    entropy = -(target * log_p).sum(1)
    weight = inside.float() * importance(bins)
    total_weight = weight.sum().clamp_min(1)
    presence_loss = presence_entropy(presence, batch["covered"])
    p = log_p.exp()
    near = (centres[None, :, None] - torch.nan_to_num(bins)[:, None]).abs() < 8
    local = (p * near * centres[None, :, None]).sum(1) / (p * near).sum(1).clamp_min(1e-4)
    error = (local - torch.nan_to_num(bins)).abs() * weight
    loss = (
        (entropy * weight).sum() / total_weight
        + 0.2 * (error.clamp(max=4) * weight).sum() / total_weight
        + presence_loss
    )
    with torch.no_grad():
        peak = logits.argmax(1).float() + 0.5
        lost = (((peak - bins).abs() > 4) & inside).float().sum() / total_weight
    metrics = {
        "error_mm": float(error.detach().sum() / total_weight) / BINS_PER_MM,
        "lost": float(lost),
        "presence": float(presence_loss.detach()),
    }
    return loss, metrics
