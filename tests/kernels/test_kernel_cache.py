"""Where compiled kernels are kept, and where they had better not be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import numpy as np
from ecgdigit_kernels import pchip
values, seen = np.array([1.0, 0.0, 2.0], np.float32), np.array([True, False, True])
assert pchip.filled_gaps(values, seen)[1] == 1.5
print(pchip._filled.stats.cache_path or "nowhere")
"""


def kept_in(**environment: str) -> str:
    """Where a process that ran a kernel keeps it."""
    environ = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_kernels_are_kept_where_one_is_told_to(tmp_path: Path) -> None:
    folder = kept_in(NUMBA_CACHE_DIR=str(tmp_path))
    assert Path(folder).parent == tmp_path
    assert list(Path(folder).glob("pchip._filled*.nbi"))


def test_kernels_are_not_read_from_disk_where_one_says_so(tmp_path: Path) -> None:
    assert kept_in(NUMBA_CACHE_DIR=str(tmp_path), ECGDIGIT_KERNEL_CACHE="off") == "nowhere"
    assert not list(tmp_path.rglob("*.nb?"))


def test_nothing_that_can_be_written_is_no_error(tmp_path: Path) -> None:
    """As in a container with a read-only root; that a file stands there keeps even root from writing."""
    (tmp_path / "file").touch()
    only = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert kept_in(NUMBA_CACHE_DIR=str(tmp_path / "file"), **only) == "nowhere"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_anyone_may_write_is_not_read(tmp_path: Path) -> None:
    folder = Path(kept_in(NUMBA_CACHE_DIR=str(tmp_path)))
    folder.chmod(0o777)
    assert kept_in(NUMBA_CACHE_DIR=str(tmp_path)) == "nowhere"
