"""`evaluate --worst`: inspection of the pages with the lowest scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.cli.console import print_message

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.evaluation.scores import ImageScore
    from ecgdigit_rt.evaluation.truth import Truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection
    from ecgdigit_rt.results import PageRef


def inspect_worst_pages(
    images: Sequence[ImageScore],
    count: int,
    pages: Path,
    truth_dir: Path,
    inspect_dir: Path,
    threads: int | None,
) -> None:
    """Write the output of `inspect` to INSPECT_DIR/NAME/ for the `count` images with the lowest scores.

    `pages` is the folder of the page images. A score belongs to the page whose id is the name of the scored
    image. If this page is absent or unreadable, a message is printed and the page is skipped. Raises
    NoPagesFound, InputNotFound or OutputNotWritable.
    """
    from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.errors import InputError
    from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth
    from ecgdigit_rt.formats.page_folder import file_stem
    from ecgdigit_rt.plots.inspect.writer import write_inspection

    refs = pages_from_inputs([pages])
    by_id = dict(zip(page_ids(refs), refs, strict=True))
    requests = find_test_csv(truth_dir)
    with Digitizer(threads=threads) as digitizer:
        for image in sorted(images, key=lambda image: image.db)[:count]:
            if image.image not in by_id:
                print_message("absent", f"{image.image}: no page with this id in {pages}")
                continue
            truth = read_truth(truth_dir / f"{image.image}.csv", requests.get(image.image, ()))
            try:
                inspection = _inspect_page(by_id[image.image], digitizer, truth)
            except InputError as error:
                print_message("absent", f"{image.image}: {error.message} [{error.id}]")
                continue
            folder = inspect_dir / file_stem(image.image)
            write_inspection(inspection, folder)
            failed = inspection.failed
            reasons = [f"{failed.message} [{failed.error_id}]"] if failed else map(str, inspection.doubts)
            print_message("worst", f"{image.db:6.2f} dB   {folder}   {'; '.join(reasons)}".rstrip())


def _inspect_page(source: PageRef, digitizer: Digitizer, truth: Truth) -> Inspection:
    """Digitize a page and return its inspection. If a step fails, the inspection ends there."""
    from ecgdigit_rt.decode.sources import page_from_source
    from ecgdigit_rt.errors import PageError
    from ecgdigit_rt.evaluation.alignment import align_truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection
    from ecgdigit_rt.results import failed_from_error

    decodable = page_from_source(source)
    image = decodable.pixels()
    inspection = Inspection(source, image)
    try:
        steps = digitizer.digitize_steps(image, source, inspection.observe, decodable.words)
    except PageError as error:
        inspection.failed = failed_from_error(source, error)
        return inspection
    inspection.traces, inspection.page = steps.traces, steps.page
    inspection.truth = align_truth(truth, steps.page)
    return inspection
