"""Rectified pages, the predictions of the teachers for the rows of a page, and the files that contain both.

    rectified/ID/NAME.rect.png             image of the sheet, 10 px/mm along time and 8 px/mm in height
    rectified_labels/ID/NAME.npy           uint8 (lead rows, 160, 2 · width): probability × 255 of each height
                                           in each output column of the strip ±20 mm around a row
    rectified_labels/ID/NAME.tall.npy      uint8 (lead rows, 320, 2 · width): the same for the strip ±40 mm
    rectified_labels/ID/NAME.presence.npy  uint8 (lead rows, 2 · width): fraction × 255 of each output column
                                           that the trace covers
    rectified_labels/ID/NAME.json          layout, speed, gain, rows and teachers of the page; `middle_px` is
                                           the pixel row at the middle of the strips of a lead row

ID is NAME without the type suffix of the competition. For example, the ID of `1234-0005` is `1234`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.stages import STRIP_HALF_HEIGHT_MM

HALF_HEIGHTS_MM: Mapping[str, float] = {"": STRIP_HALF_HEIGHT_MM, ".tall": 2 * STRIP_HALF_HEIGHT_MM}
"""Half heights of the strips by suffix of the label file."""

_NAME_WITH_TYPE = re.compile(r"(.+)-\d{4}")
FULL = 255
"""Stored value of a probability or fraction of 1."""


@dataclass(frozen=True, slots=True)
class RectifiedRow:
    """A row of the page: its leads, and the pixel row at the middle of its strips."""

    middle_px: int
    leads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RectifiedPage:
    """A rectified page and its labels.

    `pixels` is uint8 (height, width, 3) RGB. `heights` contains the arrays of the label files by suffix.
    `presence` is the array of the presence file. `origin_mm` is the paper position of the upper left corner.
    `teachers` are the names of the model families.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    heights: Mapping[str, NDArray[np.uint8]] = field(repr=False)
    presence: NDArray[np.uint8] = field(repr=False)
    rows: Sequence[RectifiedRow]
    layout: str
    origin_mm: tuple[float, float]
    speed_mm_s: float
    gain_mm_mv: float
    teachers: tuple[str, ...]


def page_group(name: str) -> str:
    """Return the ID of a page with this name."""
    match = _NAME_WITH_TYPE.fullmatch(name)
    return match.group(1) if match else name


def save_rectified(page: RectifiedPage, name: str, folder: Path) -> Path:
    """Write the files of a page below `folder` and return the JSON file, which is written last."""
    images = folder / "rectified" / page_group(name)
    labels = folder / "rectified_labels" / page_group(name)
    for subfolder in (images, labels):
        subfolder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(images / f"{name}.rect.png"), page.pixels[..., ::-1])
    for suffix, heights in page.heights.items():
        np.save(labels / f"{name}{suffix}.npy", heights, allow_pickle=False)
    np.save(labels / f"{name}.presence.npy", page.presence, allow_pickle=False)
    fields = {
        "layout": page.layout,
        "rows": [asdict(row) for row in page.rows],
        "origin_mm": page.origin_mm,
        "speed_mm_s": page.speed_mm_s,
        "gain_mm_mv": page.gain_mm_mv,
        "teachers": page.teachers,
    }
    path = labels / f"{name}.json"
    path.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return path


def rectified_labels(folder: Path) -> list[Path]:
    """Return the JSON files of all complete pages below `folder`, sorted by path."""
    return sorted((folder / "rectified_labels").glob("*/*.json"))


def load_rectified(path: Path) -> RectifiedPage:
    """Read the page of a JSON file that `save_rectified` wrote. The labels are memory-mapped.

    Raises OSError if the image is missing or damaged, or if a label file is missing.
    """
    name, labels = path.stem, path.parent
    image = labels.parent.parent / "rectified" / labels.name / f"{name}.rect.png"
    pixels = cv2.imread(str(image), cv2.IMREAD_COLOR)
    if pixels is None:
        raise OSError(f"{image} is missing or damaged, but its labels exist")
    fields = json.loads(path.read_text(encoding="utf-8"))
    rows = tuple(RectifiedRow(row["middle_px"], tuple(row["leads"])) for row in fields.pop("rows"))
    return RectifiedPage(
        np.ascontiguousarray(pixels[..., ::-1], np.uint8),
        {suffix: np.load(labels / f"{name}{suffix}.npy", mmap_mode="r") for suffix in HALF_HEIGHTS_MM},
        np.load(labels / f"{name}.presence.npy", mmap_mode="r"),
        rows,
        fields["layout"],
        tuple(fields["origin_mm"]),
        fields["speed_mm_s"],
        fields["gain_mm_mv"],
        tuple(fields["teachers"]),
    )
