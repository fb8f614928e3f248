"""Available memory: the smaller one of the machine's and the container's."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ecgdigit_engine.memory import available_memory, release_freed_memory

FREED = """
import psutil
from ecgdigit_engine.memory import release_freed_memory

blocks = [bytearray(60_000) for _ in range(5_000)]  # small enough for the heap
last = bytearray(60_000)  # keeps the top of the heap
del blocks
before = psutil.Process().memory_info().rss
release_freed_memory()
print((before - psutil.Process().memory_info().rss) // 1_000_000)
"""


def files(folder: Path, available_kb: int | None, limit: str | None, usage: int = 0, cache: int = 0) -> Path:
    """Write the files of Linux with control groups of version 2."""
    if available_kb is not None:
        (folder / "meminfo").write_text(f"MemTotal: 9999 kB\nMemAvailable: {available_kb} kB\n")
    if limit is not None:
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{usage}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\n")
    return folder


def available(folder: Path) -> int | None:
    return available_memory(folder / "meminfo", folder, folder / "none")


def test_the_machine_limits_the_memory(tmp_path: Path) -> None:
    assert available(files(tmp_path, 2000, "max")) == 2_048_000


def test_the_container_limits_the_memory(tmp_path: Path) -> None:
    assert available(files(tmp_path, 2000, "1000000", usage=400_000, cache=100_000)) == 700_000
    assert available(files(tmp_path, 2000, "1000000", usage=2_000_000)) == 0


def test_the_memory_is_unknown_without_the_files(tmp_path: Path) -> None:
    assert available(tmp_path) is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries return memory themselves")
def test_freed_memory_is_returned() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100, "MB of 300"


def test_other_systems_need_no_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecgdigit_engine.memory._trim_function", lambda: None)
    release_freed_memory()
