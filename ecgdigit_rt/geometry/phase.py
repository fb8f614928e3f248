"""One direction of the grid as a continuous count of 5 mm periods over the image.

A complex field rho * exp(2 pi i U) tells U only modulo 1. Here it is unwrapped region by region,
and the regions are joined across hidden areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.phase_fold import fold_phase
from ecgdigit_kernels.unwrap import unwrap_phase

_BOX = 3  # folded pixels over which confidence is averaged
_LEAST_RHO = 0.12
_LEAST_COHERENCE = 0.6  # random phases reach about 0.25, noise of 0.3 rad gives 0.9
_LEAST_REGION = 40  # folded pixels
_MOST_REGIONS = 16
_SAMPLES = 500  # per region, when regions are joined
_MISFIT = 0.15  # periods: how far a cubic may be from the paper's shape
_INDEPENDENT = 150.0  # samples' worth of independent misfits on a page
_LARGEST_FRACTION = 0.3  # periods by which a region's count may miss a whole number

Direction = Literal["right", "down"]


@dataclass(frozen=True, slots=True)
class PhaseField:
    """A field's parts, all (h // 2, w // 2): two by two pixels of the field are one here.

    turns: phase in periods, -0.5 to 0.5. rho: confidence. along, down: local gradient in periods
    per folded pixel. level: uint8 quality, 0 where the field cannot be a grid. period_px: folded
    pixels.
    """

    turns: NDArray[np.float32]
    rho: NDArray[np.float32]
    along: NDArray[np.float32]
    down: NDArray[np.float32]
    level: NDArray[np.uint8]
    period_px: float


def phase_field(field: NDArray[np.complex64], direction: Direction) -> PhaseField | None:
    """Split a complex field; None when no regular grid growing in `direction` is seen."""
    folded = fold_phase(field)
    rho, along, down, coherence = folded.rho, folded.along, folded.down, folded.coherence
    main, cross = (along, down) if direction == "right" else (down, along)
    sure = (cv2.blur(rho, (_BOX, _BOX)) > _LEAST_RHO) & (coherence > _LEAST_COHERENCE)
    sure &= (rho > 0.05) & (main > 0) & (np.abs(cross) < 1.2 * main)
    if np.count_nonzero(sure) < _LEAST_REGION:
        return None
    frequency = np.hypot(along, down)
    typical = float(np.median(frequency[sure][::5]))
    sure &= (frequency > 0.6 * typical) & (frequency < 1.67 * typical)
    level = np.where(sure, 1 + 254 * np.clip(rho * coherence, 0, 1), 0).astype(np.uint8)
    return PhaseField(folded.turns, rho, along, down, level, 1.0 / typical)


def periods(field: PhaseField) -> NDArray[np.float32]:
    """The continuous count of periods, (h, w), NaN where unknown; its origin is arbitrary."""
    count, label = unwrap_phase(field.turns, field.along, field.down, field.level)
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    order = [r for r in np.argsort(sizes)[::-1][:_MOST_REGIONS] if sizes[r] >= _LEAST_REGION]
    out = np.full(count.shape, np.nan, np.float32)
    if not order:
        return out
    samples = {int(r): _samples(count, label, int(r)) for r in order}
    joined = [int(order[0])]
    offsets = {joined[0]: 0}
    waiting = [int(r) for r in order[1:]]
    while waiting:
        # The nearest goes first: the less is extrapolated, the surer the whole number.
        known = np.concatenate([_moved(samples[r], offsets[r]) for r in joined])
        nearest = min(waiting, key=lambda r: _gap(samples[r], known) / np.sqrt(sizes[r]))
        waiting.remove(nearest)
        missing = _missing_periods(known, samples[nearest], sizes[joined].sum(), sizes[nearest])
        if abs(missing - round(missing)) > _LARGEST_FRACTION:
            continue
        offsets[nearest] = round(missing)
        joined.append(nearest)
    for region, offset in offsets.items():
        inside = label == region
        out[inside] = count[inside] + offset
    return out


def _samples(count: NDArray[np.float32], label: NDArray[np.int32], region: int) -> NDArray[np.float64]:
    """Up to `_SAMPLES` rows of x, y (image's longer side = 2) and periods."""
    i, j = np.nonzero(label == region)
    pick = np.linspace(0, i.size - 1, min(i.size, _SAMPLES)).astype(np.intp)
    half = max(count.shape) / 2
    x = (j[pick] + 0.5) / half - count.shape[1] / 2 / half
    y = (i[pick] + 0.5) / half - count.shape[0] / 2 / half
    return np.stack([x, y, count[i[pick], j[pick]].astype(np.float64)], 1)


def _moved(samples: NDArray[np.float64], offset: int) -> NDArray[np.float64]:
    return np.asarray(samples + np.array([0.0, 0.0, offset]))


def _gap(samples: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    a, b = samples[::8, None, :2], known[None, ::4, :2]
    return float(np.sqrt(((a - b) ** 2).sum(-1).min()))


def _missing_periods(
    known: NDArray[np.float64], other: NDArray[np.float64], known_size: float, other_size: float
) -> float:
    """How many periods to add to `other` so that one smooth map carries both regions.

    A cubic in x and y over both, with the offset as one more unknown; the priors are what
    perspective and bending bring (periods, at the image's edge).
    """
    points = np.concatenate([known, other])
    x, y = points[:, 0], points[:, 1]
    terms = [np.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3]
    belongs = np.zeros(len(points))
    belongs[len(known) :] = -1.0
    basis = np.stack([*terms, belongs], 1)
    prior = np.array([1e4, 1e4, 1e4, 4, 4, 4, 1.0, 1.0, 1.0, 1.0, 1e4])
    total = known_size + other_size
    share = np.concatenate(
        [
            np.full(len(known), known_size / total / len(known)),
            np.full(len(other), other_size / total / len(other)),
        ]
    )
    weight = share * _INDEPENDENT / _MISFIT**2
    matrix = basis.T @ (weight[:, None] * basis) + np.diag(1 / prior**2)
    return float(np.linalg.solve(matrix, basis.T @ (weight * points[:, 2]))[-1])
