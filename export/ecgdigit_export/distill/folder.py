"""Many pages rectified and labelled; what is there already stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ecgdigit_export.distill.rectified import page_group, save_rectified
from ecgdigit_export.distill.teacher import Teachers
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.inputs.sources import picture_from_source
from ecgdigit_rt.record import PageRef


@dataclass(frozen=True, slots=True)
class Taught:
    """What became of one page. problem: empty where its labels are written."""

    page: str
    problem: str = ""


def write_rectified(
    pages: Iterable[tuple[str, PageRef]], teachers: Teachers, folder: Path
) -> Iterator[Taught]:
    """Rectify and label pages, by their names; one that cannot be read is told and left out."""
    for name, page in pages:
        if (folder / "rectified_labels" / page_group(name) / f"{name}.json").is_file():
            yield Taught(name)
            continue
        try:
            save_rectified(teachers.rectified(picture_from_source(page).pixels(), page), name, folder)
        except EcgDigitError as error:
            yield Taught(name, str(error))
        else:
            yield Taught(name)
