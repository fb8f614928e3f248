"""Tests of the classical pipeline: whole pages, drawn and from examples, and single steps."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from non_ecg_images import NON_ECG_IMAGES, grid
from numpy.typing import NDArray
from paper_page import BASELINES_PX, LEFT_PX, ROWS, draw_page, signals

from ecgdigit_rt import Digitizer
from ecgdigit_rt.classical.grid_frequency import find_grid_frequencies
from ecgdigit_rt.classical.grid_mesh import grid_mesh, is_planar, planar_mesh
from ecgdigit_rt.classical.paper_ink import brightest_channel, ink_patch, paper_ink
from ecgdigit_rt.classical.pen import InkRun, ink_run_from_path, pen_centre_mm
from ecgdigit_rt.classical.pulse import find_pulses
from ecgdigit_rt.classical.row_baselines import find_row_baselines
from ecgdigit_rt.classical.row_ends import drop_outlier_ends
from ecgdigit_rt.errors import NotAnEcg, PageError, UnknownChoice, UnknownLayout
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import Truth, find_test_csv, read_truth
from ecgdigit_rt.results import LEADS, Digitized, Failed
from ecgdigit_rt.tracing.row_traces import RowEnds

EXAMPLES = Path(__file__).parents[2] / "examples"
PX_PER_MM = 200 / 25.4
MIN_DB = {"000000_render": 14.0, "000001_colour_scan": 9.0}


@pytest.fixture(scope="module")
def digitizer() -> Digitizer:
    return Digitizer(threads=1, method="classical")


@pytest.fixture(scope="module")
def page() -> NDArray[np.uint8]:
    return labelled(draw_page(signals(3)))


def labelled(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the page with the name of every lead printed below its start."""
    for baseline, row in zip(BASELINES_PX, ROWS, strict=True):
        for column, name in enumerate(row):
            at = (round(LEFT_PX + column * 2.5 * 196.85) + 12, round(baseline) + 60)
            cv2.putText(page, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 2, cv2.LINE_AA)
    return page


def db(digitized: Digitized, truth: Truth) -> float:
    return image_score(truth, {name: lead.mv.astype(float) for name, lead in digitized.leads.items()}).db


def test_drawn_page_is_digitized(digitizer: Digitizer, page: NDArray[np.uint8]) -> None:
    digitized = digitizer.digitize(page)
    assert digitized.layout.name == "3x4+1"
    assert digitized.notes == (
        "layout 3x4+1 assumed from 4 rows: the classical method reads no text",
        "25 mm/s assumed: no calibration pulse detected",
        "10 mm/mV assumed: no calibration pulse detected",
    )
    assert set(digitized.leads) == set(LEADS)
    for name, lead in digitized.leads.items():
        column = next(row.index(name) for row in ROWS if name in row)
        assert (lead.start_s, lead.duration_s) == pytest.approx(
            (0, 10) if name == "II" else (2.5 * column, 2.5), abs=0.004
        )
    assert db(digitized, Truth("drawn", 500.0, signals(3))) > 18


def test_rotated_page_is_digitized(digitizer: Digitizer, page: NDArray[np.uint8]) -> None:
    digitized = digitizer.digitize(np.ascontiguousarray(np.rot90(page)))
    assert db(digitized, Truth("drawn", 500.0, signals(3))) > 18
    x, y = digitized.leads["I"].curve_px.mean(0)
    assert (page.shape[1] - y, x) == pytest.approx((LEFT_PX + 1.25 * 196.85, BASELINES_PX[0]), abs=20)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.jpg")), ids=lambda path: str(path.stem))
def test_examples_are_digitized_or_fail_with_a_known_error(digitizer: Digitizer, path: Path) -> None:
    (digitized,) = digitizer.digitize_many([path])
    if path.stem not in MIN_DB:
        assert isinstance(digitized, Digitized) or digitized.error_id != "E-BUG-01"
        return
    assert not isinstance(digitized, Failed), digitized
    folder = EXAMPLES / "truth"
    truth = read_truth(folder / f"{path.stem}.csv", find_test_csv(folder).get(path.stem, ()))
    assert db(digitized, truth) > MIN_DB[path.stem]
    assert digitized.provenance is not None
    assert (digitized.provenance.models, digitized.provenance.device) == ("none", "none (classical)")


