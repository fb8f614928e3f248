"""Names of the modules that a piece of code loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch", "onnxruntime", "onnx", "tensorrt", "openvino", "numba", "cv2", "matplotlib", "scipy",
    "pandas", "pyarrow", "wfdb", "pydicom", "fastapi", "uvicorn", "ecgdigit_export",
)  # fmt: skip


def modules_after(code: str) -> set[str]:
    """Return the names of all loaded modules after a new process has run the code."""
    probe = f"import sys, json\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT.anchor
    )
    return set(json.loads(done.stdout.splitlines()[-1]))
