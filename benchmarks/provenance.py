"""What every benchmark result carries: where, when, with which code, models and libraries."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ecgdigit_rt
from ecgdigit_rt.models import load_models

LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime", "numba", "scipy")


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    return done.stdout.strip() or "unknown"


def provenance(threads: int) -> dict[str, Any]:
    """The facts that make a figure comparable with another one."""
    family = load_models()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "ecgdigit_rt": ecgdigit_rt.__version__,
        "models": f"{family.name} {family.version}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "cpu": _cpu(),
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
