"""Execution of a run on a cluster.

The pages are listed, pages that are already in the output are skipped, and the others are distributed to
workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from ecgdigit_rt import __version__
from ecgdigit_rt.cluster.listing import list_files
from ecgdigit_rt.cluster.parts import ClusterPage, PartFolder, chunks
from ecgdigit_rt.cluster.ray_cluster import reraise_as_cluster_error, worker_count
from ecgdigit_rt.cluster.worker import PartDigitizer, json_from_pages, page_counts, report_from_json
from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.errors import ConfigurationChanged, EcgDigitError
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.runs.execution import RunObserver, RunOutcome
from ecgdigit_rt.runs.options import DigitizeOptions, configuration, differences
from ecgdigit_rt.runs.report import PageReport, Report

MAX_PAGES_PER_PART = 64
"""Maximum number of pages per part: about 5 MB of Parquet and half a minute of work. If a machine fails, the
work on its current parts is lost. Hand-picked, not tuned."""
_MIN_PARTS_PER_WORKER = 4
"""Minimum number of parts per worker in a run with enough pages. With several parts per worker, all workers
finish at about the same time. Hand-picked, not tuned."""
_FILES_PER_COUNTING_TASK = 256
"""Maximum number of files per task that counts pages. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """Inputs, output and resources of a run.

    `folder` is the path or URL of the output folder. `cluster` is the address of the cluster, or `auto`.
    Each worker uses `threads` CPUs and `gpu_fraction` of a GPU.
    """

    inputs: Sequence[str]
    folder: str
    cluster: str
    options: DigitizeOptions
    threads: int = 1
    gpu_fraction: float = 0.0
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """Run whose pages have been listed, but not yet digitized.

    `pages` are all pages. `done` are the reports of pages that earlier runs have completed, including failed
    pages. `workers` is the number of parallel workers. `reports` is lazy: iterating over it digitizes the
    remaining pages and yields their reports.
    """

    pages: Sequence[ClusterPage]
    done: Sequence[PageReport]
    workers: int
    reports: Iterator[PageReport]


def prepare_or_resume(run: ClusterRun, ray: ModuleType, *, restart: bool) -> PreparedRun:
    """List the pages of a run, and find the pages that earlier runs have completed.

    If `restart`, the output of earlier runs is deleted after the pages have been listed. Raises
    ConfigurationChanged, JournalMalformed, NoPagesFound, InputNotFound, StorageUnusable, OutputNotWritable,
    ModelMissing, ModelCorrupt, DependencyMissing or ClusterUnusable.
    """
    parts = PartFolder(run.folder)
    workers = worker_count(run.cluster, ray.cluster_resources(), run.threads, run.gpu_fraction)
    pages = _pages(run, ray)
    if restart:
        parts.clear()
    _check_configuration(parts, _configuration(run.options, run.threads))
    reports = parts.reports()
    remaining = [page for page in pages if page.key not in reports]
    work = list(chunks(remaining, _pages_per_part(len(pages), workers)))
    count = min(workers, len(work))
    done = [reports[page.key] for page in pages if page.key in reports]
    return PreparedRun(pages, done, count, _reports(run, ray, work, count))


def digitize_remaining(prepared: PreparedRun, observer: RunObserver) -> RunOutcome:
    """Digitize the remaining pages of a run.

    Raises ClusterUnusable. An error in a worker, such as StorageUnusable or OutputNotWritable, is also raised
    as ClusterUnusable.
    """
    report, total = Report(), len(prepared.pages)
    report.resumed = len(prepared.done)
    if prepared.done:
        observer.on_resume(report.resumed, total)
    start = time.perf_counter()
    for page in prepared.done:
        report.add(page)
    try:
        with observer.progress(total, report.resumed) as advance:
            for page in prepared.reports:
                report.add(page)
                advance()
    except (EcgDigitError, KeyboardInterrupt):
        observer.on_stop(report.pages, total)
        raise
    return RunOutcome(report, None, time.perf_counter() - start)


def _pages_per_part(pages: int, workers: int) -> int:
    """Return the number of pages per part.

    It depends on the total number of pages, not on the number of remaining pages, so that a resumed run with
    the same number of workers uses the same size.
    """
    return min(MAX_PAGES_PER_PART, max(1, pages // (_MIN_PARTS_PER_WORKER * workers)))


def _check_configuration(parts: PartFolder, now: Mapping[str, str]) -> None:
    """Write the configuration to a new output folder, or compare it with that of an earlier run.

    Raises ConfigurationChanged if the two configurations differ. Raises JournalMalformed, StorageUnusable or
    OutputNotWritable.
    """
    before = parts.configuration()
    if before is None:
        parts.write_configuration(now)
        return
    changes = differences(before, now)
    if changes:
        raise ConfigurationChanged(parts.folder, changes)


def _configuration(options: DigitizeOptions, threads: int) -> dict[str, str]:
    """Return the specified settings that affect results.

    The device that `auto` selects may differ between machines. It is recorded in the output rows instead.
    """
    models = "none"
    if options.method == "networks":
        from ecgdigit_rt.models import load_models

        family = load_models(options.models)
        digest = sha256(b"".join(family.graphs[stage] for stage in sorted(family.graphs))).hexdigest()
        models = f"{family} (SHA-256 {digest[:16]})"
    identity = {
        "software": f"ecgdigit-rt {__version__}",
        "models": models,
        "--backend": options.backend,
        "--device": options.device,
        "--precision": options.precision,
        "--threads": str(threads),
    }
    return configuration(options, identity, None)


def _pages(run: ClusterRun, ray: ModuleType) -> list[ClusterPage]:
    """Return all pages of the inputs, with the same ids as in a run on one machine."""
    files = list_files(run.inputs)
    items = [{"source": file} for file in files if isinstance(file, str)]
    counts: dict[str, int] = {}
    if items:
        blocks = -(-len(items) // _FILES_PER_COUNTING_TASK)
        dataset = ray.data.from_items(items, override_num_blocks=blocks)
        with reraise_as_cluster_error(run.cluster, ray):
            for row in dataset.map_batches(page_counts, batch_size=_FILES_PER_COUNTING_TASK).iter_rows():
                counts[row["source"]] = int(row["count"])
    refs: list[PageRef] = []
    sources: list[str] = []
    for file in files:
        pages = file if isinstance(file, list) else [PageRef(Path(file), k) for k in range(counts[file])]
        refs += pages
        sources += [file if isinstance(file, str) else str(page.path) for page in pages]
    return [
        ClusterPage(name, source, ref.page)
        for name, source, ref in zip(page_ids(refs), sources, refs, strict=True)
    ]


def _reports(
    run: ClusterRun,
    ray: ModuleType,
    work: Sequence[Sequence[ClusterPage]],
    workers: int,
) -> Iterator[PageReport]:
    """Digitize every part, and yield the reports of its pages as soon as the part is written."""
    if not work:
        return
    rows = [{"pages": json_from_pages(part)} for part in work]
    parts = ray.data.from_items(rows, override_num_blocks=len(rows))
    digitized = parts.map_batches(
        PartDigitizer,
        fn_constructor_args=(run.options, run.threads, run.timeout_s, run.folder, str(Path.cwd())),
        batch_size=1,
        num_cpus=run.threads,
        num_gpus=run.gpu_fraction or None,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
    )
    with reraise_as_cluster_error(run.cluster, ray):
        for row in digitized.iter_rows():
            yield report_from_json(row["report"])
