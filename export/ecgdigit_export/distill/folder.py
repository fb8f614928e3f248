"""Many pages rectified and labelled; what is there already stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ecgdigit_export.distill.rectified import page_group, save_rectified
from ecgdigit_export.distill.teacher import Teachers
from ecgdigit_export.page_outcome import PageOutcome
from ecgdigit_rt.decode.sources import page_from_source
from ecgdigit_rt.errors import EcgDigitError
from ecgdigit_rt.results import PageRef


def write_rectified(
    pages: Iterable[tuple[str, PageRef]], teachers: Teachers, folder: Path
) -> Iterator[PageOutcome]:
    """Rectify and label pages, by their names; one that cannot be read is told and left out."""
    for name, page in pages:
        if (folder / "rectified_labels" / page_group(name) / f"{name}.json").is_file():
            yield PageOutcome(name)
            continue
        try:
            save_rectified(teachers.rectified(page_from_source(page).pixels(), page), name, folder)
        except EcgDigitError as error:
            yield PageOutcome(name, str(error))
        else:
            yield PageOutcome(name)
