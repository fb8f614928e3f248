"""The connection to Ray: begun, asked what it has, ended."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ecgdigit_rt.errors import ClusterUnusable
from ecgdigit_rt.optional_dependency import missing_dependency_as_error

AUTO = "auto"


@contextmanager
def ray_connection(cluster: str) -> Iterator[ModuleType]:
    """Ray, connected to the cluster at an address; a connection that is there already is used and left.

    `auto` is the cluster that RAY_ADDRESS names or that was started on this machine, else one of this machine
    alone, which ends with the block. Raises DependencyMissing and ClusterUnusable.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of a run goes anywhere else
    with missing_dependency_as_error("--cluster", "ray", "cluster"):
        import ray
        import ray.data
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)  # progress is told by whoever runs this
    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(
            address=None if cluster == AUTO else cluster,
            include_dashboard=False,
            configure_logging=False,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ClusterUnusable(cluster, str(error) or type(error).__name__) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def telling_of_cluster(cluster: str, ray: ModuleType) -> Iterator[None]:
    """Turn what Ray says when its work cannot go on into ClusterUnusable, which ends with the reason."""
    try:
        yield
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ClusterUnusable(cluster, lines[-1] if lines else type(error).__name__) from error


def readers_at_once(cluster: str, has: dict[str, float], cpus: int, gpu_fraction: float) -> int:
    """How many readers fit into what a cluster has. Raises ClusterUnusable where none does."""
    count = int(has.get("CPU", 0) // cpus)
    if gpu_fraction:
        cards = has.get("GPU", 0)
        on_cards = int(cards * int(1 / gpu_fraction)) if gpu_fraction <= 1 else int(cards // gpu_fraction)
        count = min(count, on_cards)
    if count < 1:
        wanted = f"{cpus} CPUs" + (f" and {gpu_fraction:g} of a GPU" if gpu_fraction else "")
        raise ClusterUnusable(cluster, f"a reader needs {wanted}, and it has {_in_words(has)}")
    return count


def _in_words(has: dict[str, float]) -> str:
    return f"{has.get('CPU', 0):g} CPUs and {has.get('GPU', 0):g} GPUs"
