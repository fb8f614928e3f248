"""An evaluation as JSON and as CSV, for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence

from ecgdigit_rt.evaluation.evaluate import Evaluation, ImageScore, mean_db
from ecgdigit_rt.evaluation.measures import DTW_BAND_S, Agreement
from ecgdigit_rt.evaluation.metric import PERFECT_RATIO, competition_score, decibel
from ecgdigit_rt.evaluation.r_peaks import TOLERANCE_S
from ecgdigit_rt.evaluation.summary import Summary, images_summary, measures, summary


def json_from_evaluation(evaluation: Evaluation) -> str:
    """All figures. One that is not finite (a decibel without any error, without signal) is null."""
    document = {
        "score_db": _finite(evaluation.score),
        "mean_db": _finite(evaluation.mean_db),
        **_measures(images_summary(evaluation.images)),
        "images": [_image(image) for image in evaluation.images],
        "kinds": _groups(evaluation.kinds),
        "layouts": _groups(evaluation.layouts),
        "leads": {name: _finite(db) for name, db in evaluation.lead_db.items()},
        "lead_measures": {
            name: _measures(summary(found)) for name, found in evaluation.lead_agreements.items()
        },
        "without_truth": list(evaluation.untrue),
        "dtw_band_s": DTW_BAND_S,
        "r_peak_tolerance_s": TOLERANCE_S,
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_from_evaluation(evaluation: Evaluation) -> str:
    """One line per image and lead; an empty cell is what JSON calls null. is_missing is 0 or 1."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for number, (image, name) in enumerate((i, n) for i in evaluation.images for n in i.leads):
        cells = {
            "image": _no_formula(image.image),
            "kind": _no_formula(image.kind),
            "layout": image.layout,
            "lead": name,
            "is_missing": int(name in image.missing),
            "image_db": _finite(image.db),
            **_lead(image, name),
        }
        if number == 0:
            lines.writerow(cells)
        lines.writerow(cells.values())
    return text.getvalue()


def _no_formula(text: str) -> str:
    """This table is opened in spreadsheets, which run a cell that begins so, as a file's name may."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _groups(groups: Mapping[str, Sequence[ImageScore]]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "images": len(images),
            "mean_db": _finite(mean_db(images)),
            "score_db": _finite(competition_score([i.ratio for i in images])),
            **_measures(images_summary(images)),
        }
        for name, images in groups.items()
    }


def _image(image: ImageScore) -> dict[str, object]:
    return {
        "image": image.image,
        "kind": image.kind,
        "layout": image.layout or None,
        "db": _finite(image.db),
        "capped_db": _finite(decibel(min(image.ratio, PERFECT_RATIO))),
        **_measures(images_summary([image])),
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
    return {name: _finite(value) for name, value in measures(of).items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
