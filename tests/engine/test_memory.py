"""Available memory: the smaller one of the machine's and the container's."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.memory import available_memory


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
