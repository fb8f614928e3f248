"""A page laid flat with what a teacher says of its rows, on disk in files that any tool opens.

    rectified/ID/NAME.rect.png             the sheet, 10 px/mm along time and 8 px/mm in height
    rectified_labels/ID/NAME.npy           uint8 (rows, 160, 2 · width): by output column the probability of
                                           each height, × 255, of the strip ±20 mm around a row
    rectified_labels/ID/NAME.tall.npy      uint8 (rows, 320, 2 · width): of the strip ±40 mm around it
    rectified_labels/ID/NAME.presence.npy  uint8 (rows, 2 · width): the share of the column that the curve
                                           covers, × 255
    rectified_labels/ID/NAME.json          the page's layout, scale and rows; a row's strips begin at `top_px`

ID is NAME without the competition's type: `1234-0005` belongs to `1234`.
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
"""By the suffix of the labels' file, the strips' half height."""

_TYPED = re.compile(r"(.+)-\d{4}")
FULL = 255


@dataclass(frozen=True, slots=True)
class RectifiedRow:
    """One row on the rectified page: its leads, and the pixel row of its strips' middle."""

    middle_px: int
    leads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RectifiedPage:
    """pixels: uint8 (height, width, 3) RGB. heights: by suffix, presence: as in their files.

    origin_mm: the paper's place of the left upper corner. teachers: who made the labels.
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
    """The ID that a page's name belongs to."""
    typed = _TYPED.fullmatch(name)
    return typed.group(1) if typed else name


def save_rectified(page: RectifiedPage, name: str, folder: Path) -> Path:
    """Write the page's files below `folder`; the JSON comes last, and is returned."""
    pictures = folder / "rectified" / page_group(name)
    labels = folder / "rectified_labels" / page_group(name)
    for place in (pictures, labels):
        place.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(pictures / f"{name}.rect.png"), page.pixels[..., ::-1])
    for suffix, heights in page.heights.items():
        np.save(labels / f"{name}{suffix}.npy", heights, allow_pickle=False)
    np.save(labels / f"{name}.presence.npy", page.presence, allow_pickle=False)
    facts = {
        "layout": page.layout,
        "rows": [asdict(row) for row in page.rows],
        "origin_mm": page.origin_mm,
        "speed_mm_s": page.speed_mm_s,
        "gain_mm_mv": page.gain_mm_mv,
        "teachers": page.teachers,
    }
    path = labels / f"{name}.json"
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return path


def rectified_labels(folder: Path) -> list[Path]:
    """The JSON files of all finished pages below `folder`, by name."""
    return sorted((folder / "rectified_labels").glob("*/*.json"))


def load_rectified(path: Path) -> RectifiedPage:
    """Read what `save_rectified` wrote; labels stay on disk until they are looked at."""
    name, labels = path.stem, path.parent
    picture = labels.parent.parent / "rectified" / labels.name / f"{name}.rect.png"
    pixels = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if pixels is None:
        raise OSError(f"{picture} is missing or broken beside its labels")
    facts = json.loads(path.read_text(encoding="utf-8"))
    rows = tuple(RectifiedRow(row["middle_px"], tuple(row["leads"])) for row in facts.pop("rows"))
    return RectifiedPage(
        np.ascontiguousarray(pixels[..., ::-1], np.uint8),
        {suffix: np.load(labels / f"{name}{suffix}.npy", mmap_mode="r") for suffix in HALF_HEIGHTS_MM},
        np.load(labels / f"{name}.presence.npy", mmap_mode="r"),
        rows,
        facts["layout"],
        tuple(facts["origin_mm"]),
        facts["speed_mm_s"],
        facts["gain_mm_mv"],
        tuple(facts["teachers"]),
    )
