"""Verdicts of altered pages: mirrored, inverted, turned, cut and doubled versions of pages with truth.

    python benchmarks/altered_pages.py FOLDER... [--count 10] [--only NAME ...] [--result RESULT.json]
        [--models lite] [--ocr auto] [--threads 2]

FOLDER contains images NAME.png or NAME.jpg with their truth: truth/NAME.csv or NAME.csv in the format of the
competition, and optionally NAME.json with `speed` and `gain`. By default, `--count` pages of each folder are
selected at equal distances in the order of their names.

Each page is digitized as it is and in every alteration. The page as it is must agree with its truth. An
altered page must have the true paper speed and gain, and each of its leads must correlate with the same lead
of the page as it is. Leads of a cut page may be shorter or missing. A sheet with two pages must be refused.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from page_verdicts import (
    PageFacts,
    VerdictFile,
    add_options,
    digitizer_from_options,
    page_fault,
    page_verdict,
    truths_of_folder,
)

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import Digitized, Failed, PageRef, Result

Image = NDArray[np.uint8]

RATE_HZ = 500.0
"""Sampling rate of digitized leads."""

WHOLE = "whole"
"""Name of the page as it is."""

SUFFIXES = (".png", ".jpg")
SIDES = ("left", "top", "right", "bottom")
CUTS = (0.15, 0.25, 0.40)
"""Fractions of the width or height that are cut off. Hand-picked, not tuned."""


def whole(image: Image, _other: Image) -> Image:
    """Return the image."""
    return image


def mirrored(image: Image, _other: Image) -> Image:
    """Return the image with left and right exchanged."""
    return image[:, ::-1]


def inverted(image: Image, _other: Image) -> Image:
    """Return the image with inverted colours."""
    return 255 - image


def turned(image: Image, _other: Image, *, turns: int) -> Image:
    """Return the image, turned clockwise by quarter turns."""
    return np.rot90(image, -turns)


def cut(image: Image, _other: Image, *, side: str, fraction: float) -> Image:
    """Return the image without a fraction of its width or height at one side."""
    turns = SIDES.index(side)
    side_left = np.rot90(image, turns)
    return np.rot90(side_left[:, round(fraction * side_left.shape[1]) :], -turns)


def beside(image: Image, other: Image) -> Image:
    """Return two images side by side, the second one resized to the height of the first one."""
    width = round(other.shape[1] * image.shape[0] / other.shape[0])
    resized = cv2.resize(other, (width, image.shape[0]), interpolation=cv2.INTER_AREA)
    return np.hstack([image, np.asarray(resized, np.uint8)])


def above(image: Image, other: Image) -> Image:
    """Return two images, one above the other, the second one resized to the width of the first one."""
    return np.rot90(beside(np.rot90(image), np.rot90(other)), -1)


@dataclass(frozen=True, slots=True)
class Alteration:
    """Alteration of a page, as a function of its image and the image of another page."""

    apply: Callable[[Image, Image], Image]
    is_cut: bool = False
    is_doubled: bool = False


ALTERATIONS: Mapping[str, Alteration] = {
    WHOLE: Alteration(whole),
    "mirrored": Alteration(mirrored),
    "inverted": Alteration(inverted),
    **{f"turned {90 * turns}": Alteration(partial(turned, turns=turns)) for turns in (1, 2, 3)},
    **{
        f"cut {side} {fraction:.0%}": Alteration(partial(cut, side=side, fraction=fraction), is_cut=True)
        for side in SIDES
        for fraction in CUTS
    },
    "doubled beside": Alteration(beside, is_doubled=True),
    "doubled above": Alteration(above, is_doubled=True),
}
"""Alterations by name. The page as it is comes first."""


def altered_fault(alteration: Alteration, facts: PageFacts, page: Digitized) -> str:
    """Return the difference of an altered page from the facts, or an empty string if it is right."""
    if alteration.is_doubled:
        return f"leads: {len(page.leads)} leads of two pages"
    return page_fault(page, facts, may_lack_leads=alteration.is_cut)


def true_facts(path: Path, truth: Truth) -> PageFacts:
    """Return the facts of an image from its truth, and from NAME.json if it exists."""
    scale = json.loads(path.with_suffix(".json").read_text()) if path.with_suffix(".json").exists() else {}
    leads = {
        name: resample(mv, truth.rate_hz, RATE_HZ, round(mv.size * RATE_HZ / truth.rate_hz))
        for name, mv in truth.leads.items()
    }
    return PageFacts(leads, scale.get("speed"), scale.get("gain"))


def whole_facts(whole: Result, truth: PageFacts) -> PageFacts:
    """Return the facts with the digitized leads of the page as it is, or the true ones if it failed."""
    if isinstance(whole, Failed):
        return truth
    return PageFacts(
        {name: lead.mv.astype(np.float64) for name, lead in whole.leads.items()},
        truth.speed_mm_s or whole.layout.speed_mm_s,
        truth.gain_mm_mv or whole.layout.gain_mm_mv,
    )


def selected_pages(folder: Path, count: int, only: Sequence[str]) -> dict[Path, PageFacts]:
    """Return the facts of the selected pages of a folder: those in `only`, or `count` at equal distances."""
    truths = truths_of_folder(folder)
    paths = [p for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES and p.stem in truths]
    if only:
        paths = [path for path in paths if path.stem in only]
    elif paths:
        paths = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))]
    return {path: true_facts(path, truths[path.stem]) for path in paths}


def altered_images(paths: Sequence[Path]) -> Iterator[Image]:
    """Yield the alterations of each page. The other page of a doubled page is the next one."""
    for path, next_path in zip(paths, [*paths[1:], *paths[:1]], strict=True):
        image, other = rgb_from_page(PageRef(path)), rgb_from_page(PageRef(next_path))
        for alteration in ALTERATIONS.values():
            yield np.ascontiguousarray(alteration.apply(image, other))


def main() -> None:
    """Parse the arguments, digitize, and write the verdicts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[], help="names of pages")
    add_options(parser)
    arguments = parser.parse_args()
    pages: dict[Path, PageFacts] = {}
    for folder in arguments.folder:
        pages |= selected_pages(folder, arguments.count, arguments.only)
    with digitizer_from_options(arguments) as digitizer:
        file = VerdictFile("altered_pages", arguments, digitizer)
        results = digitizer.digitize_many(altered_images(list(pages)))
        for path, truth in pages.items():
            facts = truth
            for name, alteration in ALTERATIONS.items():
                result = next(results)
                verdict = page_verdict(result, partial(altered_fault, alteration, facts))
                file.add(f"{path.parent.name}/{path.stem}", name, verdict)
                if name == WHOLE:
                    facts = whole_facts(result, truth)
    file.print_tally()


if __name__ == "__main__":
    main()
