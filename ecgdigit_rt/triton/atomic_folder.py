"""A folder of files that appears when it is whole, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ecgdigit_rt.atomic_files import reraise_as_output_error
from ecgdigit_rt.errors import OutputNotWritable

MANIFEST = "ecgdigit-rt.json"
"""By this a folder is known to be one of ours: the SHA-256 of each file in it, and what it was made from."""


def write_folder_atomically(out: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write files by their paths below `out`, `MANIFEST` among them. An old one gives way at the very end.

    Raises OutputNotWritable, also where `out` holds anything that was not written here.
    """
    _check_free(out, overwrite=overwrite)
    beside = out.absolute()
    partial, old = (beside.with_name(f".{beside.name}.{os.getpid()}.{what}") for what in ("part", "old"))
    with reraise_as_output_error(out):
        try:
            for name, data in files.items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            _swap(partial, beside, old)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def _swap(partial: Path, place: Path, old: Path) -> None:
    if not place.exists():
        partial.rename(place)
        return
    place.rename(old)
    try:
        partial.rename(place)
    except BaseException:
        old.rename(place)
        raise


def _check_free(out: Path, *, overwrite: bool) -> None:
    with reraise_as_output_error(out):
        if not out.exists():
            return
        if not out.is_dir():
            raise OutputNotWritable(out, "it is a file")
        paths = [path for path in out.rglob("*") if not path.is_dir() and path.parent.name != "__pycache__"]
    there = {path.relative_to(out).as_posix() for path in paths}  # a server that imports model.py leaves more
    if not there:
        return
    foreign = sorted(there - _written(out) - {MANIFEST})
    if foreign:
        shown = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")
        raise OutputNotWritable(out, f"it holds what was not written by this verb: {shown}")
    if not overwrite:
        raise OutputNotWritable(out, "a repository is there already; --overwrite replaces it")


def _written(out: Path) -> set[str]:
    try:
        return set(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
