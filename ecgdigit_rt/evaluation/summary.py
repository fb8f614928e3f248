"""Many leads' agreements as one line: what stands for an image, a kind, a layout, a lead, and all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ecgdigit_rt.evaluation.evaluate import ImageScore
from ecgdigit_rt.evaluation.measures import Agreement
from ecgdigit_rt.evaluation.r_peaks import PeakAgreement, pooled


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over leads, each lead of each image counting once; peaks are counted over all of them.

    Leads that have no such figure (no correlation where nothing was read) are left out of its mean;
    NaN where none has it.
    """

    nrmse_percent: float
    pearson: float
    rmse_mv: float
    dtw_mv: float
    peaks: PeakAgreement
    peaks_unmoved: PeakAgreement


def summary(agreements: Iterable[Agreement]) -> Summary:
    listed = list(agreements)
    return Summary(
        _mean([one.nrmse_percent for one in listed]),
        _mean([one.pearson for one in listed]),
        _mean([one.rmse_mv for one in listed]),
        _mean([one.dtw_mv for one in listed]),
        pooled(one.peaks for one in listed),
        pooled(one.peaks_unmoved for one in listed),
    )


def images_summary(images: Iterable[ImageScore]) -> Summary:
    """Of every lead of some images."""
    return summary(one for image in images for one in image.agreements.values())


def measures(of: Summary | Agreement) -> dict[str, float]:
    """The figures by the names that JSON, CSV and HTML give them, as `Agreement` defines them.

    r_peak_ms is the median distance of matched R peaks after the alignment, r_peak_unaligned_ms before.
    """
    return {
        "nrmse_percent": of.nrmse_percent,
        "pearson": of.pearson,
        "rmse_mv": of.rmse_mv,
        "dtw_mv": of.dtw_mv,
        "r_peak_ms": of.peaks.median_ms,
        "r_peak_unaligned_ms": of.peaks_unmoved.median_ms,
        "r_peak_sensitivity": of.peaks.sensitivity,
        "r_peak_precision": of.peaks.precision,
    }


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan
