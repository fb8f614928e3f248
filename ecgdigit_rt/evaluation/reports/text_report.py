"""Text report of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ecgdigit_rt.evaluation.measures import DTW_BAND_S, Summary, summarize
from ecgdigit_rt.evaluation.metric import PERFECT_RATIO, competition_score, db_from_ratio
from ecgdigit_rt.evaluation.r_peaks import TOLERANCE_S
from ecgdigit_rt.evaluation.scores import Evaluation, ImageScore, mean_db, summarize_images
from ecgdigit_rt.results import DOUBTFUL

_MEASURES = " NRMSE %       r  RMSE mV   DTW mV   R ms   R sens  R prec"


def text_from_evaluation(evaluation: Evaluation) -> str:
    """Return tables per image, kind, layout and lead, followed by the overall measures.

    If some pages are doubtful, there is also a table per status of the page in the run.
    """
    lines = _images(evaluation.images)
    by_status = evaluation.statuses if any(image.status == DOUBTFUL for image in evaluation.images) else {}
    for noun, groups in (
        ("kind", evaluation.kinds),
        ("layout", evaluation.layouts),
        ("status", by_status),
    ):
        if groups:
            lines += ["", *_groups(noun, groups)]
    lines += ["", f"lead    mean dB  {_MEASURES}"]
    lead_db, agreements = evaluation.lead_db, evaluation.lead_agreements
    lines += [
        f"{name:<4}    {_db(db)}   {_measures(summarize(agreements[name]))}" for name, db in lead_db.items()
    ]
    return "\n".join([*lines, "", *_overall(evaluation)]) + "\n"


def _images(images: Sequence[ImageScore]) -> list[str]:
    width = max(5, *(len(image.image) for image in images))
    lines = [f"{'image':<{width}}      dB  weakest lead    missing"]
    for image in images:
        weakest = image.weakest_lead
        lines.append(
            f"{image.image:<{width}}  {_db(image.db)}  {weakest:<4}{_db(image.leads[weakest].db)}"
            f"      {_missing(image)}".rstrip()
        )
    return lines


def _groups(noun: str, groups: Mapping[str, Sequence[ImageScore]]) -> list[str]:
    width = max(len(noun), *(len(name or "(other)") for name in groups))
    lines = [f"{noun:<{width}}  images  mean dB   score  {_MEASURES}"]
    for name, images in groups.items():
        score = competition_score([image.ratio for image in images])
        scores = f"{len(images):6}   {_db(mean_db(images))}  {_db(score)}"
        lines.append(f"{name or '(other)':<{width}}  {scores}  {_measures(summarize_images(images))}")
    return lines


def _overall(evaluation: Evaluation) -> list[str]:
    cap_db, total = db_from_ratio(PERFECT_RATIO), summarize_images(evaluation.images)
    peaks, tolerance_ms = total.peaks, 1000 * TOLERANCE_S
    counts = (
        f"{peaks.true_matched} of {peaks.true_count} true and "
        f"{peaks.predicted_matched} of {peaks.predicted_count} predicted peaks "
        f"match within {tolerance_ms:.0f} ms"
    )
    return [
        f"images     {len(evaluation.images)}",
        f"mean dB    {evaluation.mean_db:.2f}   mean over images, uncapped",
        f"score      {evaluation.score:.2f}   competition score, each image capped at {cap_db:.2f} dB",
        f"NRMSE      {_number(total.nrmse_percent, 2)} %   of the range of the truth, mean over leads",
        f"r          {_number(total.pearson, 4)}   Pearson correlation",
        f"RMSE       {_number(total.rmse_mv, 4)} mV",
        f"DTW        {_number(total.dtw_mv, 4)} mV   mean distance, time warped by up to {DTW_BAND_S:g} s",
        f"R peaks    {_number(peaks.median_ms, 1)} ms   median distance; {counts}",
    ]


def _measures(of: Summary) -> str:
    """Return the cells under the headings of `_MEASURES`."""
    peaks = of.peaks
    return (
        f"{_number(of.nrmse_percent, 2):>8}  {_number(of.pearson, 4):>6}  {_number(of.rmse_mv, 4):>7}"
        f"  {_number(of.dtw_mv, 4):>7}  {_number(peaks.median_ms, 1):>5}"
        f"  {_percent(peaks.sensitivity):>7}  {_percent(peaks.precision):>6}"
    )


def _missing(image: ImageScore) -> str:
    return "all" if len(image.missing) == len(image.leads) else " ".join(image.missing)


def _db(value: float) -> str:
    return f"{value:6.2f}" if math.isfinite(value) else f"{value:6}"


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else "–"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if math.isfinite(fraction) else "–"
