"""The warm-up loads every kernel that a page needs."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from ecgdigit_rt.warmup import load_kernels
from ecgdigit_kernels import banded, pchip, phase_fold, spline_lattice, surface, trace_path, unwrap
load_kernels()
for kernel in (
    banded._factorize, banded._substitute, pchip._fill, phase_fold._neighbour_products, phase_fold._fold,
    spline_lattice._grid, spline_lattice._position, surface._normal, surface._add_roughness,
    trace_path._path, trace_path._expectation, unwrap._flood,
):
    if not kernel.signatures:
        print(kernel.__name__)
"""


def test_every_entry_kernel_is_loaded() -> None:
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert process.stdout == ""
