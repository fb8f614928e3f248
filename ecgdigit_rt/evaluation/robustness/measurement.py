"""Measurement of the accuracy on pages with truth, at every level of some sweeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.evaluation.metric import competition_score
from ecgdigit_rt.evaluation.robustness.sweeps import Sweep
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import Truth, find_test_csv, read_truth, truth_paths
from ecgdigit_rt.formats.test_csv import LeadRequest, values_for
from ecgdigit_rt.results import DOUBTFUL, RATE_HZ, Failed, PageRef, Result

SCHEMA = "ecgdigit-rt/robustness/1"


class ArrayDigitizer(Protocol):
    """Digitizer of image arrays, such as `Digitizer`."""

    def digitize_many(self, sources: Iterable[NDArray[Any]], /) -> Iterator[Result]:
        """Yield the results in the order of the images."""
        ...


@dataclass(frozen=True, slots=True)
class PageWithTruth:
    """One page with its truth. `requests` are the lines of test.csv for this page, or None without any."""

    id: str
    source: PageRef
    truth: Truth
    requests: tuple[LeadRequest, ...] | None


def pages_with_truth(
    sources: Sequence[PageRef], truth_dir: Path, count: int | None = None
) -> list[PageWithTruth]:
    """Return the pages that have a NAME.csv in `truth_dir`.

    If `count` is not None, at most `count` pages are returned, evenly spaced over the list. Raises
    TruthMissing if no page has truth, TruthMalformed or TestCsvMalformed.
    """
    paths, requests_by_id = truth_paths(truth_dir), find_test_csv(truth_dir)
    with_truth = [(name, ref) for name, ref in zip(page_ids(sources), sources, strict=True) if name in paths]
    if not with_truth:
        raise TruthMissing(truth_dir, page_ids(sources))
    if count is not None and count < len(with_truth):
        with_truth = [with_truth[k * len(with_truth) // count] for k in range(count)]
    pages = []
    for name, source in with_truth:
        requests = tuple(requests_by_id[name]) if name in requests_by_id else None
        pages.append(PageWithTruth(name, source, read_truth(paths[name], requests or ()), requests))
    return pages


def measure_robustness(
    digitizer: ArrayDigitizer,
    pages: Sequence[PageWithTruth],
    sweeps: Sequence[Sweep],
    seed: int,
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Measure the pages without degradation (`clean`) and at every level of every sweep.

    `SCHEMA` names the format of the result. `advance` is called after each measured page. A failed page
    counts as 0 dB, as in the metric, because all its leads are missing. Page k uses the seed `seed` + 10·k at
    every level.
    """

    def images() -> Iterator[NDArray[np.uint8]]:  # decoded each time: memory may be too small for all
        return (rgb_from_page(page.source) for page in pages)

    def measure(degraded: Iterable[NDArray[np.uint8]]) -> dict[str, Any]:
        results = []
        for result in digitizer.digitize_many(degraded):
            results.append(result)
            advance()
        return score_level(pages, results)

    def measure_sweep(sweep: Sweep) -> list[dict[str, Any]]:
        return [
            {"at": at, **measure(sweep.degrade(image, at, seed + 10 * k) for k, image in enumerate(images()))}
            for at in sweep.levels
        ]

    return {
        "pages": [page.id for page in pages],
        "seed": seed,
        "clean": measure(images()),
        "sweeps": {sweep.name: {"level": sweep.level, "levels": measure_sweep(sweep)} for sweep in sweeps},
    }


def score_level(pages: Sequence[PageWithTruth], results: Sequence[Result]) -> dict[str, Any]:
    """Score the results of one level.

    `mean_db` and `median_db` are the mean and the median over pages of the uncapped SNR in dB. `score_db` is
    the competition score. `page_db` contains the SNR of each page, `failed` the error id of each failed page,
    and `doubtful` the ids of the doubtful pages.
    """
    scores = [
        image_score(
            page.truth,
            {} if isinstance(result, Failed) else values_for(result, page.requests).values,
            RATE_HZ if page.requests is None else None,
        )
        for page, result in zip(pages, results, strict=True)
    ]
    dbs = [score.db for score in scores]
    failed = {
        page.id: result.error_id
        for page, result in zip(pages, results, strict=True)
        if isinstance(result, Failed)
    }
    return {
        "mean_db": round(sum(dbs) / len(dbs), 3),
        "median_db": round(median(dbs), 3),
        "score_db": round(competition_score([score.ratio for score in scores]), 3),
        "failed": failed,
        "doubtful": [
            page.id for page, result in zip(pages, results, strict=True) if result.status == DOUBTFUL
        ],
        "page_db": {page.id: round(db, 3) for page, db in zip(pages, dbs, strict=True)},
    }


def mean_dbs(sweep: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return pairs of level and mean dB of a measured sweep."""
    return [(float(level["at"]), float(level["mean_db"])) for level in sweep["levels"]]
