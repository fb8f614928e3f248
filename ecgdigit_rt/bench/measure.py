"""One bench: the pages one by one, then many at once, with their accuracy, and what they cost."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ecgdigit_rt.bench.hardware_limits import decoded_pages_per_s, gemm_flops
from ecgdigit_rt.bench.instrumented import Counting, Tallies
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.digitizer import Digitizer, StageOpener
from ecgdigit_rt.evaluation.evaluate import Evaluation, image_score
from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth, truth_paths
from ecgdigit_rt.formats.test_csv import values_for
from ecgdigit_rt.results import Digitized, PageRef

SCHEMA = "ecgdigit-rt/bench/1"


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """Pages with truth. many: how many pages the folder run has; the pages come again and again."""

    pages: tuple[PageRef, ...]
    truth: Path
    many: int

    @property
    def repeated(self) -> list[PageRef]:
        return [self.pages[k % len(self.pages)] for k in range(self.many)]


def bench(material: BenchmarkSet, opener: StageOpener, threads: int) -> dict[str, Any]:
    """Figures of one opener; `SCHEMA` names their form, docs/performance.md says what each means."""
    tallies = Tallies()
    digitizer = Digitizer(threads=threads, opener=Counting(opener, tallies))
    latency, single = _one_by_one(digitizer, material.pages)
    tallies.clear()
    many = _many_at_once(digitizer, material, threads)
    networks = {
        stage: {
            "calls_per_page": round(tally.calls / material.many, 2),
            "ms_per_page": round(1000 * tally.seconds / material.many, 1),
            "gflops": round(tally.flops / tally.seconds / 1e9, 1),
        }
        for stage, tally in tallies.stages.items()
    }
    return {
        "device": digitizer.device,
        "models": digitizer.models,
        "latency_s": latency,
        "steps_ms": single,
        "folder": many,
        "networks": networks,
        "accuracy": _accuracy(digitizer, material),
    }


def against(ours: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """How many times as fast the first is as the second.

    folder_against_loop: a folder run against the other's pages one after another, which is what a script
    around those modules would do. page_after_page: both so. folder: both in a folder run, the other
    within this pipeline.
    """
    here, there = ours["folder"]["s_per_page"], other["folder"]["s_per_page"]
    return {
        "folder_against_loop": round(other["latency_s"]["p50"] / here, 2),
        "page_after_page": round(other["latency_s"]["p50"] / ours["latency_s"]["p50"], 2),
        "folder": round(there / here, 2),
    }


def machine(material: BenchmarkSet, threads: int) -> dict[str, float]:
    """What bounds any opener here."""
    return {
        "gemm_fp32_gflops": round(gemm_flops() / 1e9, 1),
        "decode_pages_per_s": round(decoded_pages_per_s(material.repeated, threads), 2),
    }


def _one_by_one(digitizer: Digitizer, pages: Sequence[PageRef]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds from file to signals, each page alone on all threads; and its steps' medians."""
    seconds: list[float] = []
    steps: dict[str, list[float]] = {}
    for turn, page in enumerate([pages[0], *pages]):  # the first one warms up
        started = time.perf_counter()
        image = rgb_from_page(page)
        decoded = time.perf_counter() - started
        found = digitizer.digitize_image(image, page)
        if turn:
            seconds.append(time.perf_counter() - started)
            for step, value in {"decode": decoded, **found.seconds}.items():
                steps.setdefault(step, []).append(value)
    latency = {f"p{q}": round(float(np.percentile(seconds, q)), 3) for q in (50, 95)}
    latency["mean"] = round(float(np.mean(seconds)), 3)
    return latency, {step: round(1000 * median(values), 1) for step, values in steps.items()}


def _many_at_once(digitizer: Digitizer, material: BenchmarkSet, threads: int) -> dict[str, Any]:
    """The folder run, with the memory held after each quarter of it."""
    warm = 3 * threads
    list(digitizer.digitize_many(islice(material.repeated, warm)))
    count, failed, memory = 0, 0, []
    started = time.perf_counter()
    for count, result in enumerate(digitizer.digitize_many(material.repeated), 1):
        failed += not isinstance(result, Digitized)
        if count * 4 // material.many > (count - 1) * 4 // material.many:
            memory.append(_resident_mb())
    seconds = time.perf_counter() - started
    return {
        "pages": count,
        "failed": failed,
        "pages_per_s": round(material.many / seconds, 3),
        "s_per_page": round(seconds / material.many, 3),
        "resident_mb_by_quarter": memory,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _resident_mb() -> int:
    """Memory held now (Linux), or the most ever held where the system does not tell."""
    status = Path("/proc/self/status")
    if sys.platform == "linux":
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return round(int(line.split()[1]) / 1024)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _accuracy(digitizer: Digitizer, material: BenchmarkSet) -> dict[str, Any]:
    results = list(digitizer.digitize_many(material.pages))
    questions, paths = find_test_csv(material.truth), truth_paths(material.truth)
    scores = []
    for name, result in zip(page_ids(material.pages), results, strict=True):
        if name in paths:
            asked = questions.get(name)
            truth = read_truth(paths[name], asked or ())
            scores.append(image_score(truth, values_for(result, asked).values))
    evaluation = Evaluation(tuple(scores), ())
    return {
        "pages": len(scores),
        "mean_db": round(evaluation.mean_db, 2),
        "score_db": round(evaluation.score, 2),
    }
