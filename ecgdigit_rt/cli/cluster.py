"""`ecgdigit-rt run --cluster`: check the options of a run on a cluster, execute it and print messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.cli.console import SOME_FAILED
from ecgdigit_rt.decode.page_list import is_address
from ecgdigit_rt.errors import FormatConflict

if TYPE_CHECKING:
    from ecgdigit_rt.runs.options import DigitizeOptions

_FORMAT = "parquet"


def run_cluster(
    inputs: Sequence[str],
    out: str,
    form: str | None,
    cluster: str,
    options: DigitizeOptions,
    threads: int,
    gpu_fraction: float,
    timeout_s: float | None,
    unsupported: Mapping[str, object],
    *,
    restart: bool,
) -> int:
    """Digitize the pages that are not yet in the output, and return the exit code.

    `unsupported` are the values of options that `--cluster` does not support, by flag. Raises BadParameter,
    FormatConflict, or an error of `ecgdigit_rt.cluster.cluster_run`.
    """
    for option, value in unsupported.items():
        if value:
            raise typer.BadParameter(f"{option} cannot be combined with --cluster")
    if form not in (None, _FORMAT):
        problem = "--cluster writes a folder of Parquet files"
        raise FormatConflict(str(form), problem, f"Remove --format, or use --format {_FORMAT}")
    from ecgdigit_rt.cli.console import RunMessages, print_message
    from ecgdigit_rt.cluster.cluster_run import ClusterRun, digitize_remaining, prepare_or_resume
    from ecgdigit_rt.cluster.ray_cluster import ray_connection
    from ecgdigit_rt.runs.summary import summary_lines

    folder = out if is_address(out) else str(Path(out).absolute())
    run = ClusterRun(inputs, folder, cluster, options, threads, gpu_fraction, timeout_s)
    with ray_connection(cluster) as ray:
        prepared = prepare_or_resume(run, ray, restart=restart)
        print_message(
            "cluster", f"{prepared.workers} worker{'' if prepared.workers == 1 else 's'} on {cluster}"
        )
        outcome = digitize_remaining(prepared, RunMessages())
    for line in summary_lines(outcome.report, outcome.seconds, has_report=False):
        typer.echo(line, err=True)
    print_message("written", out)
    return 0 if outcome.report.is_clean else SOME_FAILED
