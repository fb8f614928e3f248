"""What Einthoven's and Goldberger's equations say of a page's leads, and an optional blend that uses it.

Six limb leads show two independent voltages: I + III = II (Einthoven, 1913), aVR = -(I + II) / 2,
aVL = (I - III) / 2, aVF = (II + III) / 2 (Goldberger, 1942). Leads printed at the same time must obey.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.record import Lead

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
    """The samples that leads have in common: first sample of each, and their count."""

    first: Mapping[str, int]
    count: int


def residuals(leads: Mapping[str, Lead]) -> dict[str, Residual]:
    """Every relation whose leads share at least half a second."""
    found = {}
    for name, factors in RELATIONS.items():
        shared = _shared(leads, tuple(factors))
        if shared is None:
            continue
        values = _combined(leads, factors, shared)
        middle = float(np.median(values))
        seconds = shared.count / leads[next(iter(factors))].rate_hz
        found[name] = Residual(float(np.median(np.abs(values))), middle, seconds)
    return found


def repeats_mv(stretches: Sequence[Lead]) -> dict[str, float]:
    """For every lead printed twice, the median difference (mV) where both show the same time.

    Around its own middle: the two stand on different zero lines. Machines mostly print a lead's short
    stretch and its rhythm strip from the same moment; where this is large, they did not, or one is wrong.
    """
    found = {}
    for k, lead in enumerate(stretches):
        for other in stretches[:k]:
            start = max(lead.start_s, other.start_s)
            count = round(
                (min(lead.start_s + lead.duration_s, other.start_s + other.duration_s) - start) * lead.rate_hz
            )
            if other.name != lead.name or count < _SHORTEST_S * lead.rate_hz:
                continue
            pieces = [one.mv[round((start - one.start_s) * one.rate_hz) :][:count] for one in (lead, other)]
            count = min(piece.size for piece in pieces)
            difference = pieces[0][:count].astype(np.float64) - pieces[1][:count]
            found[lead.name] = float(np.median(np.abs(difference - np.median(difference))))
    return found


def blended(leads: Mapping[str, Lead]) -> dict[str, Lead]:
    """The leads moved as little as makes them obey, where they nearly do; `leads` otherwise.

    Each relation is taken where its median residual is small, around its own middle (zero lines are not
    the same on all rows), and not at places where a lead plainly went astray, which would spoil the others.
    """
    out = dict(leads)
    for factors in _used(leads):
        shared = _shared(out, tuple(factors))
        if shared is None:
            continue
        values = _combined(out, factors, shared)
        values = values - np.median(values)
        if np.median(np.abs(values)) > _AGREES_MV:
            continue
        rate = out[next(iter(factors))].rate_hz
        width = max(1, round(_SMOOTHED_S * rate)) | 1
        local = np.convolve(np.pad(np.abs(values), width // 2, mode="edge"), np.ones(width) / width, "valid")
        share = np.clip(1 - local / _FAR_MV, 0, 1) * values / sum(f**2 for f in factors.values())
        for lead, factor in factors.items():
            out[lead] = _moved(out[lead], shared.first[lead], -factor * share)
    return out


def _used(leads: Mapping[str, Lead]) -> Sequence[Mapping[str, float]]:
    """Einthoven's relation and the sum of the augmented leads: no lead is in both."""
    names = [name for name in ("I+III-II", "aVR+aVL+aVF") if set(RELATIONS[name]) <= set(leads)]
    return [RELATIONS[name] for name in names]


def _shared(leads: Mapping[str, Lead], names: Sequence[str]) -> _Shared | None:
    if any(name not in leads for name in names):
        return None
    own = [leads[name] for name in names]
    rate = own[0].rate_hz
    start = max(lead.start_s for lead in own)
    end = min(lead.start_s + lead.duration_s for lead in own)
    first = {lead.name: round((start - lead.start_s) * rate) for lead in own}
    count = min(round((end - start) * rate), *(lead.mv.size - first[lead.name] for lead in own))
    return _Shared(first, count) if count >= _SHORTEST_S * rate else None


def _combined(leads: Mapping[str, Lead], factors: Mapping[str, float], shared: _Shared) -> Values:
    total = np.zeros(shared.count)
    for name, factor in factors.items():
        first = shared.first[name]
        total += factor * leads[name].mv[first : first + shared.count]
    return total


def _moved(lead: Lead, first: int, by_mv: Values) -> Lead:
    mv = lead.mv.copy()
    mv[first : first + by_mv.size] += by_mv.astype(np.float32)
    return dataclasses.replace(lead, mv=mv)
