"""Generator of the pictures of the tutorial: python docs/tools/pictures.py.

Digitizes one page of examples/ and writes JPEG files of at most `MAX_BYTES` to docs/images/.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.cli.app import exit_code

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "examples" / "000003_photo.jpg"
TO = ROOT / "docs" / "images"
MAX_BYTES = 240_000
WIDTH_PX = 1100
TALL_WIDTH_PX = 860
PAPER = 255

Image = NDArray[np.uint8]


def main() -> None:
    TO.mkdir(exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        _run("run", PAGE, "--format", "csv", "--out", folder / "signals", "--overlay", folder)
        _run("inspect", PAGE, "--out", folder)
        overlay = _picture(folder / f"{PAGE.stem}.png")
        leads = _picture(folder / "8-leads.png")
        _write("photo-to-leads", _side_by_side(_picture(PAGE), _without_head(leads)))
        _write("tutorial-overlay", _at_width(overlay, TALL_WIDTH_PX))
        for step in ("5-mesh", "6-rectified", "7-traces"):
            is_tall = step == "5-mesh"
            picture = _at_width(_picture(folder / f"{step}.png"), TALL_WIDTH_PX if is_tall else WIDTH_PX)
            _write(f"tutorial-{step}", picture)


def _run(*arguments: str | Path) -> None:
    code = exit_code([str(argument) for argument in arguments])
    if code:
        raise SystemExit(code)


def _picture(path: Path) -> Image:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    return np.asarray(picture, np.uint8)


def _at_width(picture: Image, width: int) -> Image:
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _without_head(leads: Image) -> Image:
    """Return the paper without the header, which ends at the first row filled with the colour of paper."""
    is_paper = (np.ptp(leads.astype(np.int16), axis=2) > 8).mean(axis=1) > 0.9
    return leads[int(np.argmax(is_paper)) :]


def _side_by_side(photo: Image, leads: Image) -> Image:
    """Return the photo and its leads at the same height, with a gap between them."""
    height = 560
    left = _at_width(photo, round(photo.shape[1] * height / photo.shape[0]))[:height]
    right = _at_width(leads, round(leads.shape[1] * height / leads.shape[0]))[:height]
    low = min(left.shape[0], right.shape[0])
    gap = np.full((low, 12, 3), PAPER, np.uint8)
    return np.hstack([left[:low], gap, right[:low]])


def _write(name: str, picture: Image) -> None:
    """Write the JPEG with the highest quality that the size limit allows."""
    for quality in range(88, 30, -4):
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= MAX_BYTES:
            (TO / f"{name}.jpg").write_bytes(encoded)
            sys.stderr.write(f"{name}.jpg  {len(encoded) // 1000} kB, quality {quality}\n")
            return
    raise SystemExit(f"{name} is too large for {MAX_BYTES} bytes")


if __name__ == "__main__":
    main()
