"""Likelihood of the printed lead names at the cells of a layout.

On one page, all names stand at the same distance from the start of their cell. The distance is unknown and is
estimated for each layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.layout.marks import Label, find_labels
from ecgdigit_rt.layout.page_text import FurtherName
from ecgdigit_rt.layout.paper_heatmap import CELL_U_MM, CELL_V_MM, PaperHeatmap
from ecgdigit_rt.results import FURTHER_LEADS, LEADS

Values = NDArray[np.float64]

_OFFSET_RANGE_U_MM, _OFFSET_RANGE_V_MM = (-11.0, 14.0), (-26.0, 16.0)
"""Ranges of the distance of a name from the start of its cell, to the right and downwards.
Measured: -1 to 6 mm and -20 to 7 mm on 60 real pages."""

_TOLERANCE_MM = _TOLERANCE_U_MM, _TOLERANCE_V_MM = 4.0, 3.0
"""Maximum deviation of a name from the common distance. Measured: up to 3 and 2.5 mm on 60 real pages."""

_SHARPNESS = 3.0
"""Exponent of the activations. Measured on 1 359 names of real pages: with it, names with a probability of
0.2, 0.5 and 0.9 are right in 19, 51 and 94 % of all cases."""
_ERROR = 0.02  # probability that the network reads any other name with certainty; measured: 0.7 %
_ABSENT, _PRESENT = 0.05, 0.3  # activations of no name and of a clear name
_MISSED = 0.06  # probability that a printed name is not detected; measured: 3 % on usual real pages
_FALSE_NAME = 0.04  # probability of a false name at a cell or beside all cells. Hand-picked, not tuned.
_NO_NAMES = 0.02  # probability that a page has no names at all. Hand-picked, not tuned.
_MAX_UNEXPLAINED = 4  # maximum number of names beside all cells that count. Hand-picked, not tuned.
_UNREADABLE_NAME = 0.3
"""Probability of anything that is read at the name of a lead that the network cannot read. Hand-picked, not
tuned."""
_WELL_READ = 0.7  # fraction of the names from which no other distances are tried. Hand-picked, not tuned.
_FREEDOM_POINTS = -1.0  # points of each row or column whose names have another distance. Hand-picked.
_COLUMN_RANGE_U_MM = (-11.0, 24.0)  # range of the distance of the names of one column. Hand-picked.


@dataclass(frozen=True, slots=True)
class NamedCell:
    """Position at which a cell of a layout starts, and the index of its lead in `ALL_LEADS`."""

    u_mm: float
    v_mm: float
    lead: int


@dataclass(frozen=True, slots=True, eq=False)
class NameMatch:
    """Names at the cells of a layout.

    points: log-likelihood.
    leads: (cells,), indices of the expected names.
    is_read, is_contradicted: (cells,) bool, whether the expected name or clearly another name is at the cell.
    probabilities: (cells, names), probabilities of the names at each cell, given that there is one. The names
    are those of `LEADS`, or of `ALL_LEADS` if it has names of further leads.
    presence: (cells,), degree to which a name is visible, 0 to 1.
    unexplained: clear names beside all cells.
    """

    points: float
    leads: NDArray[np.intp]
    is_read: NDArray[np.bool_]
    is_contradicted: NDArray[np.bool_]
    probabilities: Values
    presence: Values
    unexplained: tuple[Label, ...]

    def name_points(self, cell: int, lead: int) -> float:
        """Return the log-likelihood of one name at one cell."""
        return float(_cell_points(self.probabilities[cell, lead], self.presence[cell]))

    def without_name(self, cell: int) -> NameMatch:
        """Return the match, with the points of one cell for its most likely name."""
        if self.leads[cell] >= self.probabilities.shape[1]:
            return self
        best = float(_cell_points(self.probabilities[cell].max(), self.presence[cell]))
        return replace(self, points=self.points + best - self.name_points(cell, int(self.leads[cell])))


@dataclass(frozen=True, slots=True)
class _Area:
    """Labels that a layout has to explain: those within `reach_mm` of its rows."""

    labels: Sequence[Label]
    reach_mm: float

    def unexplained(self, at: Values, expected: Values) -> list[Label]:
        """Return the clear names near the rows at which no cell has its name."""
        left = float(at[:, 0].min()) + _OFFSET_RANGE_U_MM[0]
        found = []
        for label in self.labels:
            away = np.abs(expected - (label.u_mm, label.v_mm))
            is_explained = ((away[:, 0] < 1.5 * _TOLERANCE_U_MM) & (away[:, 1] < 1.5 * _TOLERANCE_V_MM)).any()
            is_near = label.u_mm > left and float(np.abs(at[:, 1] - label.v_mm).min()) < self.reach_mm
            if label.activation > _PRESENT and is_near and not is_explained:
                found.append(label)
        return found


class NameField:
    """Activations of the lead names on a page."""

    def __init__(self, heatmap: PaperHeatmap, further: Sequence[FurtherName] = ()) -> None:
        self._heatmap, self._further = heatmap, further

    @cached_property
    def labels(self) -> list[Label]:
        """Detected names, and the names that the locate stage does not read."""
        further = [Label(name.lead, name.u_mm, name.v_mm, 1.0) for name in self._further]
        return [*find_labels(self._heatmap), *further]

    @cached_property
    def _label_arrays(self) -> tuple[Values, Values]:
        """Positions (labels, 2) and activations (labels,) of the detected names."""
        positions = np.array([(label.u_mm, label.v_mm) for label in self.labels]).reshape(-1, 2)
        return positions, np.array([label.activation for label in self.labels])

    @cached_property
    def _near(self) -> Values:
        """Maximum activation of each name within the tolerance of each position, (names, rows, columns)."""
        rows, columns = round(_TOLERANCE_V_MM / CELL_V_MM), round(_TOLERANCE_U_MM / CELL_U_MM)
        window = np.ones((2 * rows + 1, 2 * columns + 1), np.uint8)
        channels = [self._heatmap.channel(lead) for lead in LEADS]
        if self._further:
            channels += list(_further_channels(self._heatmap, self._further))
        return np.stack([cv2.dilate(channel, window) for channel in channels])

    def match(self, cells: Sequence[NamedCell], reach_mm: float, end_mm: float) -> NameMatch:
        """Return the names at the cells, at the distance from the cells with the highest likelihood.

        `reach_mm` is half of the distance between rows. Names further from all rows, or to the right of
        `end_mm`, are ignored. Besides a common distance, a different height in each row and a different
        horizontal distance in each column are tried.
        """
        at = np.array([(cell.u_mm, cell.v_mm) for cell in cells])
        leads = np.array([cell.lead for cell in cells])
        area = _Area([label for label in self.labels if label.u_mm < end_mm], reach_mm)
        commons = [np.tile(offset, (len(cells), 1)) for offset in self._offsets(at)]
        matches = [self._match_at(at, leads, common, area, 0.0) for common in commons]
        best = max(matches, key=lambda match: match.points)
        if best.is_read.sum() < _WELL_READ * len(cells):
            for common, axes in product(commons, ((1,), (0,), (0, 1))):
                offsets = common.copy()
                freedom = self._spread_offsets(at, offsets, axes, reach_mm)
                if freedom:
                    matches.append(self._match_at(at, leads, offsets, area, _FREEDOM_POINTS * freedom))
        return max(matches, key=lambda match: match.points)

    def _spread_offsets(self, at: Values, offsets: Values, axes: tuple[int, ...], reach_mm: float) -> int:
        """Adapt the offsets to the labels of each column (axis 0) and of each row (axis 1), in place.

        Return the number of columns and rows with another offset than before.
        """
        labels, weights = self._label_arrays
        changed = 0
        for axis in axes:
            around = float(np.median(offsets[:, 1]))
            low, high = (_COLUMN_RANGE_U_MM, (around - reach_mm, around + reach_mm))[axis]
            other, tolerance = 1 - axis, _TOLERANCE_MM[axis]
            for value in np.unique(at[:, axis]):
                members = np.flatnonzero(at[:, axis] == value)
                distances = labels[:, axis] - value
                usable = (distances > low) & (distances < high)
                if axis == axes[-1]:  # the offsets of the other axis are known
                    expected = at[members, other] + offsets[members, other]
                    away = np.abs(labels[:, other, None] - expected[None]).min(1)
                    usable &= away < _TOLERANCE_MM[other]
                if not usable.any():
                    continue
                offset = _mode(distances[usable], weights[usable], tolerance)
                if abs(offset - offsets[members[0], axis]) > 0.5 * tolerance:
                    offsets[members, axis] = offset
                    changed += 1
        return changed

    def _offsets(self, at: Values) -> list[tuple[float, float]]:
        """Return the two most frequent distances of names from cells, or the usual one without names."""
        offsets, weights = self._label_offsets(at)
        found: list[tuple[float, float]] = []
        while weights.size and len(found) < 2:
            away = np.abs(offsets[:, None] - offsets[None])
            near = (away[..., 0] < _TOLERANCE_U_MM) & (away[..., 1] < _TOLERANCE_V_MM)
            best = int((near @ weights).argmax())
            members = near[best]
            u, v = np.average(offsets[members], axis=0, weights=weights[members])
            found.append((float(u), float(v)))
            offsets, weights = offsets[~members], weights[~members]
        return found or [(2.0, 5.0)]

    def _label_offsets(self, at: Values) -> tuple[Values, Values]:
        """Return the possible distances (count, 2) between names and cells, and the activations (count,)."""
        labels, weights = self._label_arrays
        offsets = labels[:, None] - at[None]
        low, high = np.array([_OFFSET_RANGE_U_MM, _OFFSET_RANGE_V_MM]).T
        usable = ((offsets > low) & (offsets < high)).all(2)
        return offsets[usable], np.broadcast_to(weights[:, None], usable.shape)[usable]

    def _match_at(
        self, at: Values, leads: NDArray[np.intp], offsets: Values, area: _Area, points: float
    ) -> NameMatch:
        """Return the names at the cells. `points` are added to the log-likelihood."""
        paper, expected = self._heatmap, at + offsets
        i = np.rint((expected[:, 1] - paper.v_mm[0]) / CELL_V_MM).astype(int)
        j = np.rint((expected[:, 0] - paper.u_mm[0]) / CELL_U_MM).astype(int)
        inside = (i >= 0) & (i < paper.v_mm.size) & (j >= 0) & (j < paper.u_mm.size)
        activation = np.zeros((at.shape[0], len(self._near)))
        activation[inside] = self._near[:, i[inside], j[inside]].T
        sharp = activation**_SHARPNESS + 1e-9
        probabilities = (1 - _ERROR) * sharp / sharp.sum(1, keepdims=True) + _ERROR / len(self._near)
        presence = np.clip((activation.max(1) - _ABSENT) / (_PRESENT - _ABSENT), 0, 1)
        is_readable = leads < len(self._near)
        own = probabilities[np.arange(leads.size), np.where(is_readable, leads, 0)]
        own = np.where(is_readable, own, _UNREADABLE_NAME)
        unexplained = tuple(area.unexplained(at, expected))
        stray = np.log(_FALSE_NAME) * min(len(unexplained), _MAX_UNEXPLAINED)
        named = np.log1p(-_NO_NAMES) + float(_cell_points(own, presence)[inside].sum())
        unnamed = np.log(_NO_NAMES) + float(np.log(1 - presence * (1 - _FALSE_NAME))[inside].sum())
        clear = presence > 0.5
        return NameMatch(
            float(np.logaddexp(named, unnamed) + stray + points),
            leads,
            clear & (own > 0.5),
            clear & (own < 0.1),
            probabilities,
            presence,
            unexplained,
        )


def _further_channels(heatmap: PaperHeatmap, names: Sequence[FurtherName]) -> NDArray[np.float32]:
    """Return heatmaps of the names that the locate stage does not read, (leads, rows, columns)."""
    channels = np.zeros((len(FURTHER_LEADS), heatmap.v_mm.size, heatmap.u_mm.size), np.float32)
    for name in names:
        i = int(np.abs(heatmap.v_mm - name.v_mm).argmin())
        channels[FURTHER_LEADS.index(name.lead), i, int(np.abs(heatmap.u_mm - name.u_mm).argmin())] = 1
    return channels


def _mode(values: Values, weights: Values, tolerance: float) -> float:
    """Return the weighted mean of the values around the one with the largest weight near it."""
    near = np.abs(values[:, None] - values[None]) < tolerance
    best = near[int((near @ weights).argmax())]
    return float(np.average(values[best], weights=weights[best]))


def _cell_points(probability: Values | float, presence: Values | float) -> Values:
    return np.log((1 - np.asarray(presence)) * _MISSED + np.asarray(presence) * (1 - _MISSED) * probability)
