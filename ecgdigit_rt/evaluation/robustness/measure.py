"""Every sweep over some pages with truth: what each level leaves of the decibels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.evaluation.evaluate import image_score
from ecgdigit_rt.evaluation.metric import competition_score
from ecgdigit_rt.evaluation.robustness.sweeps import Sweep
from ecgdigit_rt.evaluation.truth import Truth, find_test_csv, read_truth, truth_paths
from ecgdigit_rt.formats.signal_table import RATE_HZ
from ecgdigit_rt.formats.test_csv import LeadRequest, values_for
from ecgdigit_rt.results import Failed, PageRef, Result

SCHEMA = "ecgdigit-rt/robustness/1"


class Reader(Protocol):
    """What reads pictures, in order: a `Digitizer`."""

    def digitize_many(self, sources: Iterable[NDArray[Any]], /) -> Iterator[Result]: ...


@dataclass(frozen=True, slots=True)
class Page:
    """One page with its truth. asked: what test.csv wants of it, None without one."""

    id: str
    source: PageRef
    truth: Truth
    asked: tuple[LeadRequest, ...] | None


def pages_with_truth(sources: Sequence[PageRef], truth_dir: Path, count: int | None = None) -> list[Page]:
    """The pages that have a NAME.csv in `truth_dir`; `count` of them, evenly from the whole list.

    Raises TruthMissing where none has, and TruthMalformed.
    """
    paths, questions = truth_paths(truth_dir), find_test_csv(truth_dir)
    known = [(name, ref) for name, ref in zip(page_ids(sources), sources, strict=True) if name in paths]
    if not known:
        raise TruthMissing(truth_dir, page_ids(sources))
    if count is not None and count < len(known):
        known = [known[k * len(known) // count] for k in range(count)]
    pages = []
    for name, source in known:
        asked = tuple(questions[name]) if name in questions else None
        pages.append(Page(name, source, read_truth(paths[name], asked or ()), asked))
    return pages


def robustness(
    reader: Reader, pages: Sequence[Page], sweeps: Sequence[Sweep], seed: int, advance: Callable[[], None]
) -> dict[str, Any]:
    """Figures of the pages as they are (`clean`) and at every level of every sweep; `SCHEMA` names the form.

    `advance` is called after every page. A page that cannot be read counts as 0 dB, as in the metric:
    all its leads are missing. Page number k draws with seed + 10·k, at every level alike.
    """

    def images() -> Iterator[NDArray[np.uint8]]:  # decoded anew each time: pages may be many and large
        return (rgb_from_page(page.source) for page in pages)

    def figures(degraded: Iterable[NDArray[np.uint8]]) -> dict[str, Any]:
        results = []
        for result in reader.digitize_many(degraded):
            results.append(result)
            advance()
        return level_figures(pages, results)

    def of_sweep(sweep: Sweep) -> list[dict[str, Any]]:
        return [
            {"at": at, **figures(sweep.degrade(image, at, seed + 10 * k) for k, image in enumerate(images()))}
            for at in sweep.levels
        ]

    return {
        "pages": [page.id for page in pages],
        "seed": seed,
        "clean": figures(images()),
        "sweeps": {sweep.name: {"level": sweep.level, "levels": of_sweep(sweep)} for sweep in sweeps},
    }


def level_figures(pages: Sequence[Page], results: Sequence[Result]) -> dict[str, Any]:
    """mean_db and median_db over pages, uncapped; score_db, the competition's; each page's dB; who failed."""
    scores = [
        image_score(
            page.truth,
            {} if isinstance(result, Failed) else values_for(result, page.asked).values,
            RATE_HZ if page.asked is None else None,
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
        "page_db": {page.id: round(db, 3) for page, db in zip(pages, dbs, strict=True)},
    }


def mean_dbs(sweep: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Level and mean dB of each level of a sweep, as measured."""
    return [(float(level["at"]), float(level["mean_db"])) for level in sweep["levels"]]
