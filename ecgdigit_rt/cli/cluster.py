"""What `run --cluster` does: refuse what does not go there, read, and say so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.cluster.address import is_address
from ecgdigit_rt.errors import AddressNeedsCluster, EcgDigitError, FormatContradicted

if TYPE_CHECKING:
    from ecgdigit_rt.runs.options import DigitizeOptions

SOME_FAILED = 2
_FORMAT = "parquet"


def check_paths(inputs: Sequence[str], out: str, gpu_fraction: float) -> None:
    """Refuse what needs a cluster. Raises AddressNeedsCluster."""
    for one in (*inputs, out):
        if is_address(one):
            raise AddressNeedsCluster(one)
    if gpu_fraction:
        raise typer.BadParameter("--gpu-fraction shares cards among the readers of a --cluster")


def read_on_cluster(
    inputs: Sequence[str],
    out: str,
    form: str | None,
    cluster: str,
    reading: DigitizeOptions,
    threads: int,
    gpu_fraction: float,
    timeout_s: float | None,
    unfit: Mapping[str, object],
    *,
    fresh: bool,
) -> int:
    """Read all pages that are not written yet; give the exit code.

    unfit: options that a cluster does not know, by name, as given. Raises what `cluster_run.begun` raises.
    """
    for option, value in unfit.items():
        if value:
            raise typer.BadParameter(f"{option} does not go with --cluster")
    if form not in (None, _FORMAT):
        problem, way_out = (
            "a cluster writes a folder of Parquet files",
            f"Leave it out, or --format {_FORMAT}.",
        )
        raise FormatContradicted(str(form), problem, way_out)
    from ecgdigit_rt.cli.progress import page_progress
    from ecgdigit_rt.cluster.cluster_run import ClusterRun, start_or_resume
    from ecgdigit_rt.cluster.ray_cluster import ray_connection
    from ecgdigit_rt.runs.report import Report, summary_lines

    folder = out if is_address(out) else str(Path(out).absolute())
    run = ClusterRun(inputs, folder, cluster, reading, threads, gpu_fraction, timeout_s)
    report = Report()
    with ray_connection(cluster) as ray:
        start = start_or_resume(run, ray, fresh=fresh)
        total, report.known = len(start.pages), len(start.known)
        typer.echo(f"cluster  {start.readers} readers at once on {cluster}", err=True)
        if start.known:
            typer.echo(f"written  {report.known} of {total} pages are there already", err=True)
        started = time.perf_counter()
        for page in start.known:
            report.add(page)
        try:
            with page_progress(total, report.known) as advance:
                for page in start.reports:
                    report.add(page)
                    advance()
        except (EcgDigitError, KeyboardInterrupt):
            typer.echo(f"kept     {report.pages} of {total} pages; the same command goes on", err=True)
            raise
        seconds = time.perf_counter() - started
    for line in summary_lines(report, seconds):
        typer.echo(line, err=True)
    typer.echo(f"written  {out}", err=True)
    return 0 if report.is_clean else SOME_FAILED
