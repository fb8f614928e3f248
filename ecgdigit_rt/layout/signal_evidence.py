"""Evidence for a layout from the curves of its rows.

The limb leads depend on each other (Einthoven, Goldberger), a rhythm strip repeats one of the leads, and the
beats of simultaneous rows coincide. A layout with other leads or other boundaries violates these relations.
The residual of a relation is compared with the distributions that were measured for right and for wrong
leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.layout.evidence import clip
from ecgdigit_rt.layout.row_curve import CURVE_STEP_MM, RowCurve

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Residuals:
    """Normal distributions of the logarithm of a residual for right and for wrong leads: mean and deviation.

    The residual is the power of the violation relative to the sum of the powers of the leads.
    """

    right: tuple[float, float]
    wrong: tuple[float, float]

    def points(self, residual: float) -> float:
        """Return the log-likelihood ratio of a residual."""
        log = float(np.log(max(residual, 1e-6)))
        return clip(_log_density(max(log, self.right[0]), self.right) - _log_density(log, self.wrong), 5.0)


def _log_density(value: float, distribution: tuple[float, float]) -> float:
    mean, deviation = distribution
    return -0.5 * ((value - mean) / deviation) ** 2 - float(np.log(deviation))


# Measured on 105 pages with known layouts: right leads against permuted leads and leads of other columns. The
# last two relations have the distributions of the first one.
_RELATIONS: tuple[tuple[str, Mapping[str, float], _Residuals], ...] = (
    ("I + III = II", {"I": 1, "III": 1, "II": -1}, _Residuals((-3.3, 1.5), (-0.4, 1.1))),
    ("aVR + aVL + aVF = 0", {"aVR": 1, "aVL": 1, "aVF": 1}, _Residuals((-3.5, 1.5), (0.7, 0.8))),
    ("aVL - aVR = 1.5 I", {"aVL": 1, "aVR": -1, "I": -1.5}, _Residuals((-3.3, 1.5), (-0.4, 1.1))),
    ("II + III = 2 aVF", {"II": 1, "III": 1, "aVF": -2}, _Residuals((-3.3, 1.5), (-0.4, 1.1))),
)
_REPEAT = _Residuals((-5.2, 1.5), (-1.0, 1.1))
_REPEAT_SLOPE = 3.0
"""Points per natural logarithm by which the residual of a rhythm strip against its lead exceeds that against
the best lead. Measured: on 104 of 105 strips the right lead is the best one, on half of them by more than
2.5."""
_MAX_LAG_STEPS = 10
"""Maximum displacement, in samples (2 mm), between a rhythm strip and its lead. Measured: 1 mm on a page with
gaps between its columns."""
_MIN_RESIDUAL = 1e-4  # residual of a drawing without noise. Hand-picked, not tuned.
_ELSEWHERE = 0.05
"""Probability that leads of one column, or a rhythm strip and its lead, were not recorded at the same time.
Measured: on 2 of 93 pages, the rhythm strip was recorded at another time."""

_MIN_SAMPLES = 100  # minimum number of samples (20 mm) that are compared. Hand-picked, not tuned.
_END_MM = 1.0  # length at both ends of a cell that is ignored, because bars hide it. Hand-picked, not tuned.
_WANDER_STEPS = 151  # number of samples (30 mm) over which the baseline wander is averaged. Hand-picked.

_ENERGY_STEPS = 13  # samples over which the energy of slopes is averaged: 0.1 s at 25 mm/s, a QRS complex
_MAX_ENERGY_QUANTILE = 0.97  # quantile at which the energy is limited, so that one artefact does not dominate
SIMULTANEOUS = 0.45
"""Correlation between the energy of a row and that of the other rows, above which the beats coincide.
Measured: at least 0.5 on 446 of 448 rows with known layouts, at most 0.34 between rows of different times
except 0.53 of one row of three. A row is below it on none of 117 real and rendered pages without other
doubts, and on 6 of 242 synthetic pages, 5 of which are wrong."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Lead in a row: its curve, and its range on paper. `sign` is -1 if the lead is printed inverted."""

    lead: str
    curve: RowCurve
    start_mm: float
    end_mm: float
    sign: int = 1

    @property
    def visible_mm(self) -> float:
        """Length of the part that the curve covers."""
        return max(0.0, min(self.end_mm, self.curve.end_mm) - max(self.start_mm, self.curve.start_mm))

    def heights(self, start_mm: float, end_mm: float) -> Values:
        """Return the heights of the lead in a range, without baseline wander."""
        heights = self.sign * self.curve.between(start_mm + _END_MM, end_mm - _END_MM)
        return _without_wander(heights) if heights.size >= _MIN_SAMPLES else heights


