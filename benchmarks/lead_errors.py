"""Errors of the leads of a page against its truth, by the competition metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from error_causes import CAUSES, Array, error_shares, r_peaks

from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_export.synth.truth_csv import RATE_HZ, lead_signals
from ecgdigit_rt.evaluation.metric import LeadScore, db_from_ratio, lead_score, shift, snr_ratio
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import Lead


@dataclass(frozen=True, slots=True)
class LeadError:
    """Score of one lead, and the shares of its squared error by cause."""

    score: LeadScore
    shares: dict[str, float]


def lead_errors(truth: PageTruth, leads: Mapping[str, Lead]) -> dict[str, LeadError]:
    """Compare every true lead with `leads`, which are resampled as in a competition run."""
    signals = lead_signals(truth)
    peaks = r_peaks(signals, RATE_HZ)
    errors = {}
    for name, (_, mv) in signals.items():
        lead = leads.get(name)
        predicted = None if lead is None else resample(lead.mv, lead.rate_hz, RATE_HZ, mv.size)
        score = lead_score(mv, predicted, RATE_HZ)
        errors[name] = LeadError(
            score, error_shares(_residual_mv(mv, predicted, score), peaks[name], RATE_HZ)
        )
    return errors


def _residual_mv(mv: Array, predicted: Array | None, score: LeadScore) -> Array:
    """Return the residual after the alignment of the metric, or the whole truth if the lead is missing."""
    if predicted is None:
        return mv
    return mv - np.nan_to_num(shift(predicted, score.lag) + score.offset_mv)


def page_db(errors: Mapping[str, LeadError]) -> float:
    """Return the SNR of a page in dB, uncapped."""
    return db_from_ratio(snr_ratio(lead.score for lead in errors.values()))


def page_shares(errors: Mapping[str, LeadError]) -> dict[str, float]:
    """Return the shares of the squared error of a page by cause, over all its leads."""
    total = max(sum(lead.score.error for lead in errors.values()), 1e-12)
    return {
        cause: sum(lead.score.error * lead.shares[cause] for lead in errors.values()) / total
        for cause in CAUSES
    }


def json_from_errors(errors: Mapping[str, LeadError]) -> dict[str, dict[str, Any]]:
    """Return dB, squared error in mV², lag in samples and the shares of the error of each lead."""
    return {
        name: {
            "db": round(lead.score.db, 2),
            "error_mv2": round(lead.score.error, 4),
            "lag": lead.score.lag,
            **{cause: round(share, 3) for cause, share in lead.shares.items()},
        }
        for name, lead in errors.items()
    }
