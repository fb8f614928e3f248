"""Compiled kernels are cached only if the cache is enabled and its folder is writable and safe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import numpy as np
from ecgdigit_kernels import pchip
values, valid = np.array([1.0, 0.0, 2.0], np.float32), np.array([True, False, True])
assert pchip.fill_gaps(values, valid)[1] == 1.5
print(pchip._fill.stats.cache_path or "nowhere")
"""


def cache_folder(**environment: str) -> str:
    """Return the cache folder of a process that ran a kernel, or "nowhere"."""
    environ = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_kernels_are_cached_in_the_specified_folder(tmp_path: Path) -> None:
    folder = cache_folder(NUMBA_CACHE_DIR=str(tmp_path))
    assert Path(folder).parent == tmp_path
    assert list(Path(folder).glob("pchip._fill*.nbi"))


def test_the_cache_can_be_turned_off(tmp_path: Path) -> None:
    assert cache_folder(NUMBA_CACHE_DIR=str(tmp_path), ECGDIGIT_KERNEL_CACHE="off") == "nowhere"
    assert not list(tmp_path.rglob("*.nb?"))


def test_an_unwritable_cache_folder_is_no_error(tmp_path: Path) -> None:
    """A container with a read-only root has no such folder. A file in its place blocks even root."""
    (tmp_path / "file").touch()
    only = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert cache_folder(NUMBA_CACHE_DIR=str(tmp_path / "file"), **only) == "nowhere"


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_world_writable_folder_is_not_used(tmp_path: Path) -> None:
    folder = Path(cache_folder(NUMBA_CACHE_DIR=str(tmp_path)))
    folder.chmod(0o777)
    assert cache_folder(NUMBA_CACHE_DIR=str(tmp_path)) == "nowhere"
