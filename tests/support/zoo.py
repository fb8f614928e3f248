"""The zoo: whatever people give besides pages, made anew each time. python tests/zoo.py FOLDER

Good pages stand among the animals, in every kind of file and under every kind of name.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import bombs
import numpy as np
from other_pictures import desk, grid
from pdf_files import locked, pdf
from PIL import Image
from sample_picture import data_of

EXAMPLES = Path(__file__).parents[2] / "examples"
PDF_PAGES = 500
NO_ECG = "E-PAGE E-GRID E-ROWS E-LAYOUT"
"""A picture is read as far as it goes; how far that is, the networks say."""

Make = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Animal:
    """A file of the zoo. error_id: what each of its pages fails with; empty for a good page.

    `name` may hold any bytes that a file system takes. pages: how many it counts as.
    """

    name: str
    make: Make
    error_id: str = ""
    pages: int = 1


def _holding(data: Callable[[], bytes]) -> Make:
    return lambda path: path.write_bytes(data())


def _cut(kind: str) -> bytes:
    whole = data_of(Image.fromarray(grid()[::4, ::4]), kind)
    return whole[: len(whole) * 2 // 3]


def _socket(path: Path) -> None:
    """Bound by its name alone: a socket's path may have 107 bytes."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(bombs.png(300, 300, 300))
        file.truncate(3 << 30)


def _closed(path: Path) -> None:
    path.write_bytes(bombs.png(300, 300, 300))
    path.chmod(0)


def _grey(name: str) -> Image.Image:
    return Image.open(EXAMPLES / name).convert("L")


def _deep(kind: str, **options: object) -> bytes:
    """16 bits, of a grey scan."""
    wide = np.asarray(_grey("000001_colour_scan.jpg"), np.uint16) * 257
    return data_of(Image.fromarray(wide), kind, **options)


def _converted(mode: str, kind: str, **options: object) -> bytes:
    with Image.open(EXAMPLES / "000001_colour_scan.jpg") as scan:
        return data_of(scan.convert(mode), kind, **options)


def _animated(kind: str, **options: object) -> bytes:
    """The page, and then its negative."""
    scan = Image.open(EXAMPLES / "000001_colour_scan.jpg").convert("RGB")
    negative = Image.fromarray(255 - np.asarray(scan))
    return data_of(scan, kind, save_all=True, append_images=[negative], **options)


def _copied(name: str) -> Make:
    return lambda path: shutil.copyfile(EXAMPLES / name, path)


_ACUTE = "\u00e9"
GOOD = (
    Animal("+1.jpg", _copied("000000_render.jpg")),
    Animal(f"{_ACUTE}.jpg", _copied("000003_photo.jpg")),
    Animal(f"{unicodedata.normalize('NFD', _ACUTE)}.png", _holding(partial(_deep, "PNG", compress_level=1))),
    Animal("\u202etiff.png.tif", _holding(partial(_deep, "TIFF"))),
    Animal("=cmd|' -C calc'!A0.jpg", _holding(partial(_converted, "CMYK", "JPEG", quality=95))),
    Animal("@palette, \"quoted\".png", _holding(partial(_converted, "P", "PNG", compress_level=1))),
    Animal("\U0001fac0 \u05d0\u05d1.gif", _holding(partial(_animated, "GIF"))),
    Animal("two\nlines.png", _holding(partial(_animated, "PNG", compress_level=1))),
    Animal(os.fsdecode(b"caf\xe9.webp"), _holding(partial(_animated, "WEBP", quality=90, method=0))),
    Animal("long" + 247 * "x" + ".jpg", _copied("000001_colour_scan.jpg")),
)  # fmt: skip
"""Their signals are those that they have alone."""

