"""An evaluation as tables for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ecgdigit_rt.evaluation.evaluate import Evaluation, ImageScore, mean_db
from ecgdigit_rt.evaluation.measures import DTW_BAND_S
from ecgdigit_rt.evaluation.metric import PERFECT_RATIO, competition_score, decibel
from ecgdigit_rt.evaluation.r_peaks import TOLERANCE_S
from ecgdigit_rt.evaluation.summary import Summary, images_summary, summary

_MEASURES = " NRMSE %       r  RMSE mV   DTW mV   R ms  R found  R true"


def text_from_evaluation(evaluation: Evaluation) -> str:
    """Tables per image, per kind, per layout and per lead, then the overall numbers."""
    lines = [*_images(evaluation.images)]
    for what, groups in (("kind", evaluation.kinds), ("layout", evaluation.layouts)):
        if groups:
            lines += ["", *_groups(what, groups)]
    lines += ["", f"lead    mean dB  {_MEASURES}"]
    lead_db, agreements = evaluation.lead_db, evaluation.lead_agreements
    lines += [
        f"{name:<4}    {_db(db)}   {_measures(summary(agreements[name]))}" for name, db in lead_db.items()
    ]
    return "\n".join([*lines, "", *_overall(evaluation)]) + "\n"


def _images(images: Sequence[ImageScore]) -> list[str]:
    width = max(5, *(len(image.image) for image in images))
    lines = [f"{'image':<{width}}      dB  weakest lead    missing"]
    for image in images:
        weakest = min(image.leads, key=lambda name: image.leads[name].db)
        lines.append(
            f"{image.image:<{width}}  {_db(image.db)}  {weakest:<4}{_db(image.leads[weakest].db)}"
            f"      {_missing(image)}".rstrip()
        )
    return lines


def _groups(what: str, groups: Mapping[str, Sequence[ImageScore]]) -> list[str]:
    width = max(len(what), *(len(name or "(other)") for name in groups))
    lines = [f"{what:<{width}}  images  mean dB   score  {_MEASURES}"]
    for name, images in groups.items():
        score = competition_score([image.ratio for image in images])
        figures = f"{len(images):6}   {_db(mean_db(images))}  {_db(score)}"
        lines.append(f"{name or '(other)':<{width}}  {figures}  {_measures(images_summary(images))}")
    return lines


def _overall(evaluation: Evaluation) -> list[str]:
    cap, of_all = decibel(PERFECT_RATIO), images_summary(evaluation.images)
    peaks, near_ms = of_all.peaks, 1000 * TOLERANCE_S
    counts = (
        f"{peaks.true_matched} of {peaks.true} were found, {peaks.found_matched} of {peaks.found} are true"
    )
    return [
        f"images     {len(evaluation.images)}",
        f"mean dB    {evaluation.mean_db:.2f}   mean over images, uncapped",
        f"score      {evaluation.score:.2f}   the competition's: each image capped at {cap:.2f} dB",
        f"NRMSE      {_plain(of_all.nrmse_percent, 2)} %   of the truth's range; means over leads",
        f"r          {_plain(of_all.pearson, 4)}   Pearson's",
        f"RMSE       {_plain(of_all.rmse_mv, 4)} mV",
        f"DTW        {_plain(of_all.dtw_mv, 4)} mV   mean distance, time may give way by {DTW_BAND_S:g} s",
        f"R peaks    {_plain(peaks.median_ms, 1)} ms off in the median; within {near_ms:.0f} ms {counts}",
    ]


def _measures(of: Summary) -> str:
    """The columns of `_MEASURES`."""
    peaks = of.peaks
    return (
        f"{_plain(of.nrmse_percent, 2):>8}  {_plain(of.pearson, 4):>6}  {_plain(of.rmse_mv, 4):>7}"
        f"  {_plain(of.dtw_mv, 4):>7}  {_plain(peaks.median_ms, 1):>5}"
        f"  {_percent(peaks.sensitivity):>7}  {_percent(peaks.precision):>6}"
    )


def _missing(image: ImageScore) -> str:
    return "all" if len(image.missing) == len(image.leads) else " ".join(image.missing)


def _db(value: float) -> str:
    return f"{value:6.2f}" if math.isfinite(value) else f"{value:6}"


def _plain(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"
