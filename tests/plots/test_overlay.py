"""Tests of overlays: curves on the ink in every orientation, and images of bounded size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from paper_page import digitized_page, draw_page, signals

from ecgdigit_rt.errors import OutputNotWritable
from ecgdigit_rt.plots.ecg_paper import PX_PER_MM, WIDTH_PX, paper_from_leads
from ecgdigit_rt.plots.overlay import COLOURS, overlay_from_page, quarter_turns, write_overlay
from ecgdigit_rt.results import LEADS, Digitized, Failed, Layout, Lead, PageRef
from ecgdigit_rt.runs.report import page_report

SOURCE = PageRef(Path("page.png"))


def rotated(page: Digitized, turns: int, width: int, height: int) -> Digitized:
    """Return the page as digitized from a photo rotated by `turns` quarter turns."""
    leads = {}
    for name, lead in page.leads.items():
        x, y, w, h = lead.curve_px[:, 0], lead.curve_px[:, 1], width, height
        for _ in range(turns):
            x, y, w, h = y, w - x, h, w
        leads[name] = replace(lead, curve_px=np.stack([x, y], axis=1))
    return replace(page, leads=leads)


def share_of(colour: tuple[int, int, int], image: NDArray[np.uint8]) -> float:
    near = cv2.inRange(image, np.array(colour) - 40.0, np.array(colour) + 40.0)
    return cv2.countNonZero(near) / near.size


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_curves_cover_the_ink_in_every_orientation(turns: int) -> None:
    leads = signals(3)
    page = draw_page(leads)
    height, width = page.shape[:2]
    result = rotated(digitized_page(SOURCE, leads), turns, width, height)
    image = overlay_from_page(result, np.ascontiguousarray(np.rot90(page, turns)))
    assert image.shape[1] == WIDTH_PX
    drawn = image[: round(height * WIDTH_PX / width)]
    ink = drawn.max(axis=2) < 90  # ink without a curve on it is still black
    before = cv2.resize(page, (drawn.shape[1], drawn.shape[0]), interpolation=cv2.INTER_AREA)
    assert ink.sum() < 0.12 * (before.max(axis=2) < 90).sum()
    for name in LEADS:
        assert share_of(COLOURS[name], drawn) > 1e-4, name


def test_curve_is_drawn_with_subpixel_accuracy() -> None:
    """A horizontal trace at y = 849.75 of an unscaled page is centred at that height."""
    result = digitized_page(SOURCE, {"V1": np.zeros(1250)})
    lead = result.leads["V1"]
    x = np.linspace(200, 1800, 1250)
    straight = replace(lead, curve_px=np.stack([x, np.full(1250, 849.75)], 1).astype(np.float32))
    page = np.full((1200, WIDTH_PX, 3), 255, np.uint8)
    image = overlay_from_page(replace(result, leads={"V1": straight}), page)
    column = 255.0 - image[:1200, 1000].astype(float).sum(axis=1) / 3
    centre = float(np.sum((np.arange(1200) + 0.5) * column) / column.sum())
    # OpenCV's antialiased lines are off by an eighth of a pixel. Half a pixel would be an overlay error.
    assert centre == pytest.approx(849.75, abs=0.2)


@pytest.mark.parametrize("shape", [(200, 300), (3000, 5000), (4000, 1000)])
def test_overlay_size_is_bounded(shape: tuple[int, int]) -> None:
    page = np.full((*shape, 3), 200, np.uint8)
    image = overlay_from_page(digitized_page(SOURCE, signals(0)), page)
    assert image.shape[1] == WIDTH_PX <= 2000
    assert image.shape[0] < 4000


def ink_height(mv: NDArray[np.float64]) -> int:
    """Return the height in pixels of the ink of a single lead, right of the calibration pulse."""
    page = digitized_page(SOURCE, {"I": mv})
    paper = paper_from_leads(page.leads, COLOURS)
    rows = np.flatnonzero((paper[:, 120:, :].max(axis=2) < 60).any(axis=1))
    return int(rows[-1] - rows[0])


def test_paper_is_to_scale() -> None:
    step = np.zeros(1250)
    step[600:] = 1.5
    assert ink_height(step) == pytest.approx(15 * PX_PER_MM, abs=3)
    paper = paper_from_leads(digitized_page(SOURCE, {"II": np.zeros(5000)}).leads, COLOURS)
    inked = np.flatnonzero((paper[:, 120:, :].max(axis=2) < 60).any(axis=0))
    assert inked[-1] + 120 == pytest.approx((15 + 250) * PX_PER_MM, abs=3)


def test_rows_grow_with_tall_leads_and_empty_pages_are_drawn() -> None:
    low = paper_from_leads(digitized_page(SOURCE, signals(0)).leads, COLOURS)
    tall_leads = {name: 3 * mv for name, mv in signals(0).items()}
    tall = paper_from_leads(digitized_page(SOURCE, tall_leads).leads, COLOURS)
    assert tall.shape[0] > low.shape[0] + 200
    assert paper_from_leads({}, COLOURS).shape[1] == WIDTH_PX


def test_failed_pages_have_an_overlay(tmp_path: Path) -> None:
    page = PageRef(tmp_path / "page.png")
    cv2.imwrite(str(page.path), np.full((400, 600, 3), 220, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    failed = Failed(page, "E-GRID-01", "no ECG grid found", "")
    for source in (page, PageRef(tmp_path / "broken.png")):
        out = tmp_path / f"{source.id}.overlay.png"
        write_overlay(replace(failed, source=source), out)
        image = cv2.imread(str(out))
        assert image is not None
        alarm = np.abs(image[..., ::-1].astype(int) - (176, 0, 32)).max(axis=2) < 40
        assert alarm.sum() > 300, "the error is written in red"
    with pytest.raises(OutputNotWritable):
        write_overlay(failed, tmp_path / "broken.png" / "x.png")


def test_page_without_grid_has_overlay_and_valid_json_report() -> None:
    page = replace(digitized_page(SOURCE, {"V1": np.zeros(1250)}), residual_px=None)
    assert overlay_from_page(page, np.full((600, 800, 3), 255, np.uint8)).size
    quality = page_report("page", page, ()).quality
    assert quality["residual_px"] is None
    json.dumps(quality, allow_nan=False)


def test_rows_of_one_lead_are_not_connected() -> None:
    row = np.stack([np.arange(20, 380, 1.0), np.full(360, 60.0)], axis=1)
    curve = np.concatenate([row, row + np.array([0, 120])]).astype(np.float32)
    lead = Lead("I", np.zeros(720, np.float32), 500.0, 0.0, 1.0, curve)
    page = Digitized(PageRef(Path("strips.png")), {"I": lead}, Layout("I/I", ()), 0.1, {})
    white = np.full((240, 400, 3), 255, np.uint8)
    picture = overlay_from_page(page, white)
    between = picture[round(picture.shape[1] * 120 / 400), 200:-200]
    assert (between == 255).all()
    assert quarter_turns([curve]) == 0


def test_a_single_lead_is_drawn_in_rows_of_ten_seconds() -> None:
    lead = Lead("I", np.zeros(12_500, np.float32), 500.0, 0.0, 1.0, np.zeros((12_500, 2), np.float32))
    three, one = (
        paper_from_leads({"I": replace(lead, mv=lead.mv[:count])}, COLOURS).shape[0]
        for count in (12_500, 5000)
    )
    row_px = paper_from_leads({}, COLOURS).shape[0] / len(LEADS)
    assert one < three < one + 3 * row_px + 200
    assert three - one > 200
