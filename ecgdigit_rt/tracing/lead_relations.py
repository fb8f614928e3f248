"""Einthoven's and Goldberger's equations: residuals of the limb leads, and an optional correction.

The six limb leads show two independent voltages: I + III = II (Einthoven, 1913), aVR = -(I + II) / 2,
aVL = (I - III) / 2 and aVF = (II + III) / 2 (Goldberger, 1942). Leads printed at the same time must satisfy
them.
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
"""Linear combinations of leads that are zero. The last two apply to pages on which only the augmented leads
are simultaneous."""

_ENFORCED = ("I+III-II", "aVR+aVL+aVF")  # no lead is in both

# Chosen, not tuned. The correction gains 0.09 dB (docs/accuracy.md, ablations).
_MIN_SHARED_S = 0.5
_MAX_MEDIAN_MV = 0.06  # median residual up to which leads are corrected
_MAX_LOCAL_MV = 0.15  # smoothed residual at which the correction fades to zero
_SMOOTHING_S = 0.02


@dataclass(frozen=True, slots=True)
class Residual:
    """Residual of a relation over the time that its leads share: median magnitude and median (mV)."""

    median_mv: float
    offset_mv: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _SharedTime:
    """Time that leads have in common: the first sample of each lead, and the count."""

    first: tuple[int, ...]
    count: int

    def pieces(self, leads: Sequence[Lead]) -> list[NDArray[np.float32]]:
        return [lead.mv[at : at + self.count] for lead, at in zip(leads, self.first, strict=True)]


def residuals(leads: Mapping[str, Lead]) -> dict[str, Residual]:
    """Return the residual of every relation whose leads share at least half a second."""
    result = {}
    for name, factors in RELATIONS.items():
        own = _select(leads, factors)
        shared = _shared_time(own)
        if shared is not None:
            values = _combine(own, factors, shared)
            seconds = shared.count / own[0].rate_hz
            result[name] = Residual(float(np.median(np.abs(values))), float(np.median(values)), seconds)
    return result


def repeat_difference_mv(segments: Sequence[Lead]) -> dict[str, float]:
    """Return the median difference (mV) of the two segments of every lead that is printed twice.

    The difference is taken around its own median, because the two have different baselines. Most machines
    print the short segment and the rhythm strip of a lead from the same moment. A large difference means that
    they differ in time, or that one of them is wrong.
    """
    result = {}
    for k, lead in enumerate(segments):
        for other in segments[:k]:
            shared = _shared_time((lead, other)) if other.name == lead.name else None
            if shared is not None:
                one, two = (mv.astype(np.float64) for mv in shared.pieces((lead, other)))
                result[lead.name] = float(np.median(np.abs(one - two - np.median(one - two))))
    return result


def enforce_einthoven(leads: Mapping[str, Lead]) -> dict[str, Lead]:
    """Return the leads with the smallest change that satisfies the relations they nearly satisfy.

    A relation is used if its median residual is small. It is centred on its own median, because baselines
    differ between rows. Samples with a large residual are not corrected, because an error of one lead would
    spread to the others.
    """
    out = dict(leads)
    for name in _ENFORCED:
        factors = RELATIONS[name]
        own = _select(out, factors)
        shared = _shared_time(own)
        if shared is None:
            continue
        values = _combine(own, factors, shared)
        values = values - np.median(values)
        if np.median(np.abs(values)) > _MAX_MEDIAN_MV:
            continue
        width = max(1, round(_SMOOTHING_S * own[0].rate_hz)) | 1
        local = np.convolve(np.pad(np.abs(values), width // 2, mode="edge"), np.ones(width) / width, "valid")
        share = np.clip(1 - local / _MAX_LOCAL_MV, 0, 1) * values / sum(f**2 for f in factors.values())
        for lead, factor, first in zip(own, factors.values(), shared.first, strict=True):
            out[lead.name] = _add(lead, first, -factor * share)
    return out


def _select(leads: Mapping[str, Lead], names: Collection[str]) -> list[Lead]:
    """Return the leads of these names, or an empty list if one is missing."""
    own = [leads[name] for name in names if name in leads]
    return own if len(own) == len(names) else []


def _shared_time(leads: Sequence[Lead]) -> _SharedTime | None:
    """Return the time that the leads share, or None if it is too short."""
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
