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


posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


def run_kernel(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run a kernel in a new process."""
    environ = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environ)


def cache_folder(**environment: str) -> str:
    """Return the cache folder of a process that ran a kernel, or "nowhere"."""
    done = run_kernel(**environment)
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


def plant_code(folder: Path, marker: Path) -> None:
    """Replace the indexes of all cached kernels by pickles that create the folder `marker`."""
    indexes = list(folder.rglob("pchip._fill*.nbi"))
    assert indexes
    for index in indexes:
        index.write_bytes(f"cos\nmkdir\n(V{marker}\ntR.".encode())


@posix
def test_code_in_a_cache_that_others_may_write_is_not_run(tmp_path: Path) -> None:
    shared, home, marker = tmp_path / "shared", tmp_path / "home", tmp_path / "marker"
    environment = {"NUMBA_CACHE_DIR": str(shared), "XDG_CACHE_HOME": str(home)}
    cache_folder(**environment)
    plant_code(shared, marker)
    shared.chmod(0o777)
    done = run_kernel(**environment)
    assert not marker.exists()
    assert Path(done.stdout.strip()).is_relative_to(home / "ecgdigit-rt"), "a private folder replaces it"
    assert done.stderr.count("RuntimeWarning") == 1
    assert f"{shared} is writable by all users" in done.stderr


@posix
def test_the_cache_runs_code_of_its_owner(tmp_path: Path) -> None:
    """The cache is code: this is why its permissions matter."""
    cache_folder(NUMBA_CACHE_DIR=str(tmp_path))
    plant_code(tmp_path, tmp_path / "marker")
    run_kernel(NUMBA_CACHE_DIR=str(tmp_path))
    assert (tmp_path / "marker").exists()


@posix
def test_without_a_private_folder_nothing_is_cached(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    (tmp_path / "shared").mkdir(mode=0o777)
    (tmp_path / "shared").chmod(0o777)
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "shared"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    only = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert cache_folder(**environment, **only) == "nowhere"


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root changes owners")
def test_machine_code_of_another_user_is_not_used(tmp_path: Path) -> None:
    shared, home = tmp_path / "shared", tmp_path / "home"
    environment = {"NUMBA_CACHE_DIR": str(shared), "XDG_CACHE_HOME": str(home)}
    folder = Path(cache_folder(**environment))
    os.chown(next(folder.glob("*.nbc")), 65534, 0)
    assert Path(cache_folder(**environment)).is_relative_to(home)
