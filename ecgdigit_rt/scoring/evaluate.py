"""How near a submission comes to the truth: per image, per kind, per lead and overall.

A submission states no rates; its counts tell them. For each image the rate taken is the one under
which most leads have the length of their true windows, the truth's own rate first. At another
rate (a run without test.csv writes 500 Hz) the prediction is resampled to the truth's; after that,
what is too long is cut and what is too short is missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.outputs.submission import Submission
from ecgdigit_rt.record import LEADS
from ecgdigit_rt.scoring.metric import LeadScore, competition_score, decibel, lead_score, ratio
from ecgdigit_rt.scoring.truth import RATES_HZ, SLACK, Truth, questions_beside, read_truth, truth_paths
from ecgdigit_rt.tracing.resample import resampled

_KIND = re.compile(r"[A-Za-z]?\d+_([A-Za-z][\w-]*?)(?:_[A-Za-z]*\d+)?")


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One image. `missing`: leads with truth that the submission lacks, or has as zeros alone."""

    image: str
    kind: str
    leads: Mapping[str, LeadScore]
    missing: tuple[str, ...]

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
        groups: dict[str, list[ImageScore]] = {}
        for image in self.images:
            groups.setdefault(image.kind, []).append(image)
        return groups if set(groups) != {""} else {}

    @property
    def lead_db(self) -> dict[str, float]:
        """Per lead, the mean over images of its own decibel, uncapped."""
        by_lead = {n: [i.leads[n].db for i in self.images if n in i.leads] for n in LEADS}
        return {name: sum(dbs) / len(dbs) for name, dbs in by_lead.items() if dbs}


def mean_db(images: Sequence[ImageScore]) -> float:
    return sum(image.db for image in images) / len(images)


def evaluate(submission: Submission, truth_dir: Path, *, submitted_only: bool = False) -> Evaluation:
    """Score a submission against a folder of NAME.csv files.

    `submitted_only` leaves out the images with truth that the submission does not hold, instead
    of counting them as missing. Raises TruthMissing, TruthMalformed, TestCsvMalformed.
    """
    paths = truth_paths(truth_dir)
    untrue = tuple(image for image in submission if image not in paths)
    if submission and len(untrue) == len(submission):
        raise TruthMissing(truth_dir, untrue)
    questions = questions_beside(truth_dir)
    images = tuple(
        image_score(read_truth(path, questions.get(image, ())), submission.get(image, {}))
        for image, path in paths.items()
        if image in submission or not submitted_only
    )
    return Evaluation(images, untrue)


def image_score(truth: Truth, predicted: Mapping[str, NDArray[np.float64]]) -> ImageScore:
    """Score one image; leads that have no truth are not looked at."""
    rate_hz = submission_rate_hz(truth, predicted)
    scores, missing = {}, []
    for name, label in truth.leads.items():
        guess = predicted.get(name)
        if guess is None or not np.nan_to_num(guess).any():
            missing.append(name)
        if guess is not None:
            guess = at_truth_rate(guess, rate_hz, truth.rate_hz, label.size)
        scores[name] = lead_score(label, guess, truth.rate_hz)
    return ImageScore(truth.image, kind_from_name(truth.image), scores, tuple(missing))


def submission_rate_hz(truth: Truth, predicted: Mapping[str, NDArray[np.float64]]) -> float:
    """The rate at which the prediction was written, from its counts."""
    pairs = [(predicted[n].size, label.size) for n, label in truth.leads.items() if n in predicted]

    def matches(rate_hz: float) -> int:
        scale = rate_hz / truth.rate_hz
        return sum(abs(got - want * scale) <= SLACK for got, want in pairs)

    return max((truth.rate_hz, *RATES_HZ), key=matches)  # of equal ones the first


def kind_from_name(image: str) -> str:
    """`01_render` → render, `h01_clean_00009` → clean; empty for a name of another form."""
    match = _KIND.fullmatch(image)
    return match[1] if match else ""


def at_truth_rate(
    guess: NDArray[np.float64], rate_hz: float, to_rate_hz: float, count: int
) -> NDArray[np.float64]:
    """A prediction at the truth's rate and as long as it: (count,), NaN where it is too short."""
    if rate_hz != to_rate_hz:
        whole = math.ceil(guess.size * to_rate_hz / rate_hz)
        short = count - whole  # by so much, the edge is repeated; the rest is missing
        count_found = count if short <= SLACK else whole
        guess = resampled(np.nan_to_num(guess), rate_hz, to_rate_hz, count_found)
    out = np.full(count, np.nan)
    out[: guess.size] = guess[:count]
    return out