BAD = (
    Animal("empty.png", Path.touch, "E-INPUT-03"),
    *(Animal(f"cut.{kind.lower()}", _holding(partial(_cut, kind)), "E-INPUT-03")
      for kind in ("PNG", "JPEG", "PDF", "TIFF", "GIF", "WEBP", "BMP", "AVIF")),
    Animal("\x1b[2J\x1b]0;owned\x07text.png", _holding(lambda: b"not a picture"), "E-INPUT-03"),
    Animal("one-pixel.png", _holding(lambda: bombs.png(1, 1, 1)), "E-INPUT-05"),
    Animal("strip.png", _holding(lambda: bombs.png(30_000, 10, 10)), "E-INPUT-05"),
    Animal("bomb.png", _holding(lambda: bombs.png(bombs.SIDE, bombs.SIDE)), "E-INPUT-05"),
    Animal("bomb.tif", _holding(lambda: bombs.grey_tiff((256, 3, bombs.SIDE), (257, 3, bombs.SIDE))),
           "E-INPUT-05"),
    Animal("bomb-twice.tif", _holding(lambda: bombs.grey_tiff(
        (256, 9, bombs.SIDE), (256, 3, 300), (257, 9, bombs.SIDE), (257, 3, 300))), "E-INPUT-05"),
    Animal("bomb-tile.tif", _holding(lambda: bombs.grey_tiff((256, 3, 300), (257, 3, 300), tile=16_000)),
           "E-INPUT-03"),
    Animal("bomb.gif", _holding(bombs.gif), "E-INPUT-05"),
    Animal("bomb.bmp", _holding(bombs.bmp), "E-INPUT-05"),
    Animal("bomb.jpg", _holding(bombs.jpeg), "E-INPUT-05"),
    Animal("bomb-scans.jpg", _holding(lambda: bombs.jpeg_of_scans(1000)), "E-INPUT-03"),
    Animal("bomb.webp", _holding(bombs.webp), "E-INPUT-05"),
    Animal("bomb.avif", _holding(bombs.avif), "E-INPUT-05"),
    Animal("bomb.heic", _holding(bombs.heic), "E-INPUT-05"),
    Animal("bomb.pdf", _holding(bombs.flate_pdf), "E-INPUT-05"),
    Animal("bomb-jpx.pdf", _holding(bombs.jpx_pdf), "E-INPUT-05"),
    Animal("bomb.dcm", _holding(bombs.dicom), "E-INPUT-05"),
    Animal("bomb-deflated.dcm", _holding(lambda: bombs.deflated_dicom(600)), "E-INPUT-03"),
    Animal("bomb-jpeg2000.dcm", _holding(
        lambda: bombs.dicom_of_frame(bombs.jpeg2000(), "1.2.840.10008.1.2.4.90")), "E-INPUT-03"),
    Animal("bomb-lossless.dcm", _holding(
        lambda: bombs.dicom_of_frame(bombs.jpeg_of(4000), "1.2.840.10008.1.2.4.70")), "E-INPUT-03"),
    Animal("huge.png", _sparse, "E-INPUT-11"),
    Animal("blank-grid.png", _holding(lambda: data_of(Image.fromarray(grid()), "PNG")), NO_ECG),
    Animal("desk.jpg", _holding(lambda: data_of(Image.fromarray(desk()), "JPEG")), NO_ECG),
    Animal("locked.pdf", _holding(lambda: pdf(b"", more=locked())), "E-INPUT-08"),
    Animal("many.pdf", _holding(lambda: pdf(*[b""] * PDF_PAGES, size=(9, 9))), "E-INPUT-05", PDF_PAGES),
    Animal("drawing.png", _holding(lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "E-INPUT-04"),
    Animal("pipe.png", os.mkfifo, "E-INPUT-04"),
    Animal("socket.png", _socket, "E-INPUT-04"),
    Animal("device.png", lambda path: path.symlink_to("/dev/zero"), "E-INPUT-04"),
    Animal("dangling.png", lambda path: path.symlink_to("nowhere.png"), "E-INPUT-03"),
    Animal("itself.png", lambda path: path.symlink_to(path.name), "E-INPUT-03"),
    Animal("sick.png", lambda path: path.symlink_to("/proc/self/mem"), "E-INPUT-03"),
)  # fmt: skip
CLOSED = Animal("closed.png", _closed, "E-INPUT-03")
"""Whoever may read everything reads it, and finds it good for nothing."""


def make_zoo(folder: Path, animals: tuple[Animal, ...] = (*GOOD, *BAD, CLOSED)) -> Path:
    """A folder with these, a loop of links to folders among them, and a folder of a page's name."""
    folder.mkdir(parents=True)
    for animal in animals:
        animal.make(folder / animal.name)
    (folder / "loop").symlink_to(".")
    (folder / "round").symlink_to("../" + folder.name)
    (folder / "folder.png").mkdir()
    return folder


if __name__ == "__main__":
    make_zoo(Path(sys.argv[1]))
