"""Leads against a page's truth, by the competition's metric, with what is left of the error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from causes import CAUSES, Array, error_shares, r_peaks

from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_rt.evaluation.metric import LeadScore, decibel, lead_score, ratio, shifted
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import Lead


@dataclass(frozen=True, slots=True)
class MeasuredLead:
    """One lead: its score, and its squared error's shares by cause."""

    score: LeadScore
    shares: dict[str, float]


def measured_leads(truth: PageTruth, leads: Mapping[str, Lead]) -> dict[str, MeasuredLead]:
    """Every true lead against `leads`, brought to the truth's count as a competition run does."""
    signals = lead_signals(truth)
    peaks = r_peaks(signals, RATE_HZ)
    out = {}
    for name, (_, mv) in signals.items():
        found = leads.get(name)
        guess = None if found is None else resample(found.mv, found.rate_hz, RATE_HZ, mv.size)
        score = lead_score(mv, guess, RATE_HZ)
        out[name] = MeasuredLead(score, error_shares(_error(mv, guess, score), peaks[name], RATE_HZ))
    return out


def _error(mv: Array, guess: Array | None, score: LeadScore) -> Array:
    """What is left in mV after the metric's moves; all of the truth where nothing was found."""
    if guess is None:
        return mv
    return mv - np.nan_to_num(shifted(guess, score.lag) + score.offset_mv)


def page_db(measured: Mapping[str, MeasuredLead]) -> float:
    """A page's SNR, uncapped."""
    return decibel(ratio(lead.score for lead in measured.values()))


def page_shares(measured: Mapping[str, MeasuredLead]) -> dict[str, float]:
    """Shares of the page's squared error by cause, over all its leads."""
    whole = max(sum(lead.score.error for lead in measured.values()), 1e-12)
    return {
        cause: sum(lead.score.error * lead.shares[cause] for lead in measured.values()) / whole
        for cause in CAUSES
    }


def lead_figures(measured: Mapping[str, MeasuredLead]) -> dict[str, dict[str, Any]]:
    """By lead: its dB, its squared error in mV², its lag in samples, the error's shares by cause."""
    return {
        name: {
            "db": round(lead.score.db, 2),
            "error_mv2": round(lead.score.error, 4),
            "lag": lead.score.lag,
            **{cause: round(share, 3) for cause, share in lead.shares.items()},
        }
        for name, lead in measured.items()
    }
