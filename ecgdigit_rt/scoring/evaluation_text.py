"""An evaluation as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from ecgdigit_rt.scoring.evaluate import Evaluation, ImageScore, mean_db
from ecgdigit_rt.scoring.metric import PERFECT_RATIO, competition_score, decibel


def text_from_evaluation(evaluation: Evaluation) -> str:
    """Tables per image, per kind and per lead, then the two overall numbers."""
    width = max(5, *(len(image.image) for image in evaluation.images))
    lines = [f"{'image':<{width}}      dB  weakest lead    missing"]
    for image in evaluation.images:
        weakest = min(image.leads, key=lambda name: image.leads[name].db)
        lines.append(
            f"{image.image:<{width}}  {_db(image.db)}  {weakest:<4}{_db(image.leads[weakest].db)}"
            f"      {_missing(image)}".rstrip()
        )
    if evaluation.kinds:
        width = max(4, *(len(kind) for kind in evaluation.kinds))
        lines += ["", f"{'kind':<{width}}  images  mean dB   score"]
        for kind, images in evaluation.kinds.items():
            lines.append(f"{kind or '(other)':<{width}}  {_group(images)}")
    lines += ["", "lead    mean dB"]
    lines += [f"{name:<4}    {_db(db)}" for name, db in evaluation.lead_db.items()]
    cap = decibel(PERFECT_RATIO)
    lines += [
        "",
        f"images     {len(evaluation.images)}",
        f"mean dB    {evaluation.mean_db:.2f}   mean over images, uncapped",
        f"score      {evaluation.score:.2f}   the competition's: each image capped at {cap:.2f} dB",
    ]
    return "\n".join(lines) + "\n"


def json_from_evaluation(evaluation: Evaluation) -> str:
    """The same and more. A decibel that is not finite (no error at all, no signal) is null."""
    document = {
        "score_db": _finite(evaluation.score),
        "mean_db": _finite(evaluation.mean_db),
        "images": [_image(image) for image in evaluation.images],
        "kinds": {
            kind: {
                "images": len(images),
                "mean_db": _finite(mean_db(images)),
                "score_db": _finite(competition_score([i.ratio for i in images])),
            }
            for kind, images in evaluation.kinds.items()
        },
        "leads": {name: _finite(db) for name, db in evaluation.lead_db.items()},
        "without_truth": list(evaluation.untrue),
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _image(image: ImageScore) -> dict[str, object]:
    return {
        "image": image.image,
        "kind": image.kind,
        "db": _finite(image.db),
        "capped_db": _finite(decibel(min(image.ratio, PERFECT_RATIO))),
        "missing": list(image.missing),
        "leads": {
            name: {"db": _finite(score.db), "lag": score.lag, "offset_mv": score.offset_mv}
            for name, score in image.leads.items()
        },
    }


def _group(images: Iterable[ImageScore]) -> str:
    listed = list(images)
    score = competition_score([image.ratio for image in listed])
    return f"{len(listed):6}   {_db(mean_db(listed))}  {_db(score)}"


def _missing(image: ImageScore) -> str:
    return "all" if len(image.missing) == len(image.leads) else " ".join(image.missing)


def _db(value: float) -> str:
    return f"{value:6.2f}" if math.isfinite(value) else f"{value:6}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
