"""What Einthoven's and Goldberger's equations say of a page's leads, and an optional blend that uses it.

Six limb leads show two independent voltages: I + III = II (Einthoven, 1913), aVR = -(I + II) / 2,
aVL = (I - III) / 2, aVF = (II + III) / 2 (Goldberger, 1942). Leads printed at the same time must obey.
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
"""Combinations of leads that vanish. The last two hold where only the augmented ones stand together."""

_BLENDED = ("I+III-II", "aVR+aVL+aVF")  # no lead is in both
_SHORTEST_S = 0.5
_AGREES_MV = 0.06  # median residual of leads that agree
_FAR_MV = 0.15  # residual of a place at which they do not
_SMOOTHED_S = 0.02


@dataclass(frozen=True, slots=True)
class Residual:
    """A relation's residual over the time its leads share: the median of its size, and its middle (mV)."""

    median_mv: float
    offset_mv: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Shared:
    """The time that leads have in common: the first sample of each, and the count."""

    first: tuple[int, ...]
    count: int

    def pieces(self, leads: Sequence[Lead]) -> list[NDArray[np.float32]]:
        return [lead.mv[at : at + self.count] for lead, at in zip(leads, self.first, strict=True)]


def residuals(leads: Mapping[str, Lead]) -> dict[str, Residual]:
    """Every relation whose leads share at least half a second."""
    found = {}
    for name, factors in RELATIONS.items():
        own = _of(leads, factors)
        shared = _shared(own)
        if shared is not None:
            values = _combined(own, factors, shared)
            seconds = shared.count / own[0].rate_hz
            found[name] = Residual(float(np.median(np.abs(values))), float(np.median(values)), seconds)
    return found


def repeat_difference_mv(stretches: Sequence[Lead]) -> dict[str, float]:
    """For every lead printed twice, the median difference (mV) where both show the same time.

    Around its own middle: the two stand on different zero lines. Machines mostly print a lead's short
    stretch and its rhythm strip from the same moment; where this is large, they did not, or one is wrong.
    """
    found = {}
    for k, lead in enumerate(stretches):
        for other in stretches[:k]:
            shared = _shared((lead, other)) if other.name == lead.name else None
            if shared is not None:
                one, two = (mv.astype(np.float64) for mv in shared.pieces((lead, other)))
                found[lead.name] = float(np.median(np.abs(one - two - np.median(one - two))))
    return found


def enforce_einthoven(leads: Mapping[str, Lead]) -> dict[str, Lead]:
    """The leads moved as little as makes them obey, where they nearly do; `leads` otherwise.

    Each relation is taken where its median residual is small, around its own middle (zero lines are not
    the same on all rows), and not at places where a lead plainly went astray, which would spoil the others.
    """
    out = dict(leads)
    for name in _BLENDED:
        factors = RELATIONS[name]
        own = _of(out, factors)
        shared = _shared(own)
        if shared is None:
            continue
        values = _combined(own, factors, shared)
        values = values - np.median(values)
        if np.median(np.abs(values)) > _AGREES_MV:
            continue
        width = max(1, round(_SMOOTHED_S * own[0].rate_hz)) | 1
        local = np.convolve(np.pad(np.abs(values), width // 2, mode="edge"), np.ones(width) / width, "valid")
        share = np.clip(1 - local / _FAR_MV, 0, 1) * values / sum(f**2 for f in factors.values())
        for lead, factor, first in zip(own, factors.values(), shared.first, strict=True):
            out[lead.name] = _moved(lead, first, -factor * share)
    return out


def _of(leads: Mapping[str, Lead], names: Collection[str]) -> list[Lead]:
    """The leads of these names, none where one is missing."""
    own = [leads[name] for name in names if name in leads]
    return own if len(own) == len(names) else []


def _shared(leads: Sequence[Lead]) -> _Shared | None:
    """What the leads share, None where that is too little."""
    if not leads:
        return None
    rate = leads[0].rate_hz
    start = max(lead.start_s for lead in leads)
    end = min(lead.start_s + lead.duration_s for lead in leads)
    first = tuple(round((start - lead.start_s) * rate) for lead in leads)
    left = [lead.mv.size - at for lead, at in zip(leads, first, strict=True)]
    count = min(round((end - start) * rate), *left)
    return _Shared(first, count) if count >= _SHORTEST_S * rate else None


def _combined(leads: Sequence[Lead], factors: Mapping[str, float], shared: _Shared) -> Values:
    pieces = zip(factors.values(), shared.pieces(leads), strict=True)
    return np.asarray(sum(factor * mv.astype(np.float64) for factor, mv in pieces))


def _moved(lead: Lead, first: int, by_mv: Values) -> Lead:
    mv = lead.mv.copy()
    mv[first : first + by_mv.size] += by_mv.astype(np.float32)
    return dataclasses.replace(lead, mv=mv)
