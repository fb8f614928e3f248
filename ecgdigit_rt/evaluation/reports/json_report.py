"""JSON and CSV reports of an evaluation."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence

from ecgdigit_rt.evaluation.measures import DTW_BAND_S, Agreement, Summary, measure_values, summarize
from ecgdigit_rt.evaluation.metric import PERFECT_RATIO, competition_score, db_from_ratio
from ecgdigit_rt.evaluation.r_peaks import TOLERANCE_S
from ecgdigit_rt.evaluation.scores import Evaluation, ImageScore, mean_db, summarize_images


def json_from_evaluation(evaluation: Evaluation) -> str:
    """Return all scores and measures as JSON.

    Numbers that are not finite are null, such as the SNR of a lead that is predicted without error.
    """
    document = {
        "score_db": _finite(evaluation.score),
        "mean_db": _finite(evaluation.mean_db),
        **_measures(summarize_images(evaluation.images)),
        "images": [_image(image) for image in evaluation.images],
        "kinds": _groups(evaluation.kinds),
        "layouts": _groups(evaluation.layouts),
        "statuses": _groups(evaluation.statuses),
        "leads": {name: _finite(db) for name, db in evaluation.lead_db.items()},
        "lead_measures": {
            name: _measures(summarize(agreements)) for name, agreements in evaluation.lead_agreements.items()
        },
        "without_truth": list(evaluation.without_truth),
        "dtw_band_s": DTW_BAND_S,
        "r_peak_tolerance_s": TOLERANCE_S,
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_from_evaluation(evaluation: Evaluation) -> str:
    """Return a CSV table with one line per image and lead.

    An empty cell corresponds to null in JSON. `is_missing` is 0 or 1.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, (image, name) in enumerate((i, n) for i in evaluation.images for n in i.leads):
        cells = {
            "image": _escape_formula(image.image),
            "kind": _escape_formula(image.kind),
            "layout": _escape_formula(image.layout),
            "status": _escape_formula(image.status),
            "lead": name,
            "is_missing": int(name in image.missing),
            "image_db": _finite(image.db),
            **_lead(image, name),
        }
        if number == 0:
            writer.writerow(cells)
        writer.writerow(cells.values())
    return text.getvalue()


def _escape_formula(text: str) -> str:
    """Return text that a spreadsheet does not execute as a formula. Image names are untrusted input."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _groups(groups: Mapping[str, Sequence[ImageScore]]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "images": len(images),
            "mean_db": _finite(mean_db(images)),
            "score_db": _finite(competition_score([i.ratio for i in images])),
            **_measures(summarize_images(images)),
        }
        for name, images in groups.items()
    }


def _image(image: ImageScore) -> dict[str, object]:
    return {
        "image": image.image,
        "kind": image.kind,
        "layout": image.layout or None,
        "status": image.status or None,
        "db": _finite(image.db),
        "capped_db": _finite(db_from_ratio(min(image.ratio, PERFECT_RATIO))),
        **_measures(summarize_images([image])),
        "missing": list(image.missing),
        "leads": {name: _lead(image, name) for name in image.leads},
    }


def _lead(image: ImageScore, name: str) -> dict[str, float | None]:
    score = image.leads[name]
    return {
        "db": _finite(score.db),
        "lag": score.lag,
        "offset_mv": score.offset_mv,
        **(_measures(image.agreements[name]) if name in image.agreements else {}),
    }


def _measures(of: Summary | Agreement) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in measure_values(of).items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
