"""Atomic publication of a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ecgdigit_engine.untrusted_json import json_from_untrusted
from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.errors import OutputNotWritable

MANIFEST = "ecgdigit-rt.json"
"""Name of the JSON file that identifies a folder written by this module. Its key `sha256` contains
the digest of every other file."""


def write_folder_atomically(out: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write the folder `out` completely or not at all.

    `files` maps relative paths to contents and includes `MANIFEST`.

    An empty folder is replaced. A folder that this function wrote is replaced if `overwrite`. The replacement
    starts after all files have been written to a temporary folder. During the replacement, `out` does not
    exist for a moment.

    Raises OutputNotWritable, also for a folder that contains other files.
    """
    _check_replaceable(out, overwrite=overwrite)
    target = out.absolute()
    partial, old = (target.with_name(f".{target.name}.{os.getpid()}.{suffix}") for suffix in ("part", "old"))
    with reraise_as_output_error(out):
        try:
            for name, data in files.items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            _swap(partial, target, old)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def _swap(partial: Path, target: Path, old: Path) -> None:
    """Move an existing `target` to `old`, and then `partial` to `target`.

    If the second move fails, `target` is restored.
    """
    if not target.exists():
        partial.rename(target)
        return
    target.rename(old)
    try:
        partial.rename(target)
    except BaseException:
        old.rename(target)
        raise


def _check_replaceable(out: Path, *, overwrite: bool) -> None:
    with reraise_as_output_error(out):
        if not out.exists():
            return
        if not out.is_dir():
            raise OutputNotWritable(out, "it is a file")
        # A server that imports model.py leaves a __pycache__ behind.
        paths = [path for path in out.rglob("*") if not path.is_dir() and path.parent.name != "__pycache__"]
    existing = {path.relative_to(out).as_posix() for path in paths}
    if not existing:
        return
    foreign = sorted(existing - _files_in_manifest(out) - {MANIFEST})
    if foreign:
        names = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")
        raise OutputNotWritable(out, f"it contains files that this command did not write: {names}")
    if not overwrite:
        raise OutputNotWritable(out, "it already contains a repository; pass --overwrite to replace it")


def _files_in_manifest(out: Path) -> set[str]:
    try:
        return set(json_from_untrusted((out / MANIFEST).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
