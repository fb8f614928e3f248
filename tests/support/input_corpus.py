"""Corpus of inputs: untrusted and invalid files, and valid pages of many formats with unusual names.

`PYTHONPATH=tests/support python tests/support/input_corpus.py FOLDER` writes it to a folder.
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
from non_ecg_images import desk, grid
from pdf_files import encryption, pdf
from PIL import Image
from sample_image import image_bytes

EXAMPLES = Path(__file__).parents[2] / "examples"
PDF_PAGES = 500
NOT_AN_ECG = "E-PAGE E-GRID E-ROWS E-LAYOUT"
"""Prefixes of the error ids of images that are not ECG pages. They may fail at any of these steps."""

Writer = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file of the corpus.

    `name` may contain any bytes that a file system accepts. `error_id` is the id of the error with which
    each of its `pages` fails, or empty for a valid page.
    """

    name: str
    write: Writer
    error_id: str = ""
    pages: int = 1


def _data(data: Callable[[], bytes]) -> Writer:
    return lambda path: path.write_bytes(data())


def _truncated(kind: str) -> bytes:
    data = image_bytes(Image.fromarray(grid()[::4, ::4]), kind)
    return data[: len(data) * 2 // 3]


def _socket(path: Path) -> None:
    """Create a socket in the current folder, because the path of a socket is limited to 107 bytes."""
    previous = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(previous)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(bombs.png(300, 300, 300))
        file.truncate(3 << 30)


def _unreadable(path: Path) -> None:
    path.write_bytes(bombs.png(300, 300, 300))
    path.chmod(0)


def _grey(name: str) -> Image.Image:
    return Image.open(EXAMPLES / name).convert("L")


def _grey16(kind: str, **options: object) -> bytes:
    """Return a grey scan with 16 bits."""
    wide = np.asarray(_grey("000001_colour_scan.jpg"), np.uint16) * 257
    return image_bytes(Image.fromarray(wide), kind, **options)


def _converted(mode: str, kind: str, **options: object) -> bytes:
    with Image.open(EXAMPLES / "000001_colour_scan.jpg") as scan:
        return image_bytes(scan.convert(mode), kind, **options)


def _animated(kind: str, **options: object) -> bytes:
    """Return an animation of a page and its negative."""
    scan = Image.open(EXAMPLES / "000001_colour_scan.jpg").convert("RGB")
    negative = Image.fromarray(255 - np.asarray(scan))
    return image_bytes(scan, kind, save_all=True, append_images=[negative], **options)


def _copy_of(name: str) -> Writer:
    return lambda path: shutil.copyfile(EXAMPLES / name, path)


_ACUTE = "\u00e9"
_DECOMPOSED = unicodedata.normalize("NFD", _ACUTE)
VALID = (
    CorpusFile("+1.jpg", _copy_of("000000_render.jpg")),
    CorpusFile(f"{_ACUTE}.jpg", _copy_of("000003_photo.jpg")),
    CorpusFile(f"{_DECOMPOSED}.png", _data(partial(_grey16, "PNG", compress_level=1))),
    CorpusFile("\u202etiff.png.tif", _data(partial(_grey16, "TIFF"))),
    CorpusFile("=cmd|' -C calc'!A0.jpg", _data(partial(_converted, "CMYK", "JPEG", quality=95))),
    CorpusFile("@palette, \"quoted\".png", _data(partial(_converted, "P", "PNG", compress_level=1))),
    CorpusFile("\U0001fac0 \u05d0\u05d1.gif", _data(partial(_animated, "GIF"))),
    CorpusFile("two\nlines.png", _data(partial(_animated, "PNG", compress_level=1))),
    CorpusFile(os.fsdecode(b"caf\xe9.webp"), _data(partial(_animated, "WEBP", quality=90, method=0))),
    CorpusFile("long" + 247 * "x" + ".jpg", _copy_of("000001_colour_scan.jpg")),
)  # fmt: skip
"""Valid pages. Their signals do not depend on the other files of a run."""

INVALID = (
    CorpusFile("empty.png", Path.touch, "E-INPUT-03"),
    *(CorpusFile(f"cut.{kind.lower()}", _data(partial(_truncated, kind)), "E-INPUT-03")
      for kind in ("PNG", "JPEG", "PDF", "TIFF", "GIF", "WEBP", "BMP", "AVIF")),
    CorpusFile("\x1b[2J\x1b]0;owned\x07text.png", _data(lambda: b"not a picture"), "E-INPUT-03"),
    CorpusFile("one-pixel.png", _data(lambda: bombs.png(1, 1, 1)), "E-INPUT-05"),
    CorpusFile("strip.png", _data(lambda: bombs.png(30_000, 10, 10)), "E-INPUT-05"),
    CorpusFile("bomb.png", _data(lambda: bombs.png(bombs.SIDE, bombs.SIDE)), "E-INPUT-05"),
    CorpusFile("bomb.tif", _data(lambda: bombs.grey_tiff((256, 3, bombs.SIDE), (257, 3, bombs.SIDE))),
               "E-INPUT-05"),
    CorpusFile("bomb-twice.tif", _data(lambda: bombs.grey_tiff(
        (256, 9, bombs.SIDE), (256, 3, 300), (257, 9, bombs.SIDE), (257, 3, 300))), "E-INPUT-05"),
    CorpusFile("bomb-tile.tif", _data(lambda: bombs.grey_tiff((256, 3, 300), (257, 3, 300), tile=16_000)),
               "E-INPUT-03"),
    CorpusFile("bomb.gif", _data(bombs.gif), "E-INPUT-05"),
    CorpusFile("bomb.bmp", _data(bombs.bmp), "E-INPUT-05"),
    CorpusFile("bomb.jpg", _data(bombs.jpeg), "E-INPUT-05"),
    CorpusFile("bomb-scans.jpg", _data(lambda: bombs.jpeg_with_scans(1000)), "E-INPUT-03"),
    CorpusFile("bomb.webp", _data(bombs.webp), "E-INPUT-05"),
    CorpusFile("bomb.avif", _data(bombs.avif), "E-INPUT-05"),
    CorpusFile("bomb.heic", _data(bombs.heic), "E-INPUT-05"),
    CorpusFile("bomb.pdf", _data(bombs.flate_pdf), "E-INPUT-05"),
    CorpusFile("bomb-jpx.pdf", _data(bombs.jpx_pdf), "E-INPUT-05"),
    CorpusFile("bomb.dcm", _data(bombs.dicom), "E-INPUT-05"),
    CorpusFile("bomb-deflated.dcm", _data(lambda: bombs.deflated_dicom(600)), "E-INPUT-03"),
    CorpusFile("bomb-jpeg2000.dcm", _data(
        lambda: bombs.dicom_with_frame(bombs.jpeg2000(), "1.2.840.10008.1.2.4.90")), "E-INPUT-03"),
    CorpusFile("bomb-lossless.dcm", _data(
        lambda: bombs.dicom_with_frame(bombs.jpeg_with_side(4000), "1.2.840.10008.1.2.4.70")), "E-INPUT-03"),
    CorpusFile("huge.png", _sparse, "E-INPUT-11"),
    CorpusFile("blank-grid.png", _data(lambda: image_bytes(Image.fromarray(grid()), "PNG")), NOT_AN_ECG),
    CorpusFile("desk.jpg", _data(lambda: image_bytes(Image.fromarray(desk()), "JPEG")), NOT_AN_ECG),
    CorpusFile("locked.pdf", _data(lambda: pdf(b"", more=encryption())), "E-INPUT-08"),
    CorpusFile("many.pdf", _data(lambda: pdf(*[b""] * PDF_PAGES, size=(9, 9))), "E-INPUT-05", PDF_PAGES),
    CorpusFile("drawing.png", _data(lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "E-INPUT-04"),
    CorpusFile("pipe.png", os.mkfifo, "E-INPUT-04"),
    CorpusFile("socket.png", _socket, "E-INPUT-04"),
    CorpusFile("device.png", lambda path: path.symlink_to("/dev/zero"), "E-INPUT-04"),
    CorpusFile("dangling.png", lambda path: path.symlink_to("nowhere.png"), "E-INPUT-03"),
    CorpusFile("itself.png", lambda path: path.symlink_to(path.name), "E-INPUT-03"),
    CorpusFile("sick.png", lambda path: path.symlink_to("/proc/self/mem"), "E-INPUT-03"),
)  # fmt: skip
NO_PERMISSION = CorpusFile("closed.png", _unreadable, "E-INPUT-03")
"""File without read permission. Root can read it, and its image is not an ECG page."""


def make_corpus(folder: Path, files: tuple[CorpusFile, ...] = (*VALID, *INVALID, NO_PERMISSION)) -> Path:
    """Write the files to a new folder.

    The folder also contains links to folders that form loops, and a subfolder with the suffix of an image.
    """
    folder.mkdir(parents=True)
    for file in files:
        file.write(folder / file.name)
    (folder / "loop").symlink_to(".")
    (folder / "round").symlink_to("../" + folder.name)
    (folder / "folder.png").mkdir()
    return folder


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]))
