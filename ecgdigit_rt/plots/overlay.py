"""Overlay image for visual checks: the page with its traces, and the leads on ECG paper below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.errors import InputError
from ecgdigit_rt.formats.metadata import escape_surrogates
from ecgdigit_rt.plots.doubt_band import doubt_band
from ecgdigit_rt.plots.ecg_paper import FONT, SUBPIXEL_BITS, WIDTH_PX, Colour, paper_from_leads
from ecgdigit_rt.results import ALL_LEADS, Digitized, Failed, Lead, Result

Image = NDArray[np.uint8]

COLOURS: dict[str, Colour] = dict(
    zip(
        ALL_LEADS,
        (
            (214, 39, 40), (31, 119, 180), (23, 138, 48), (148, 63, 189), (230, 97, 0),
            (0, 128, 138), (190, 20, 110), (64, 72, 200), (110, 120, 0), (170, 80, 30),
            (0, 105, 80), (120, 50, 120), (150, 30, 30), (20, 90, 150), (60, 110, 20),
            (110, 40, 160), (190, 75, 0), (0, 100, 110), (160, 0, 80),
        ),
        strict=True,
    )
)  # fmt: skip
"""Colours of the leads. They are dark and saturated, so that they stand out from a red grid and from black
ink."""

PAGE_MAX_HEIGHT_PX = 1700
CAPTION_PX = 64
"""Maximum height of the page, and height of a caption. Hand-picked, not tuned."""

FRAME_PX = 8
"""Width of the frame of a doubtful page. Hand-picked, not tuned."""

LOW_CONFIDENCE = 0.8
"""Confidence below which a lead is listed in the caption. Hand-picked, not tuned."""

# Hand-picked, not tuned.
BACKGROUND, CAPTION_INK, ALARM = (255, 255, 255), (50, 50, 60), (176, 0, 32)
WARNING: Colour = (230, 120, 0)


def write_overlay(result: Result, path: Path, max_pixels: int = MAX_PIXELS) -> None:
    """Write the overlay of one page as PNG.

    A failed page is drawn with its error below. A page that cannot be decoded is replaced with a blank image.
    Raises OutputNotWritable if the file cannot be written.
    """
    try:
        page = rgb_from_page(result.source, max_pixels)
    except InputError:  # `result` contains the error
        page = np.full((240, 1200, 3), 225, np.uint8)
    if isinstance(result, Digitized):
        image = overlay_from_page(result, page)
    else:
        image = overlay_from_failed(result, page)
    encoded = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])[1]
    with atomic_file(path) as partial, reraise_as_output_error(path):
        partial.write_bytes(encoded.tobytes())


_ROW_CHANGE_SHARE = 0.5
"""Distance between two samples, as a fraction of the curve's width, from which they are in different rows.
Hand-picked, not tuned: an R wave is much lower."""


def overlay_from_page(result: Digitized, page: Image) -> Image:
    """Return the page with its traces, a caption, and the leads on ECG paper.

    The result is uint8 RGB (height, WIDTH_PX, 3). A doubtful page has a frame, and its doubts are listed
    above it.

    `page` is (height, width, 3) uint8 RGB, in the pixel coordinates of `curve_px`. It is rotated so that
    the traces run to the right.
    """
    leads = result.leads
    turns = quarter_turns(lead.curve_px for lead in leads.values())
    scale, scaled = _fit_to_width(np.ascontiguousarray(np.rot90(page, turns)))
    for name in (name for name in ALL_LEADS if name in leads):
        curve = _rotate_curve(leads[name].curve_px, page.shape[1], page.shape[0], turns)
        _draw_curve(scaled, curve * scale, name)
    if result.doubts:
        _draw_frame(scaled)
    caption = _caption(escape_surrogates(result.source.path.name), _summary(result), CAPTION_INK)
    paper = paper_from_leads(leads, COLOURS)
    return np.concatenate([doubt_band(result.doubts, WIDTH_PX), _centre(scaled), caption, paper])


def overlay_from_failed(result: Failed, page: Image) -> Image:
    """Return the page with the error in red below."""
    text = f"{result.message}   [{result.error_id}]"
    caption = _caption(escape_surrogates(result.source.path.name), text, ALARM)
    return np.concatenate([_centre(_fit_to_width(page)[1]), caption])


def quarter_turns(curves: Iterable[NDArray[np.float32]]) -> int:
    """Return the number of counterclockwise quarter turns after which curves run to the right."""
    pieces = [piece for curve in curves for piece in _pieces(curve) if len(piece) > 1]
    direction = np.sum([piece[-1] - piece[0] for piece in pieces], axis=0, initial=0.0)
    if not np.any(direction):
        return 0
    x, y = np.broadcast_to(direction, (2,))
    # y grows downwards. A curve that runs down therefore needs one counterclockwise quarter turn.
    return round(float(np.arctan2(y, x)) / (np.pi / 2)) % 4


def _pieces(curve: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """Return the parts of a curve in different rows, if its lead continues over several rows."""
    if len(curve) < 3:
        return [curve]
    steps = np.hypot(*np.diff(curve, axis=0).T)
    return np.split(curve, np.flatnonzero(steps > _ROW_CHANGE_SHARE * np.ptp(curve, axis=0).max()) + 1)


def _rotate_curve(curve: NDArray[np.float32], width: int, height: int, turns: int) -> NDArray[np.float64]:
    """Return the curve after `turns` counterclockwise quarter turns of the page of `width` and `height`."""
    x, y = curve[:, 0].astype(np.float64), curve[:, 1].astype(np.float64)
    for _ in range(turns):
        x, y, width, height = y, width - x, height, width
    return np.stack([x, y], axis=1)


def _fit_to_width(page: Image) -> tuple[float, Image]:
    """Return the scale and the scaled page. It fills the width of the overlay or the maximum height."""
    height, width = page.shape[:2]
    scale = min(WIDTH_PX / width, PAGE_MAX_HEIGHT_PX / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return scale, np.asarray(cv2.resize(page, size, interpolation=interpolation), np.uint8)


def _centre(image: Image) -> Image:
    out = np.full((image.shape[0], WIDTH_PX, 3), BACKGROUND, np.uint8)
    left = (WIDTH_PX - image.shape[1]) // 2
    out[:, left : left + image.shape[1]] = image
    return out


def _draw_frame(image: Image) -> None:
    """Draw the frame of a doubtful page along the border of the image."""
    corner = (image.shape[1] - 1, image.shape[0] - 1)
    cv2.rectangle(image, (0, 0), corner, WARNING, 2 * FRAME_PX)  # half of the line is outside the image


def _draw_curve(image: Image, curve: NDArray[np.float64], name: str) -> None:
    """Draw a curve and its name. The centre of pixel i is at i + 0.5 in the curve, but at i in OpenCV."""
    visible = curve[np.isfinite(curve).all(axis=1)]
    if not len(visible):
        return
    limit = 4 * max(image.shape)
    points = np.clip(visible - 0.5, -limit, limit) * (1 << SUBPIXEL_BITS)
    shape = [np.round(piece).astype(np.int32) for piece in _pieces(points)]
    cv2.polylines(image, shape, False, COLOURS[name], 2, cv2.LINE_AA, SUBPIXEL_BITS)
    x, y = visible[0]
    _draw_tag(image, name, round(x) + 2, round(y) - 16)


def _draw_tag(image: Image, name: str, x: int, y: int) -> None:
    """Draw the name of a lead in white on a box of its colour.

    The box is shifted into the image if necessary.
    """
    left, _, width, _ = cv2.getTextSize((0, 0), name, (0, 0), FONT, 20, 700)
    width = left + width + 10
    x = min(max(x, 0), max(0, image.shape[1] - width))
    y = min(max(y, 24), image.shape[0] - 4)
    cv2.rectangle(image, (x, y - 20), (x + width, y + 4), COLOURS[name], cv2.FILLED, cv2.LINE_AA)
    cv2.putText(image, name, (x + 5, y - 1), (255, 255, 255), FONT, 20, 700)


def _caption(title: str, text: str, colour: Colour) -> Image:
    band = np.full((CAPTION_PX, WIDTH_PX, 3), BACKGROUND, np.uint8)
    end = cv2.putText(band, title, (28, 41), CAPTION_INK, FONT, 26, 700)[0]
    cv2.putText(band, text, (end[0] + 32, 41), colour, FONT, 24, 400)
    return band


def _summary(result: Digitized) -> str:
    layout, residual = result.layout, result.residual_px
    parts = [
        layout.name,
        f"{layout.speed_mm_s:g} mm/s",
        f"{layout.gain_mm_mv:g} mm/mV",
        f"{len(result.leads)} leads",
        "no grid detected" if residual is None else f"mesh residual {residual:.2f} px",
        *_low_confidence(result.leads),
    ]
    return "   ·   ".join(parts)


def _low_confidence(leads: Mapping[str, Lead]) -> list[str]:
    names = [name for name in ALL_LEADS if name in leads and leads[name].confidence < LOW_CONFIDENCE]
    return [f"low confidence: {' '.join(names)}"] if names else []
