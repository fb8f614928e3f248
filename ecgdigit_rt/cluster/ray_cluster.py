"""Connection to a Ray cluster, its errors, and the number of workers that the cluster can run."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

from ecgdigit_rt.errors import ClusterUnusable
from ecgdigit_rt.optional_dependency import missing_dependency_as_error

AUTO = "auto"
"""Address that selects a running cluster, or else this machine."""


@contextmanager
def ray_connection(cluster: str) -> Iterator[ModuleType]:
    """Connect to the cluster at an address, and yield the module `ray`.

    An existing connection is used and left open. `auto` selects the cluster in the environment variable
    RAY_ADDRESS, or else the cluster that is running on this machine. If neither exists, a cluster of this
    machine alone is started, and stopped at the end of the block. Raises DependencyMissing or
    ClusterUnusable.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray must not send usage statistics
    with missing_dependency_as_error("--cluster", "ray", "cluster"):
        import ray
        import ray.data
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)  # the caller shows its own progress bar
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
def reraise_as_cluster_error(cluster: str, ray: ModuleType) -> Iterator[None]:
    """Turn a RayError that is raised inside the block into ClusterUnusable.

    Ray raises an error of a worker as a RayError.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        raise ClusterUnusable(cluster, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the reason of a RayError as one line.

    If a worker raised an exception, the message of the RayError begins with the traceback of this exception,
    whose last line is the reason. In all other cases the reason is the last line of the message.
    """
    root, chained, _ = str(error).partition("\n\nThe above exception was the direct cause")
    lines = [line.strip() for line in root.splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return re.sub(r"^[\w.]+\.(?=\w+: )", "", lines[-1]) if chained else lines[-1]


def worker_count(cluster: str, resources: Mapping[str, float], cpus: int, gpu_fraction: float) -> int:
    """Return the number of workers that a cluster with these resources can run in parallel.

    Each worker needs `cpus` CPUs and `gpu_fraction` GPUs. `gpu_fraction` may be less or more than 1. Raises
    ClusterUnusable if the resources are insufficient for one worker.
    """
    count = int(resources.get("CPU", 0) // cpus)
    if gpu_fraction:
        gpus = resources.get("GPU", 0)
        on_gpus = int(gpus * int(1 / gpu_fraction)) if gpu_fraction <= 1 else int(gpus // gpu_fraction)
        count = min(count, on_gpus)
    if count < 1:
        needed = f"{cpus} CPU{'' if cpus == 1 else 's'}" + (
            f" and {gpu_fraction:g} GPUs" if gpu_fraction else ""
        )
        available = f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs"
        raise ClusterUnusable(cluster, f"a worker needs {needed}, but the cluster has only {available}")
    return count
