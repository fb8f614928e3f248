"""Benchmark of one stage opener: latency, throughput, memory, speed of the networks, and accuracy.

The folder run measures the throughput: many pages are digitized in parallel, as in `ecgdigit-rt run` on a
folder.
"""

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

from ecgdigit_engine.stage_opener import StageOpener
from ecgdigit_rt.bench.instrumented import StageCounters, count_calls
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.scores import Evaluation, image_score
from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth, truth_paths
from ecgdigit_rt.formats.test_csv import values_for
from ecgdigit_rt.results import Digitized, PageRef

SCHEMA = "ecgdigit-rt/bench/1"

_WARMUP_PAGES_PER_THREAD = 3
"""Maximum number of warm-up pages per thread before the folder run. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """Pages, and the folder `truth` with their truth.

    The folder run has `count` pages. It repeats `pages` in turn.
    """

    pages: tuple[PageRef, ...]
    truth: Path
    count: int

    @property
    def repeated(self) -> list[PageRef]:
        """Pages of the folder run."""
        return [self.pages[k % len(self.pages)] for k in range(self.count)]


def run_benchmark(benchmark_set: BenchmarkSet, opener: StageOpener, threads: int) -> dict[str, Any]:
    """Measure one opener. `SCHEMA` names the format of the result, and docs/performance.md describes it."""
    counters = StageCounters()
    with Digitizer(threads=threads, opener=count_calls(opener, counters)) as digitizer:
        latency, steps_ms = _measure_latency(digitizer, benchmark_set.pages)
        _warm_up(digitizer, benchmark_set, threads)
        counters.clear()  # only the calls of the folder run are counted
        folder = _measure_folder(digitizer, benchmark_set)
        networks = {
            stage: {
                "calls_per_page": round(counter.calls / benchmark_set.count, 2),
                "ms_per_page": round(1000 * counter.seconds / benchmark_set.count, 1),
                "gflops": round(counter.flops / counter.seconds / 1e9, 1),
            }
            for stage, counter in counters.stages.items()
        }
        return {
            "device": digitizer.device,
            "models": digitizer.models,
            "latency_s": latency,
            "steps_ms": steps_ms,
            "folder": folder,
            "networks": networks,
            "accuracy": _measure_accuracy(digitizer, benchmark_set),
        }


def speedups(ours: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Return the speedups of the first result over the second.

    - `folder_against_loop`: the folder run of the first over single pages of the second, as in a script that
      processes one page after another
    - `page_after_page`: single pages of both
    - `folder`: the folder runs of both
    """
    s_per_page, other_s_per_page = ours["folder"]["s_per_page"], other["folder"]["s_per_page"]
    return {
        "folder_against_loop": round(other["latency_s"]["p50"] / s_per_page, 2),
        "page_after_page": round(other["latency_s"]["p50"] / ours["latency_s"]["p50"], 2),
        "folder": round(other_s_per_page / s_per_page, 2),
    }


def _measure_latency(
    digitizer: Digitizer, pages: Sequence[PageRef]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the latency from file to signals in seconds, and the median milliseconds of each step.

    Each page is digitized alone, with all threads. As a warm-up, the first page is digitized once before the
    measurement.
    """
    seconds: list[float] = []
    steps: dict[str, list[float]] = {}
    for number, page in enumerate([pages[0], *pages]):
        started = time.perf_counter()
        image = rgb_from_page(page)
        decode_s = time.perf_counter() - started
        digitized = digitizer.digitize_image(image, page)
        if number:
            seconds.append(time.perf_counter() - started)
            for step, value in {"decode": decode_s, **digitized.seconds}.items():
                steps.setdefault(step, []).append(value)
    latency = {f"p{q}": round(float(np.percentile(seconds, q)), 3) for q in (50, 95)}
    latency["mean"] = round(float(np.mean(seconds)), 3)
    return latency, {step: round(1000 * median(values), 1) for step, values in steps.items()}


def _warm_up(digitizer: Digitizer, benchmark_set: BenchmarkSet, threads: int) -> None:
    list(digitizer.digitize_many(islice(benchmark_set.repeated, _WARMUP_PAGES_PER_THREAD * threads)))


def _measure_folder(digitizer: Digitizer, benchmark_set: BenchmarkSet) -> dict[str, Any]:
    """Measure the folder run, including the resident memory after each quarter of the pages."""
    total, done, failed, resident_mb = benchmark_set.count, 0, 0, []
    started = time.perf_counter()
    for done, result in enumerate(digitizer.digitize_many(benchmark_set.repeated), 1):
        failed += not isinstance(result, Digitized)
        if done * 4 // total > (done - 1) * 4 // total:
            resident_mb.append(_resident_mb())
    seconds = time.perf_counter() - started
    return {
        "pages": done,
        "failed": failed,
        "pages_per_s": round(total / seconds, 3),
        "s_per_page": round(seconds / total, 3),
        "resident_mb_by_quarter": resident_mb,
        "peak_mb": _peak_mb(),
    }


def _resident_mb() -> int:
    """Return the resident memory in MiB on Linux, and the peak memory on other systems."""
    status = Path("/proc/self/status")
    if sys.platform == "linux":
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return round(int(line.split()[1]) / 1024)
    return _peak_mb()


def _peak_mb() -> int:
    """Return the peak resident memory of this process in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, else in KiB
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024))


def _measure_accuracy(digitizer: Digitizer, benchmark_set: BenchmarkSet) -> dict[str, Any]:
    results = list(digitizer.digitize_many(benchmark_set.pages))
    requests_by_id, paths = find_test_csv(benchmark_set.truth), truth_paths(benchmark_set.truth)
    scores = []
    for name, result in zip(page_ids(benchmark_set.pages), results, strict=True):
        if name in paths:
            requests = requests_by_id.get(name)
            truth = read_truth(paths[name], requests or ())
            scores.append(image_score(truth, values_for(result, requests).values))
    evaluation = Evaluation(tuple(scores), ())
    return {
        "pages": len(scores),
        "mean_db": round(evaluation.mean_db, 2),
        "score_db": round(evaluation.score, 2),
    }
