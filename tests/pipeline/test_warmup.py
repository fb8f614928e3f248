"""What is loaded ahead is what a page needs."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from ecgdigit_rt.warmup import load_kernels
from ecgdigit_kernels import banded, pchip, phase_fold, spline_lattice, surface, trace_path, unwrap
load_kernels()
for kernel in (
    banded._factor, banded._substituted, pchip._filled, phase_fold._steps, phase_fold._folded,
    spline_lattice._grid, spline_lattice._position, surface._normal, surface._roughen,
    trace_path._path, trace_path._expectation, unwrap._flood,
):
    if not kernel.signatures:
        print(kernel.__name__)
"""


def test_every_kernel_that_a_page_enters_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout == ""
