"""What every benchmark result carries: where, when, with which code, models and libraries."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ecgdigit_rt
from ecgdigit_engine.backends.backend import installed
from ecgdigit_engine.device import cpu_name, cuda_devices
from ecgdigit_rt.models import load_models

_LIBRARIES = (
    "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt",
    "tensorrt-rtx", "numba", "scipy", "torch",
)  # fmt: skip


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 nothing of it comes from outside
            command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False
        )
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def provenance(threads: int) -> dict[str, Any]:
    """The facts that make a figure comparable with another one."""
    versions = ((name, installed(name)) for name in _LIBRARIES)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "ecgdigit_rt": ecgdigit_rt.__version__,
        "models": str(load_models()),
        "python": platform.python_version(),
        "libraries": {name: found for name, found in versions if found is not None},
        "cpu": cpu_name(),
        "gpus": [card.name for card in cuda_devices()],
        "threads": threads,
    }


def write_result(
    path: Path, name: str, threads: int, figures: dict[str, Any], models: str | None = None
) -> None:
    """One JSON file: name, provenance, figures. models: those measured, where not the shipped ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = provenance(threads) | ({"models": models} if models else {})
    result = {"benchmark": name, "provenance": facts, "figures": figures}
    path.write_text(json.dumps(result, indent=1) + "\n")
