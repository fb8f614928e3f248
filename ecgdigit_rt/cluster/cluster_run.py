"""A run on a cluster: which pages are left, who reads them, and what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from ecgdigit_rt import __version__
from ecgdigit_rt.cluster.listing import listed_files
from ecgdigit_rt.cluster.parts import ClusterPage, Parts, chunks
from ecgdigit_rt.cluster.ray_cluster import readers_at_once, telling_of_cluster
from ecgdigit_rt.cluster.worker import PartReader, counted, json_from_pages, report_from_text
from ecgdigit_rt.decode.page_list import page_ids
from ecgdigit_rt.errors import ConfigurationChanged
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.runs.options import DigitizeOptions, configuration, differences
from ecgdigit_rt.runs.report import PageReport

MOST_A_PART = 64
"""Pages: some 5 MB of Parquet and half a minute of work, which is what a machine that is lost costs."""
_PARTS_A_READER = 4
"""At least, so that all readers end at about the same time."""
_FILES_A_COUNT = 256


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """What is asked for. threads: CPUs of each reader. gpu_fraction: of a card, for each reader."""

    inputs: Sequence[str]
    folder: str
    cluster: str
    reading: DigitizeOptions
    threads: int = 1
    gpu_fraction: float = 0.0
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run whose pages are known. readers: how many work at once. known: what earlier runs wrote of them."""

    pages: Sequence[ClusterPage]
    known: Sequence[PageReport]
    readers: int
    reports: Iterator[PageReport]


def start_or_resume(run: ClusterRun, ray: ModuleType, *, fresh: bool) -> StartedRun:
    """List the pages, see what is written, and be ready to read the others; `reports` reads them.

    Raises ConfigurationChanged, JournalMalformed, NoPagesFound, InputNotFound, StorageUnusable,
    OutputNotWritable, ModelMissing, ModelCorrupt and ClusterUnusable.
    """
    parts = Parts(run.folder)
    readers = readers_at_once(run.cluster, ray.cluster_resources(), run.threads, run.gpu_fraction)
    pages = _pages(run, ray)
    if fresh:
        parts.forget()
    _begin(parts, _read_like(run.reading, run.threads))
    known = parts.known()
    left = [page for page in pages if page.key not in known]
    work = list(chunks(left, _pages_a_part(len(pages), readers)))
    count = min(readers, len(work))
    done = [known[page.key] for page in pages if page.key in known]
    return StartedRun(pages, done, count, _reports(run, ray, work, count))


def _pages_a_part(pages: int, readers: int) -> int:
    """Of all pages, so that a run that goes on cuts as the one before it did."""
    return min(MOST_A_PART, max(1, pages // (_PARTS_A_READER * readers)))


def _begin(parts: Parts, now: Mapping[str, str]) -> None:
    was = parts.configuration()
    if was is None:
        parts.begin(now)
        return
    changed = differences(was, now)
    if changed:
        raise ConfigurationChanged(Path(parts.folder), changed)


def _read_like(reading: DigitizeOptions, threads: int) -> dict[str, str]:
    """What decides a page's result. The device that `auto` takes is each machine's own, and in its rows."""
    named = {"--backend": reading.backend, "--device": reading.device, "--precision": reading.precision}
    models = "none"
    if reading.method == "networks":
        from ecgdigit_rt.models import load_models

        family = load_models(reading.models)
        digest = sha256(b"".join(family.graphs[stage] for stage in sorted(family.graphs))).hexdigest()
        models = f"{family} (SHA-256 {digest[:16]})"
    identity = {
        "software": f"ecgdigit-rt {__version__}",
        "models": models,
        **named,
        "--threads": str(threads),
    }
    return configuration(reading, identity, None)


def _pages(run: ClusterRun, ray: ModuleType) -> list[ClusterPage]:
    """Every page with its id, which is as in a run on one machine."""
    listed = listed_files(run.inputs)
    addresses = [{"source": one} for one in listed if isinstance(one, str)]
    counts: dict[str, int] = {}
    if addresses:
        blocks = -(-len(addresses) // _FILES_A_COUNT)
        found = ray.data.from_items(addresses, override_num_blocks=blocks)
        with telling_of_cluster(run.cluster, ray):
            for row in found.map_batches(counted, batch_size=_FILES_A_COUNT).iter_rows():
                counts[row["source"]] = int(row["count"])
    refs: list[PageRef] = []
    sources: list[str] = []
    for one in listed:
        new = one if isinstance(one, list) else [PageRef(Path(one), k) for k in range(counts[one])]
        refs += new
        sources += [one if isinstance(one, str) else str(page.path) for page in new]
    return [
        ClusterPage(name, source, ref.page)
        for name, source, ref in zip(page_ids(refs), sources, refs, strict=True)
    ]


def _reports(
    run: ClusterRun,
    ray: ModuleType,
    work: Sequence[Sequence[ClusterPage]],
    readers: int,
) -> Iterator[PageReport]:
    """Have every part read, and give what came of its pages as soon as it is written."""
    if not work:
        return
    rows = [{"pages": json_from_pages(part)} for part in work]
    parts = ray.data.from_items(rows, override_num_blocks=len(rows))
    read = parts.map_batches(
        PartReader,
        fn_constructor_args=(run.reading, run.threads, run.timeout_s, run.folder, str(Path.cwd())),
        batch_size=1,
        num_cpus=run.threads,
        num_gpus=run.gpu_fraction or None,
        compute=ray.data.ActorPoolStrategy(size=readers, max_tasks_in_flight_per_actor=2),
    )
    with telling_of_cluster(run.cluster, ray):
        for row in read.iter_rows():
            yield report_from_text(row["report"])
