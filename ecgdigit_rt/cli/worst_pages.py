"""`evaluate --worst`: the pages that scored least, read again with a picture of every step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.evaluation.evaluate import ImageScore
    from ecgdigit_rt.evaluation.truth import Truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection
    from ecgdigit_rt.results import PageRef


def look_at_worst(
    images: Sequence[ImageScore], count: int, pages: Path, truth_dir: Path, look: Path, threads: int | None
) -> None:
    """Write LOOK/NAME/ of the `count` images that scored least, as `inspect` does, and say so.

    pages: where their pictures are, which are found by their ids. Raises NoPagesFound, InputNotFound,
    OutputNotWritable. A page that is not there, or fails, does not stop the others.
    """
    from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.errors import InputError
    from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth
    from ecgdigit_rt.formats.file_names import file_stem
    from ecgdigit_rt.plots.inspect.files import write_inspection

    found = pages_from_inputs([pages])
    by_id = dict(zip(page_ids(found), found, strict=True))
    questions = find_test_csv(truth_dir)
    digitizer = Digitizer(threads=threads)
    for image in sorted(images, key=lambda image: image.db)[:count]:
        if image.image not in by_id:
            typer.echo(f"absent   {image.image}: no such page in {pages}", err=True)
            continue
        truth = read_truth(truth_dir / f"{image.image}.csv", questions.get(image.image, ()))
        try:
            seen = _inspected(by_id[image.image], digitizer, truth)
        except InputError as error:
            typer.echo(f"absent   {image.image}: {error.message} [{error.id}]", err=True)
            continue
        folder = look / file_stem(image.image)
        write_inspection(seen, folder)
        why = f"   {seen.failed.message} [{seen.failed.error_id}]" if seen.failed else ""
        typer.echo(f"worst    {image.db:6.2f} dB   {folder}{why}", err=True)


def _inspected(source: PageRef, digitizer: Digitizer, truth: Truth) -> Inspection:
    from ecgdigit_rt.decode.decode_page import rgb_from_page
    from ecgdigit_rt.errors import PageError
    from ecgdigit_rt.evaluation.aligned_truth import align_truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection
    from ecgdigit_rt.results import failed_from_error

    image = rgb_from_page(source)
    seen = Inspection(source, image)
    try:
        steps = digitizer.steps(image, source, seen.watch)
    except PageError as error:
        seen.failed = failed_from_error(source, error)
        return seen
    seen.traces, seen.page = steps.traces, steps.page
    seen.truth = align_truth(truth, steps.page)
    return seen
