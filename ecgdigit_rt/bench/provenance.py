"""Provenance of a benchmark result: date, code, models, libraries and machine."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ecgdigit_rt
from ecgdigit_engine.backends.backend import installed_version
from ecgdigit_engine.cpu import cpu_name
from ecgdigit_engine.device import cuda_devices
from ecgdigit_rt.models import load_models

_LIBRARIES = (
    "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt",
    "tensorrt-rtx", "numba", "scipy", "torch",
)  # fmt: skip


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 a constant command
            command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False
        )
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def provenance(threads: int) -> dict[str, Any]:
    """Return the facts that are needed to compare results: date, code, models, libraries and machine."""
    versions = ((name, installed_version(name)) for name in _LIBRARIES)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "ecgdigit_rt": ecgdigit_rt.__version__,
        "models": str(load_models()),
        "python": platform.python_version(),
        "libraries": {name: version for name, version in versions if version is not None},
        "cpu": cpu_name(),
        "gpus": [gpu.name for gpu in cuda_devices()],
        "threads": threads,
    }


def write_result(
    path: Path, name: str, threads: int, figures: dict[str, Any], models: str | None = None
) -> None:
    """Write a benchmark result as JSON, with its name, its provenance and its figures.

    `models` names the measured models, or is None for the packaged models.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = provenance(threads) | ({"models": models} if models else {})
    result = {"benchmark": name, "provenance": facts, "figures": figures}
    path.write_text(json.dumps(result, indent=1) + "\n")