def _without_wander(heights: Values) -> Values:
    width = min(_WANDER_STEPS, heights.size // 2 * 2 - 1)
    padded = np.pad(heights, width // 2, mode="reflect")
    return np.asarray(heights - np.convolve(padded, np.ones(width) / width, "valid"))


def relation_points(cells: Sequence[Cell]) -> Iterator[tuple[str, float]]:
    """Yield the text and the points of every relation between cells of the same column."""
    for text, factors, residuals in _RELATIONS:
        for group in _columns(cells, factors):
            residual = _residual(list(factors.values()), [cell.heights(*_shared(group)) for cell in group])
            if residual is not None:
                yield f"{text} ({residual:.1%} residual)", _mixture(residuals.points(residual))


def repeat_points(strip: Cell, cells: Sequence[Cell]) -> dict[str, float]:
    """Return the points of each possible lead of a rhythm strip, from the short cells of these leads.

    Leads without a short cell are missing.
    """
    residuals: dict[str, float] = {}
    for cell in cells:
        if cell.curve is not strip.curve and cell.end_mm - cell.start_mm < strip.end_mm - strip.start_mm:
            span = _shared((strip, cell))
            residual = _lagged_residual(strip.heights(*span), cell.heights(*span))
            if residual is not None:
                residuals[cell.lead] = residual
    best = min(residuals.values(), default=1.0)
    return {
        lead: _mixture(_REPEAT.points(best) - _REPEAT_SLOPE * float(np.log(residual / best)))
        for lead, residual in residuals.items()
    }


def _lagged_residual(first: Values, second: Values) -> float | None:
    """Return the smallest residual of two curves over all displacements up to `_MAX_LAG_STEPS`.

    The ends of the second curve, which a displacement would move out of the first one, are ignored.
    """
    count = min(first.size, second.size)
    if count < _MIN_SAMPLES:
        return None
    first, second = first[:count] - np.median(first[:count]), second[:count] - np.median(second[:count])
    inner = second[_MAX_LAG_STEPS : count - _MAX_LAG_STEPS]
    product = np.correlate(first, inner, "valid")
    total = np.concatenate([[0.0], np.cumsum(first**2)])
    power = total[inner.size :] - total[: -inner.size] + float(inner @ inner)
    residual = float((1 - 2 * product / np.maximum(power, 1e-9)).min())
    return max(residual, _MIN_RESIDUAL)


def coincidence(curves: Sequence[RowCurve]) -> Values:
    """Return the correlation (rows,) between the energy of each row and that of all other rows.

    A curve of a single row, or curves without a common range, have a correlation of 1.
    """
    start = max(curve.start_mm for curve in curves)
    end = min(curve.end_mm for curve in curves)
    if len(curves) < 2 or end - start < _MIN_SAMPLES * CURVE_STEP_MM:
        return np.ones(len(curves))
    count = round((end - start) / CURVE_STEP_MM) - 1
    energies = np.stack([_energy(curve.between(start, end)[:count], count) for curve in curves])
    total = energies.sum(0)
    others = total - energies
    lengths = np.linalg.norm(energies, axis=1) * np.linalg.norm(others, axis=1)
    return np.asarray((energies * others).sum(1) / np.maximum(lengths, 1e-9))


def _energy(heights: Values, count: int) -> Values:
    """Return the smoothed slope of a curve (count,), with mean 0 and length 1."""
    rise = np.zeros(count)
    rise[1 : heights.size - 1] = (heights[2:] - heights[:-2]) ** 2
    energy = np.sqrt(np.convolve(rise, np.ones(_ENERGY_STEPS) / _ENERGY_STEPS, "same"))
    energy = np.minimum(energy, np.quantile(energy, _MAX_ENERGY_QUANTILE))
    energy -= energy.mean()
    return np.asarray(energy / max(float(np.linalg.norm(energy)), 1e-9))


def _columns(cells: Sequence[Cell], leads: Mapping[str, float]) -> Iterator[list[Cell]]:
    """Yield the cells of these leads in each column that contains all of them.

    A rhythm strip is not part of the column at whose start it begins.
    """
    first = next(iter(leads))
    for anchor in (cell for cell in cells if cell.lead == first):
        column = [
            cell
            for cell in cells
            if max(abs(cell.start_mm - anchor.start_mm), abs(cell.end_mm - anchor.end_mm)) < _END_MM
        ]
        by_lead = {cell.lead: cell for cell in column}
        if set(leads) <= set(by_lead):
            yield [by_lead[lead] for lead in leads]


def _shared(cells: Sequence[Cell]) -> tuple[float, float]:
    return max(cell.start_mm for cell in cells), min(cell.end_mm for cell in cells)


def _residual(factors: Sequence[float], heights: Sequence[Values]) -> float | None:
    """Return the power of a linear combination relative to the sum of the powers of its terms."""
    count = min(one.size for one in heights)
    if count < _MIN_SAMPLES:
        return None
    terms = np.stack([factor * one[:count] for factor, one in zip(factors, heights, strict=True)])
    terms -= np.median(terms, axis=1, keepdims=True)
    power = float(np.square(terms).mean(1).sum())
    return float(np.square(terms.sum(0)).mean()) / power if power > 0 else None


def _mixture(points: float) -> float:
    """Return the points, if with a small probability the leads are right but were not simultaneous."""
    return float(np.logaddexp(np.log1p(-_ELSEWHERE) + points, np.log(_ELSEWHERE)))
