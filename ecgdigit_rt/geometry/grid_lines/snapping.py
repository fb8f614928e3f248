"""Displacement of the paper along the rows, separated from the snapping of the lines to pixels.

A program that draws a grid at some resolution moves each line to a whole pixel, but not the curve. At 300
dpi, lines 5 mm apart then stray by up to 0.042 mm with a period of 90 mm, which looks like bent paper. The
pattern depends on two numbers: the resolution and the phase. So there are few patterns, and a pattern
explains all lines or none.

The measured shifts are the sum of the displacement of the paper, of the pattern, and of noise. The
displacement is a Gaussian process with one of several covariances, from flat paper to the slips of a
sheet-fed scanner. The hypothesis with the largest evidence (marginal likelihood) is taken: the lines are
exact, or snapped at a known resolution and phase, or they stray without a known pattern. See Rasmussen and
Williams, Gaussian Processes for Machine Learning, 2006, sections 2.2 and 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ecgdigit_rt.geometry.grid_lines.minor_lines import WINDOW_MM
from ecgdigit_rt.geometry.grid_lines.shifts import NO_SHIFTS, Shifts

Values = NDArray[np.float64]

NODE_MM = 2.5  # distance between the nodes of the displacement

_RESOLUTIONS = {
    72: 0.02, 96: 0.02, 100: 0.02, 120: 0.01, 144: 0.01, 150: 0.03, 192: 0.01, 200: 0.2, 240: 0.01, 250: 0.01,
    300: 0.25, 360: 0.01, 400: 0.01, 600: 0.03,
}  # fmt: skip
"""Resolutions in dpi at which programs draw, with prior probabilities. Hand-picked. Multiples of 254 are
missing, because their lines are at whole pixels."""
_EXACT_PRIOR, _UNKNOWN_PRIOR = (
    0.26,
    0.1,
)  # of lines that are not snapped, and that stray without a known pattern
_PHASES, _FINER = 32, 4  # number of phases that are tried at first, and of finer ones between two of them
_UNKNOWN_MM = 0.035  # standard deviation of major lines that stray. It is uniform over a pixel of 210 dpi.
_MINOR_AVERAGING = 0.2  # the same for the shift of a window, which contains several minor lines

_NOISE_MM = 0.006  # standard deviation of a shift that is assumed at least
_OFFSET_MM = 1.0  # standard deviation of the constant offsets of the major and of the minor lines
_LONG_MM, _LONG_LENGTH_MM = 0.01, 150.0  # displacement that every paper has
_TREND = 0.002  # standard deviation of the scale


class Covariance(NamedTuple):
    """Covariance of the displacement: smooth (Matérn 3/2), or with steps (exponential)."""

    deviation_mm: float
    length_mm: float
    is_smooth: bool = True


_COARSE = (Covariance(0.005, 40), Covariance(0.05, 40), Covariance(0.05, 8), Covariance(0.05, 16, False))
_COVARIANCES = tuple(
    Covariance(deviation, length, is_smooth)
    for deviation in (0.005, 0.015, 0.05, 0.12)
    for length, is_smooth in ((8.0, True), (16.0, True), (40.0, True), (16.0, False))
)
"""The first ones decide between the patterns, and all of them are tried with the best patterns."""
_KEPT_PATTERNS = 12
_MIN_EVIDENCE = -60.0  # of resolutions that are not among the best
_MAX_RESIDUAL_MM = 0.045  # shifts that deviate more from the displacement are left out, once
_HELD_MM = 10.0  # the displacement is constant beyond this distance from the outermost shifts


@dataclass(frozen=True, slots=True)
class Displacement:
    """Displacement of the paper along the rows: `mm` (nodes,) at `at_mm` (nodes,).

    dpi: resolution at which the lines were snapped, 0 if they are exact or if it is unknown.
    """

    at_mm: Values
    mm: Values
    dpi: int

    def at(self, u_mm: Values) -> Values:
        """Return the displacement at these positions."""
        return np.asarray(np.interp(u_mm, self.at_mm, self.mm))


LineEvidence = dict[tuple[int, bool], float]
"""Logarithm of the likelihood, for each resolution (0 if none) and whether the lines stray without a
pattern."""


def displacement(major: Shifts, minor: Shifts, across: LineEvidence | None = None) -> Displacement:
    """Return the most probable displacement for the shifts of the major and of the minor lines.

    `across` is the evidence of the lines in the other direction, which were drawn by the same program.
    """
    for _ in range(2):
        model = _Model(major, minor)
        weights = across or {}
        hypothesis = max(
            _hypotheses(model),
            key=lambda own: own.likelihood + _log_prior(own) + weights.get((own.dpi, own.strays), 0.0),
        )
        mm, residuals = model.posterior(hypothesis)
        kept = np.abs(residuals) < _MAX_RESIDUAL_MM
        if kept.all():
            break
        major, minor = major.where(kept[: len(major)]), minor.where(kept[len(major) :])
    first, last = model.at_mm.min() - _HELD_MM, model.at_mm.max() + _HELD_MM
    mm = np.interp(np.clip(model.nodes, first, last), model.nodes, mm)
    return Displacement(model.nodes, mm - float(np.median(mm)), hypothesis.dpi)


def line_evidence(major: Shifts) -> LineEvidence:
    """Return how well each resolution explains the shifts of major lines, for the best displacement."""
    if not len(major):
        return {}
    hypotheses = _hypotheses(_Model(major, NO_SHIFTS))
    best = max(own.likelihood for own in hypotheses)
    least = best + _MIN_EVIDENCE
    evidence: LineEvidence = dict.fromkeys([(0, True), *((dpi, False) for dpi in (0, *_RESOLUTIONS))], least)
    for own in hypotheses:
        line = own.dpi, own.strays
        evidence[line] = max(evidence[line], own.likelihood)
    return {line: value - best for line, value in evidence.items()}


class _Hypothesis(NamedTuple):
    """`likelihood` is the logarithm of the marginal likelihood, without a constant."""

    likelihood: float
    covariance: Covariance
    dpi: int = 0
    phase: float = 0.0
    strays: bool = False


class _Model:
    """Shifts of both kinds of lines as linear functions of the displacement at the nodes."""

    def __init__(self, major: Shifts, minor: Shifts) -> None:
        self.at_mm = np.concatenate([major.at_mm, minor.at_mm])
        self.mm = np.concatenate([major.mm, minor.mm])
        self.is_major = np.arange(self.at_mm.size) < len(major)
        first, last = self.at_mm.min() - 2 * _HELD_MM, self.at_mm.max() + 2 * _HELD_MM
        self.nodes = np.arange(np.floor(first / NODE_MM), last / NODE_MM + 1) * NODE_MM
        self._lines = np.arange(np.floor(first), last + 1)
        self._lines = self._lines[self._lines % 5 != 0]
        reach = np.where(self.is_major, NODE_MM, WINDOW_MM)[:, None]
        self._response = _triangles(self.at_mm, self.nodes, reach)
        self._windows = _triangles(minor.at_mm, self._lines, WINDOW_MM)
        kinds = np.stack([self.is_major, ~self.is_major]).astype(np.float64)
        noise = np.concatenate([major.variance, minor.variance]) + _NOISE_MM**2
        self._noise = np.diag(noise) + _OFFSET_MM**2 * kinds.T @ kinds
        self._straying = np.diag((_UNKNOWN_MM * np.where(self.is_major, 1, _MINOR_AVERAGING)) ** 2)
        trend = _TREND * (self.nodes - self.nodes.mean())
        self._long = _LONG_MM**2 * _correlation(self.nodes, _LONG_LENGTH_MM, is_smooth=True)
        self._long += np.outer(trend, trend)
        self._fixed = self._response @ self._long @ self._response.T + self._noise
        self._unit: dict[tuple[float, bool], Values] = {}

    def patterns(self, dpi: int, phases: Values) -> Values:
        """Return the shifts by snapping at a resolution, (phases, shifts)."""
        major, minor = (
            _snapped(lines, dpi / 25.4, phases) for lines in (self.at_mm[self.is_major], self._lines)
        )
        return np.concatenate([major, minor @ self._windows.T], axis=1)

    def shift_covariance(self, covariance: Covariance, *, strays: bool = False) -> Values:
        """Return the covariance of the shifts (shifts, shifts)."""
        kind = covariance.length_mm, covariance.is_smooth
        if kind not in self._unit:
            self._unit[kind] = self._response @ _correlation(self.nodes, *kind) @ self._response.T
        return covariance.deviation_mm**2 * self._unit[kind] + self._fixed + self._straying * strays

    def likelihoods(self, covariance: Values, patterns: Values) -> Values:
        """Return the logarithms of the likelihood for each pattern (patterns, shifts), without a constant."""
        factor = np.linalg.cholesky(covariance)
        whitened = solve_triangular(factor, (self.mm - patterns).T, lower=True, check_finite=False)
        return np.asarray(-0.5 * np.square(whitened).sum(0) - np.log(np.diag(factor)).sum())

    def posterior(self, hypothesis: _Hypothesis) -> tuple[Values, Values]:
        """Return the mean of the displacement at the nodes, and the residuals of the shifts."""
        patterns = np.zeros_like(self.mm)
        if hypothesis.dpi:
            patterns = self.patterns(hypothesis.dpi, np.array([hypothesis.phase]))[0]
        covariance = hypothesis.covariance
        total = self.shift_covariance(covariance, strays=hypothesis.strays)
        weights = np.linalg.solve(total, self.mm - patterns)
        unit = _correlation(self.nodes, covariance.length_mm, covariance.is_smooth)
        paper = covariance.deviation_mm**2 * unit + self._long
        mm = paper @ self._response.T @ weights
        kinds = (self.is_major, ~self.is_major)
        offsets = _OFFSET_MM**2 * sum(float(weights[kind].sum()) * kind for kind in kinds)
        return mm, self.mm - patterns - self._response @ mm - offsets


def _log_prior(hypothesis: _Hypothesis) -> float:
    prior = _RESOLUTIONS.get(hypothesis.dpi, _UNKNOWN_PRIOR if hypothesis.strays else _EXACT_PRIOR)
    return float(np.log(prior))


def _hypotheses(model: _Model) -> list[_Hypothesis]:
    """Return hypotheses with every covariance: exact lines, straying lines, and the best resolutions.

    The likelihood of a resolution is the mean over its phases. Its phase is the best one.
    """
    phases = np.arange(_PHASES) / _PHASES
    exact = np.zeros((1, model.mm.size))
    names = [(dpi, float(phase)) for dpi in _RESOLUTIONS for phase in phases]
    patterns = np.concatenate([model.patterns(dpi, phases) for dpi in _RESOLUTIONS])
    coarse = np.max(
        [model.likelihoods(model.shift_covariance(covariance), patterns) for covariance in _COARSE], axis=0
    )
    near = {
        (dpi, phase + part / (_FINER * _PHASES))
        for dpi, phase in (names[index] for index in np.argsort(-coarse, kind="stable")[:_KEPT_PATTERNS])
        for part in range(-_FINER // 2, _FINER // 2)
    }
    finer = sorted(near)
    tried = np.concatenate([exact, *(model.patterns(dpi, np.array([phase])) for dpi, phase in finer)])
    found = []
    for covariance in _COVARIANCES:
        straying = model.likelihoods(model.shift_covariance(covariance, strays=True), exact)
        found.append(_Hypothesis(float(straying[0]), covariance, strays=True))
        likelihoods = model.likelihoods(model.shift_covariance(covariance), tried)
        found.append(_Hypothesis(float(likelihoods[0]), covariance))
        for dpi in sorted({dpi for dpi, _ in finer}):
            own = [index for index, (of, _) in enumerate(finer, 1) if of == dpi]
            mean = float(np.logaddexp.reduce(likelihoods[own]) - np.log(_FINER * _PHASES))
            phase = finer[own[int(likelihoods[own].argmax())] - 1][1]
            found.append(_Hypothesis(mean, covariance, dpi, phase))
    return found


def _snapped(lines_mm: Values, px_per_mm: float, phases: Values) -> Values:
    """Return the shifts to whole pixels, (phases, lines)."""
    position = lines_mm * px_per_mm + phases[:, None]
    return np.asarray((np.round(position) - position) / px_per_mm)


def _triangles(middles: Values, at: Values, reach: Values | float) -> Values:
    """Return the weights of the positions `at` in triangular windows, (middles, positions)."""
    weights = np.maximum(1 - np.abs(at - middles[:, None]) / reach, 0)
    return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-9))


def _correlation(at_mm: Values, length_mm: float, is_smooth: bool) -> Values:
    """Return the correlation between positions. Source: Rasmussen and Williams, 4.17 and 4.18."""
    distance = np.abs(at_mm[:, None] - at_mm) / length_mm
    if is_smooth:
        return np.asarray((1 + np.sqrt(3) * distance) * np.exp(-np.sqrt(3) * distance))
    return np.asarray(np.exp(-distance))
