"""How near a submission comes to the truth: per image, per kind, per lead and overall.

Where the rates come from, `ecgdigit_rt.evaluation.rates` tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.evaluation.measures import Agreement, agreement
from ecgdigit_rt.evaluation.metric import LeadScore, competition_score, decibel, lead_score, ratio
from ecgdigit_rt.evaluation.page_layouts import layout_beside
from ecgdigit_rt.evaluation.predictions import Predictions
from ecgdigit_rt.evaluation.rates import at_truth_rate, submission_rate_hz
from ecgdigit_rt.evaluation.truth import Truth, find_test_csv, read_truth, truth_paths
from ecgdigit_rt.formats.submission_csv import Submission
from ecgdigit_rt.results import LEADS

_KIND = re.compile(r"[A-Za-z]?\d+_([A-Za-z][\w-]*?)(?:_[A-Za-z]*\d+)?")


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One image. `missing`: leads with truth that the submission lacks, or has as zeros alone.

    agreements: every lead that has truth, in the other measures. layout: empty where nothing tells it.
    """

    image: str
    kind: str
    leads: Mapping[str, LeadScore]
    missing: tuple[str, ...]
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    layout: str = ""

    @property
    def ratio(self) -> float:
        return ratio(self.leads.values())

    @property
    def db(self) -> float:
        return decibel(self.ratio)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All images that have truth; those the submission lacks count with every lead missing.

    `untrue` are images of the submission for which there is no truth: not scored.
    """

    images: tuple[ImageScore, ...]
    untrue: tuple[str, ...]

    @property
    def score(self) -> float:
        """The competition's: decibel of the mean of the capped ratios."""
        return competition_score([image.ratio for image in self.images])

    @property
    def mean_db(self) -> float:
        """The mean over images of the uncapped decibel."""
        return mean_db(self.images)

    @property
    def kinds(self) -> dict[str, list[ImageScore]]:
        """Images by kind, in the order met; empty where the names tell no kinds."""
        return _grouped((image.kind, image) for image in self.images)

    @property
    def layouts(self) -> dict[str, list[ImageScore]]:
        """Images by layout; empty where nothing tells any."""
        return _grouped((image.layout, image) for image in self.images)

    @property
    def lead_db(self) -> dict[str, float]:
        """Per lead, the mean over images of its own decibel, uncapped."""
        by_lead = {n: [i.leads[n].db for i in self.images if n in i.leads] for n in LEADS}
        return {name: sum(dbs) / len(dbs) for name, dbs in by_lead.items() if dbs}

    @property
    def lead_agreements(self) -> dict[str, list[Agreement]]:
        """Per lead, its agreement on every image that has its truth."""
        by_lead = {n: [i.agreements[n] for i in self.images if n in i.agreements] for n in LEADS}
        return {name: found for name, found in by_lead.items() if found}


def _grouped(images: Iterable[tuple[str, ImageScore]]) -> dict[str, list[ImageScore]]:
    groups: dict[str, list[ImageScore]] = {}
    for name, image in images:
        groups.setdefault(name, []).append(image)
    return groups if set(groups) != {""} else {}


def mean_db(images: Sequence[ImageScore]) -> float:
    return sum(image.db for image in images) / len(images)


def evaluate(
    submission: Submission | Predictions, truth_dir: Path, *, submitted_only: bool = False
) -> Evaluation:
    """Score what a run wrote against a folder of NAME.csv files.

    `submitted_only` leaves out the images with truth that the submission does not hold, instead
    of counting them as missing. Raises TruthMissing, TruthMalformed, TestCsvMalformed.
    """
    given = submission if isinstance(submission, Predictions) else Predictions(submission)
    paths = truth_paths(truth_dir)
    untrue = tuple(image for image in given.leads if image not in paths)
    if given.leads and len(untrue) == len(given.leads):
        raise TruthMissing(truth_dir, untrue)
    questions = find_test_csv(truth_dir)
    images = []
    for image, path in paths.items():
        if image in given.leads or not submitted_only:
            truth = read_truth(path, questions.get(image, ()))
            score = image_score(truth, given.leads.get(image, {}), given.rates_hz.get(image))
            layout = layout_beside(truth_dir, image) or given.layouts.get(image, "")
            images.append(replace(score, layout=layout))
    return Evaluation(tuple(images), untrue)


def image_score(
    truth: Truth, predicted: Mapping[str, NDArray[np.float64]], rate_hz: float | None = None
) -> ImageScore:
    """Score one image; leads that have no truth are not looked at. rate_hz: the prediction's, where known."""
    rate_hz = rate_hz or submission_rate_hz(truth, predicted)
    scores, agreements, missing = {}, {}, []
    for name, label in truth.leads.items():
        guess = predicted.get(name)
        is_missing = guess is None or not np.nan_to_num(guess).any()
        if guess is not None:
            guess = at_truth_rate(guess, rate_hz, truth.rate_hz, label.size)
        scores[name] = lead_score(label, guess, truth.rate_hz)
        agreements[name] = agreement(label, None if is_missing else guess, truth.rate_hz, scores[name])
        if is_missing:
            missing.append(name)
    return ImageScore(truth.image, kind_from_name(truth.image), scores, tuple(missing), agreements)


def kind_from_name(image: str) -> str:
    """`01_render` → render, `h01_clean_00009` → clean; empty for a name of another form."""
    match = _KIND.fullmatch(image)
    return match[1] if match else ""
