"""Which format a run writes, from what the user said: `--format`, `--out` and `--test`."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_rt.atomic_files import is_stream
from ecgdigit_rt.errors import FormatContradicted, FormatNotNamed, UnknownChoice
from ecgdigit_rt.formats.registry import FORMATS, OutputFormat

STDOUT = "-"
_QUESTIONED = "submission"


def select_format(named: str | None, out: Path, *, has_questions: bool) -> OutputFormat:
    """The format that is named, or the one that test.csv, `-` or the suffix of `out` tells.

    Raises UnknownChoice, FormatNotNamed where nothing tells it, and FormatContradicted.
    """
    if named is not None and named not in FORMATS:
        raise UnknownChoice("format", named, tuple(FORMATS))
    form = FORMATS[named] if named is not None else _told(out, has_questions=has_questions)
    if has_questions and form.name != _QUESTIONED:
        raise FormatContradicted(form.name, "--test asks for a submission", "Leave --test or --format out.")
    if _is_stream(out):
        if not form.to_stream:
            streams = " and ".join(f.name for f in FORMATS.values() if f.to_stream)
            way_out = f"Name a file or folder; {streams} can go there."
            raise FormatContradicted(form.name, "it does not go to standard output or a pipe", way_out)
        return form
    if form.is_folder and _formats_of(out):
        problem = f"it writes a folder of files, and {out.name} is the name of a file"
        way_out = f"Name a folder: --format {form.name} --out {out.with_suffix('')}"
        raise FormatContradicted(form.name, problem, way_out)
    others = [f.name for f in _formats_of(out) if not f.is_folder]
    if others and form.name not in others:
        problem = f"{out.name} is the name of a {others[0]} file"
        way_out = f"Give it the suffix {form.suffixes[0]}, or another format."
        raise FormatContradicted(form.name, problem, way_out)
    return form


def _told(out: Path, *, has_questions: bool) -> OutputFormat:
    of_suffix = _formats_of(out)
    if _is_stream(out) or (has_questions and not of_suffix):
        return FORMATS[_QUESTIONED]
    if not of_suffix:
        folders = ", ".join(form.name for form in FORMATS.values() if form.is_folder)
        files = ", ".join(form.suffixes[0] for form in FORMATS.values() if not form.is_folder)
        raise FormatNotNamed(out, folders, files)
    return next((form for form in of_suffix if not form.is_folder), of_suffix[0])


def _formats_of(out: Path) -> list[OutputFormat]:
    """The formats that have files with this suffix. A folder that is there may be called anything."""
    if out.is_dir():
        return []
    return [form for form in FORMATS.values() if out.suffix.lower() in form.suffixes]


def _is_stream(out: Path) -> bool:
    return str(out) == STDOUT or is_stream(out)
