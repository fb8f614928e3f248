"""Scores of a submission against the truth: per image, per kind, per layout, per lead and overall.

The kind of an image is the part of its name that says how the image was made (`01_render`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.evaluation.alignment import infer_rate_hz, resample_to_truth
from ecgdigit_rt.evaluation.measures import Agreement, Summary, lead_agreement, summarize
from ecgdigit_rt.evaluation.metric import LeadScore, competition_score, db_from_ratio, lead_score, snr_ratio
from ecgdigit_rt.evaluation.predictions import Predictions
from ecgdigit_rt.evaluation.run_metadata import layout_beside
from ecgdigit_rt.evaluation.truth import Truth, find_test_csv, read_truth, truth_paths
from ecgdigit_rt.formats.submission_csv import Submission
from ecgdigit_rt.results import ALL_LEADS

# Three parts joined by underscores: a number with an optional letter before it, the kind (the only group),
# and optionally another number with optional letters before it.
_KIND = re.compile(r"[A-Za-z]?\d+_([A-Za-z][\w-]*?)(?:_[A-Za-z]*\d+)?")


@dataclass(frozen=True, slots=True)
class ImageScore:
    """Scores of one image.

    `leads` and `agreements` contain every lead with truth. `missing` contains the names of the leads that are
    absent from the submission or contain only zeros. `kind`, `layout` and `status` are empty if unknown.
    `status` is the status of the page in the run.
    """

    image: str
    kind: str
    leads: Mapping[str, LeadScore]
    missing: tuple[str, ...]
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    layout: str = ""
    status: str = ""

    @property
    def ratio(self) -> float:
        """Linear SNR over all leads, uncapped."""
        return snr_ratio(self.leads.values())

    @property
    def db(self) -> float:
        """SNR over all leads in dB, uncapped."""
        return db_from_ratio(self.ratio)

    @property
    def weakest_lead(self) -> str:
        """Name of the lead with the lowest SNR."""
        return min(self.leads, key=lambda name: self.leads[name].db)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of several images.

    `without_truth` contains the names of submitted images that have no truth. They are not scored.
    """

    images: tuple[ImageScore, ...]
    without_truth: tuple[str, ...]

    @property
    def score(self) -> float:
        """Competition score in dB: 10·log10 of the mean of the capped ratios."""
        return competition_score([image.ratio for image in self.images])

    @property
    def mean_db(self) -> float:
        """Mean over images of the uncapped SNR in dB."""
        return mean_db(self.images)

    @property
    def kinds(self) -> dict[str, list[ImageScore]]:
        """Images by kind, in order of appearance. Empty if no image name contains a kind."""
        return _group((image.kind, image) for image in self.images)

    @property
    def layouts(self) -> dict[str, list[ImageScore]]:
        """Images by layout. Empty if no layout is known."""
        return _group((image.layout, image) for image in self.images)

    @property
    def statuses(self) -> dict[str, list[ImageScore]]:
        """Images by status of the page in the run. Empty if no status is known."""
        return _group((image.status, image) for image in self.images)

    @property
    def lead_db(self) -> dict[str, float]:
        """Mean over images of the SNR of each lead in dB, uncapped."""
        by_lead = {n: [i.leads[n].db for i in self.images if n in i.leads] for n in ALL_LEADS}
        return {name: sum(dbs) / len(dbs) for name, dbs in by_lead.items() if dbs}

    @property
    def lead_agreements(self) -> dict[str, list[Agreement]]:
        """Agreements of each lead, one for every image whose truth contains the lead."""
        by_lead = {n: [i.agreements[n] for i in self.images if n in i.agreements] for n in ALL_LEADS}
        return {name: agreements for name, agreements in by_lead.items() if agreements}


def _group(images: Iterable[tuple[str, ImageScore]]) -> dict[str, list[ImageScore]]:
    groups: dict[str, list[ImageScore]] = {}
    for name, image in images:
        groups.setdefault(name, []).append(image)
    return groups if set(groups) != {""} else {}


def mean_db(images: Sequence[ImageScore]) -> float:
    """Return the mean of the uncapped SNRs of some images, in dB."""
    return sum(image.db for image in images) / len(images)


def summarize_images(images: Iterable[ImageScore]) -> Summary:
    """Summarize the agreements of all leads of some images."""
    return summarize(agreement for image in images for agreement in image.agreements.values())


def evaluate(
    submission: Submission | Predictions, truth_dir: Path, *, submitted_only: bool = False
) -> Evaluation:
    """Score the output of a run against a folder of truth files NAME.csv.

    By default, all leads of an image that is absent from the submission count as missing. If `submitted_only`
    is true, these images are left out. Raises TruthMissing, TruthMalformed or TestCsvMalformed.
    """
    predictions = submission if isinstance(submission, Predictions) else Predictions(submission)
    paths = truth_paths(truth_dir)
    without_truth = tuple(image for image in predictions.leads if image not in paths)
    if predictions.leads and len(without_truth) == len(predictions.leads):
        raise TruthMissing(truth_dir, without_truth)
    requests = find_test_csv(truth_dir)
    images = []
    for image, path in paths.items():
        if image in predictions.leads or not submitted_only:
            truth = read_truth(path, requests.get(image, ()))
            score = image_score(truth, predictions.leads.get(image, {}), predictions.rates_hz.get(image))
            layout = layout_beside(truth_dir, image) or predictions.layouts.get(image, "")
            status = predictions.statuses.get(image, "")
            images.append(replace(score, layout=layout, status=status))
    return Evaluation(tuple(images), without_truth)


def image_score(
    truth: Truth, predicted: Mapping[str, NDArray[np.float64]], rate_hz: float | None = None
) -> ImageScore:
    """Score one image. Predicted leads without truth are ignored.

    `rate_hz` is the sampling rate of the prediction. If it is None, it is inferred from the sample counts.
    """
    rate_hz = rate_hz or infer_rate_hz(truth, predicted)
    scores, agreements, missing = {}, {}, []
    for name, true_mv in truth.leads.items():
        mv = predicted.get(name)
        is_missing = mv is None or not np.nan_to_num(mv).any()
        if mv is not None:
            mv = resample_to_truth(mv, rate_hz, truth.rate_hz, true_mv.size)
        scores[name] = lead_score(true_mv, mv, truth.rate_hz)
        agreements[name] = lead_agreement(true_mv, None if is_missing else mv, truth.rate_hz, scores[name])
        if is_missing:
            missing.append(name)
    return ImageScore(truth.image, kind_from_name(truth.image), scores, tuple(missing), agreements)


def kind_from_name(image: str) -> str:
    """Return the kind in an image name: `01_render` → render, `h01_clean_00009` → clean.

    Return an empty string if the name contains no kind.
    """
    match = _KIND.fullmatch(image)
    return match[1] if match else ""