@pytest.mark.parametrize("name", list(NON_ECG_IMAGES))
def test_images_that_are_not_ecgs_fail(digitizer: Digitizer, name: str) -> None:
    with pytest.raises(PageError):
        digitizer.digitize(NON_ECG_IMAGES[name]())


def test_rows_without_names_or_pulses_need_a_layout_override(digitizer: Digitizer) -> None:
    bare = draw_page(signals(3))
    with pytest.raises(NotAnEcg, match="neither lead names nor a calibration pulse"):
        digitizer.digitize(bare)
    digitized = Digitizer(threads=1, method="classical", layout="3x4+1").digitize(bare)
    assert db(digitized, Truth("drawn", 500.0, signals(3))) > 18


def test_blank_sheet_fails(digitizer: Digitizer) -> None:
    with pytest.raises(PageError):
        digitizer.digitize(np.full((1700, 2200, 3), 255, np.uint8))


def test_layout_overrides_are_used(page: NDArray[np.uint8]) -> None:
    rows = "V1,V2,V3,V4/V5,V6,I,II/III,aVR,aVL,aVF/V1"
    digitized = Digitizer(threads=1, method="classical", layout=rows, speed_mm_s=50, gain_mm_mv=5).digitize(
        page
    )
    assert [segment.lead for segment in digitized.layout.rows[0].segments] == ["V1", "V2", "V3", "V4"]
    assert (digitized.layout.speed_mm_s, digitized.layout.gain_mm_mv, digitized.notes) == (50, 5, ())
    assert digitized.duration_s == pytest.approx(5, abs=0.02)
    with pytest.raises(UnknownLayout, match="rows"):
        Digitizer(threads=1, method="classical", layout="12x1").digitize(page)


def test_classical_method_rejects_network_options() -> None:
    assert Digitizer(threads=1, method="classical").device == "none (classical), 1 thread"
    with pytest.raises(UnknownChoice, match="Unknown method 'magic'"):
        Digitizer(method="magic")
    with pytest.raises(UnknownChoice, match="Unknown classical backend 'onnxruntime'"):
        Digitizer(method="classical", backend="onnxruntime")
    with pytest.raises(UnknownChoice, match="Unknown classical tta 'flip'"):
        Digitizer(method="classical", tta="flip")


