"""Einthoven's and Goldberger's equations: residuals of the limb leads, and an optional correction.

The six limb leads depend on two independent voltages: I + III = II (Einthoven, 1913), aVR = -(I + II) / 2,
aVL = (I - III) / 2 and aVF = (II + III) / 2 (Goldberger, 1942). Leads recorded at the same time must satisfy
these equations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import Lead

Values = NDArray[np.float64]

RELATIONS: Mapping[str, Mapping[str, float]] = {
    "I+III-II": {"I": 1, "III": 1, "II": -1},
    "aVR+(I+II)/2": {"aVR": 1, "I": 0.5, "II": 0.5},
    "aVL-(I-III)/2": {"aVL": 1, "I": -0.5, "III": 0.5},
    "aVF-(II+III)/2": {"aVF": 1, "II": -0.5, "III": -0.5},
    "aVR+aVL+aVF": {"aVR": 1, "aVL": 1, "aVF": 1},
    "aVF-aVR-1.5II": {"aVF": 1, "aVR": -1, "II": -1.5},
}
"""Factors of linear combinations that are zero for simultaneous leads. The last two relations do not contain
I and III, so that they can be checked on pages that print the augmented leads at another time than these."""

_ENFORCED = ("I+III-II", "aVR+aVL+aVF")  # no lead is part of both relations

# Hand-picked, not tuned. The correction gains 0.09 dB (docs/accuracy.md, ablations).
_MIN_SHARED_S = 0.5  # minimum duration of the time that leads share
_MAX_MEDIAN_MV = 0.06  # maximum median residual of leads that are corrected
_MAX_LOCAL_MV = 0.15  # smoothed residual at which the correction has faded to zero
_SMOOTHING_S = 0.02  # width of the moving average of the residual


@dataclass(frozen=True, slots=True)
class Residual:
    """Residual of a relation over the time that its leads share.

    `median_mv` is the median magnitude and `offset_mv` the median of the residual. `seconds` is the duration
    of the shared time.
    """

    median_mv: float
    offset_mv: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _SharedTime:
    """Time that leads share: its first sample in each lead, and its number of samples."""

    first: tuple[int, ...]
    count: int

    def pieces(self, leads: Sequence[Lead]) -> list[NDArray[np.float32]]:
        return [lead.mv[at : at + self.count] for lead, at in zip(leads, self.first, strict=True)]


def residuals(leads: Mapping[str, Lead]) -> dict[str, Residual]:
    """Return the residual of every relation whose leads share at least half a second."""
    result = {}
    for name, factors in RELATIONS.items():
        related = _select(leads, factors)
        shared = _shared_time(related)
        if shared is not None:
            residual = _combine(related, factors, shared)
            seconds = shared.count / related[0].rate_hz
            result[name] = Residual(float(np.median(np.abs(residual))), float(np.median(residual)), seconds)
    return result


def repeat_difference_mv(segments: Sequence[Lead]) -> dict[str, float]:
    """Return the median absolute difference (mV) between the two segments of each lead that is printed twice.

    The segments are compared over the time that they share. The median of the difference is subtracted first,
    because the baselines of the segments differ. On most machines, the short segment of a lead is an excerpt
    of its rhythm strip. A large difference means that the segments were recorded at different times, or that
    one of them is wrong.
    """
    result = {}
    for k, lead in enumerate(segments):
        for other in segments[:k]:
            shared = _shared_time((lead, other)) if other.name == lead.name else None
            if shared is not None:
                second, first = (mv.astype(np.float64) for mv in shared.pieces((lead, other)))
                result[lead.name] = float(np.median(np.abs(second - first - np.median(second - first))))
    return result


def enforce_einthoven(leads: Mapping[str, Lead]) -> dict[str, Lead]:
    """Return the leads, corrected towards the relations that they nearly satisfy.

    A relation is enforced if its median residual is small. The median of the residual is subtracted,
    because baselines differ between rows. The rest is divided among the leads by least squares. The
    correction fades to zero at samples with a large residual: there, one lead is probably wrong, and the
    correction would spread its error to the others.
    """
    out = dict(leads)
    for name in _ENFORCED:
        factors = RELATIONS[name]
        related = _select(out, factors)
        shared = _shared_time(related)
        if shared is None:
            continue
        residual = _combine(related, factors, shared)
        residual = residual - np.median(residual)
        if np.median(np.abs(residual)) > _MAX_MEDIAN_MV:
            continue
        width = max(1, round(_SMOOTHING_S * related[0].rate_hz)) | 1
        padded = np.pad(np.abs(residual), width // 2, mode="edge")
        local = np.convolve(padded, np.ones(width) / width, "valid")
        correction = np.clip(1 - local / _MAX_LOCAL_MV, 0, 1) * residual / sum(f**2 for f in factors.values())
        for lead, factor, first in zip(related, factors.values(), shared.first, strict=True):
            out[lead.name] = _add(lead, first, -factor * correction)
    return out


def _select(leads: Mapping[str, Lead], names: Collection[str]) -> list[Lead]:
    """Return the leads with these names, or an empty list if one is missing."""
    selected = [leads[name] for name in names if name in leads]
    return selected if len(selected) == len(names) else []


def _shared_time(leads: Sequence[Lead]) -> _SharedTime | None:
    """Return the time that leads of equal sampling rate share.

    Returns None if there are no leads, or if this time is shorter than half a second.
    """
    if not leads:
        return None
    rate = leads[0].rate_hz
    start = max(lead.start_s for lead in leads)
    end = min(lead.start_s + lead.duration_s for lead in leads)
    first = tuple(round((start - lead.start_s) * rate) for lead in leads)
    remaining = [lead.mv.size - at for lead, at in zip(leads, first, strict=True)]
    count = min(round((end - start) * rate), *remaining)
    return _SharedTime(first, count) if count >= _MIN_SHARED_S * rate else None


def _combine(leads: Sequence[Lead], factors: Mapping[str, float], shared: _SharedTime) -> Values:
    pieces = zip(factors.values(), shared.pieces(leads), strict=True)
    return np.asarray(sum(factor * mv.astype(np.float64) for factor, mv in pieces))


def _add(lead: Lead, first: int, by_mv: Values) -> Lead:
    mv = lead.mv.copy()
    mv[first : first + by_mv.size] += by_mv.astype(np.float32)
    return dataclasses.replace(lead, mv=mv)