def test_no_inference_backend_is_needed(tmp_path: Path) -> None:
    """The classical method works even if no inference backend can be imported."""
    code = (
        "import sys; sys.modules['onnxruntime'] = sys.modules['openvino'] = None\n"
        "from ecgdigit_rt import Digitizer\n"
        "print(len(Digitizer(threads=1, method='classical').digitize(sys.argv[1]).leads))"
    )
    command = [sys.executable, "-c", code, str(EXAMPLES / "000000_render.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout.strip(), done.returncode) == ("12", 0), done.stderr


def test_grid_frequency_is_that_of_the_major_lines() -> None:
    dark = 255 - grid()[:1100, :1500].min(2).astype(np.float32)
    frequencies = find_grid_frequencies(dark - dark.mean())
    assert frequencies.u == pytest.approx((1 / (5 * PX_PER_MM), 0), abs=2e-4)
    assert frequencies.v == pytest.approx((0, 1 / (5 * PX_PER_MM)), abs=2e-4)


def test_mesh_of_a_flat_grid_is_planar_and_to_scale(page: NDArray[np.uint8]) -> None:
    mesh = grid_mesh(page)
    assert is_planar(mesh, 0.01)
    assert mesh.px_per_mm(140, 100) == pytest.approx((PX_PER_MM, PX_PER_MM), rel=1e-3)
    bent = planar_mesh(mesh).pixels.copy()
    bent[..., 1] += 20 * np.sin(np.linspace(0, 3, bent.shape[1]))
    assert not is_planar(dataclasses.replace(mesh, pixels=bent))


def test_ink_patch_contains_ink_without_grid(page: NDArray[np.uint8]) -> None:
    mesh = grid_mesh(page)
    size = (int(200 * PX_PER_MM), int(150 * PX_PER_MM))
    scale = (PX_PER_MM, PX_PER_MM)
    empty = ink_patch(brightest_channel(grid()), mesh, (20.0, 20.0), scale, size)
    drawn = ink_patch(brightest_channel(page), mesh, (20.0, 20.0), scale, size)
    assert empty.max() < 0.15
    assert 0.002 < (drawn > 0.5).mean() < 0.05


def test_baselines_are_at_the_drawn_rows(page: NDArray[np.uint8]) -> None:
    mesh = grid_mesh(page)
    lines = find_row_baselines(paper_ink(brightest_channel(page), mesh))
    at = [mesh.pixels_from_mm(line.start_mm, line.v_mm)[1] for line in lines]
    assert at == pytest.approx(BASELINES_PX, abs=16)
    lengths = [250, 187.5, 250, 250]  # lead II is drawn only as rhythm strip
    assert [line.end_mm - line.start_mm for line in lines] == pytest.approx(lengths, abs=3)


@pytest.mark.parametrize(("gain", "width"), [(10, 5.0), (20, 5.0), (5, 10.0)])
def test_pulses_determine_gain_and_speed(gain: int, width: float) -> None:
    page = draw_page(signals(3))
    for baseline in BASELINES_PX:
        left, right = LEFT_PX - 1.2 * width * PX_PER_MM, LEFT_PX - 0.2 * width * PX_PER_MM
        foot, top = round(baseline), round(baseline - gain * PX_PER_MM)
        points = np.array([[left, foot], [left, top], [right, top], [right, foot]]).round().astype(np.int32)
        cv2.polylines(page, [points], False, (20, 20, 20), 2, cv2.LINE_AA)
    paper = paper_ink(brightest_channel(page), grid_mesh(page))
    pulses = find_pulses(paper, find_row_baselines(paper))
    assert (pulses.side, pulses.gain_mm_mv, pulses.speed_mm_s) == ("left", gain, 5 * width)
    edges_mm = pulses.median_edges_mm
    assert edges_mm is not None
    assert edges_mm[1] - edges_mm[0] == pytest.approx(width, abs=0.4)


def inked(curve_mm: NDArray[np.float64], radius_mm: float) -> InkRun:
    """Return the ink edges of a round pen that follows a curve with 20 columns per millimetre."""
    offsets = np.arange(-int(radius_mm * 20), int(radius_mm * 20) + 1)
    arc = np.sqrt(radius_mm**2 - (offsets / 20) ** 2)
    wide = np.pad(curve_mm, offsets[-1], mode="edge")
    shifted = np.stack([wide[offsets[-1] + k : wide.size - offsets[-1] + k] for k in offsets])
    upper, lower = (shifted + arc[:, None]).max(0), (shifted - arc[:, None]).min(0)
    return InkRun(upper.astype(np.float32), lower.astype(np.float32), np.ones(curve_mm.size, bool))


@pytest.mark.parametrize("sign", [1, -1])
def test_pen_centre_preserves_a_peak_that_the_run_centre_flattens(sign: int) -> None:
    u = np.arange(400) / 20
    curve = sign * 10 * np.maximum(1 - np.abs(u - 10) / 0.5, 0)  # 10 mm high, 1 mm wide
    run = inked(curve, 0.2)
    assert run.radius_mm == pytest.approx(0.2, abs=0.01)
    centre = sign * pen_centre_mm(run, 0.2, 20)
    halfway = sign * (run.upper_mm + run.lower_mm) / 2
    assert centre.max() == pytest.approx(10, abs=0.3)
    assert halfway.max() < 8.5
    assert np.sqrt(np.mean((centre - sign * curve) ** 2)) < 0.3


def test_run_edges_are_interpolated_between_pixels() -> None:
    ink = np.zeros((40, 3), np.float32)
    ink[18:22] = 1
    ink[22] = 0.25
    run = ink_run_from_path(ink, np.full(3, 20, np.int32), 0.5, half_height_mm=2.5, px_per_mm=8)
    # The upper edge is halfway between the centres of rows 17 and 18, the lower one two thirds of the way
    # from row 21 to row 22.
    assert run.upper_mm == pytest.approx([2.5 - 18 / 8] * 3, abs=1e-4)
    assert run.lower_mm == pytest.approx([2.5 - (21.5 + 2 / 3) / 8] * 3, abs=1e-4)


def test_outlier_ends_are_dropped() -> None:
    ends = [RowEnds(10.0, 260.1), RowEnds(10.1, 257.0), RowEnds(None, 260.0), RowEnds(14.0, 275.0)]
    assert drop_outlier_ends(ends) == [
        RowEnds(10.0, 260.1), RowEnds(10.1, None), RowEnds(None, 260.0), RowEnds(None, None)
    ]  # fmt: skip
    scattered = [RowEnds(None, 257.0), RowEnds(None, 260.0), RowEnds(None, 275.0)]
    assert drop_outlier_ends(scattered) == scattered
