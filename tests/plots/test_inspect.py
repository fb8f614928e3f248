"""Tests of the eight inspection images, on digitized and failing pages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from loaded_modules import HEAVY, modules_after
from numpy.typing import NDArray

from ecgdigit_rt import Digitizer, PageRef
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.errors import UnknownLayout
from ecgdigit_rt.evaluation.measures import lead_agreement
from ecgdigit_rt.evaluation.metric import db_from_ratio
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.pipeline import STEPS, PageState
from ecgdigit_rt.plots.inspect.canvas import BLUE, GREEN, PURPLE, WIDTH_PX, view_from_box
from ecgdigit_rt.plots.inspect.curves import LEAD_COLOURS
from ecgdigit_rt.plots.inspect.inspection import IMAGE_NAMES, Inspection, images_from_inspection
from ecgdigit_rt.plots.inspect.labels import marks_from_located
from ecgdigit_rt.plots.inspect.writer import write_inspection
from ecgdigit_rt.results import LEADS, failed_from_error

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = EXAMPLES / "000003_photo.jpg"
TRUTH = EXAMPLES / "truth" / "000003_photo.csv"
CAPTION_PX = 92

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Inspected:
    steps: PageState
    inspection: Inspection
    images: dict[str, Image]


@pytest.fixture(scope="module")
def inspected() -> Inspected:
    source = PageRef(PAGE)
    image = rgb_from_page(source)
    inspection = Inspection(source, image)
    steps = Digitizer(threads=2).digitize_steps(image, source, inspection.observe)
    inspection.traces, inspection.page = steps.traces, steps.page
    return Inspected(steps, inspection, dict(images_from_inspection(inspection)))


def near(colour: tuple[int, int, int], image: Image, within: int = 60) -> NDArray[np.bool_]:
    return np.asarray(np.abs(image.astype(int) - colour).max(2) < within)


def below_caption(image: Image, height: int) -> Image:
    return image[CAPTION_PX : CAPTION_PX + height]


def test_observer_receives_every_step(inspected: Inspected) -> None:
    inspection, steps = inspected.inspection, inspected.steps
    assert inspection.steps == [step.name for step in STEPS]
    assert inspection.located is steps.located
    assert inspection.phase is steps.phase
    assert inspection.mesh is steps.mesh
    assert inspection.heatmap is steps.text.heatmap
    assert inspection.reading is steps.reading


def test_all_images_have_the_same_width(inspected: Inspected) -> None:
    assert tuple(inspected.images) == IMAGE_NAMES
    for name, image in inspected.images.items():
        assert image.dtype == np.uint8, name
        assert image.shape[1:] == (WIDTH_PX, 3), name
        assert image.shape[0] < 1.6 * WIDTH_PX, name
        assert (image[:CAPTION_PX].min(2) < 90).sum() > 300, f"{name} has a caption"


def test_labels_are_at_the_lead_names(inspected: Inspected) -> None:
    """The strongest mark of each lead is near the start of its segment on paper."""
    located, mesh = inspected.steps.located, inspected.steps.mesh
    first: dict[str, float] = {}
    for mark in marks_from_located(located, LEADS):
        first.setdefault(mark.name, float(mesh.mm_from_pixels(mark.x_px, mark.y_px)[0]))
    starts_mm = {
        segment.lead: segment.start_mm for row in inspected.steps.page.layout.rows for segment in row.segments
    }
    assert set(first) == set(LEADS)
    for name, start_mm in starts_mm.items():
        assert abs(first[name] - start_mm) < 12, name


@pytest.mark.parametrize("image", ["3-grid-vertical", "4-grid-horizontal"])
def test_grid_lines_are_drawn_on_the_mesh(inspected: Inspected, image: str) -> None:
    """Blue lines coincide with the mesh and do not appear half a period away from it."""
    steps = inspected.steps
    view = view_from_box(steps.located.image, steps.located.page_px)
    drawn = near(BLUE, below_caption(inspected.images[image], view.image.shape[0]), 110)
    drawn = drawn[:, (WIDTH_PX - view.image.shape[1]) // 2 :]
    u, v = np.meshgrid(np.arange(40.0, 240, 5), np.arange(20.0, 200, 5))

    def share(offset_mm: float) -> float:
        is_vertical = image == "3-grid-vertical"
        shifted = (u + offset_mm, v + 2.5) if is_vertical else (u + 2.5, v + offset_mm)
        x, y = view.points_from_image(*steps.mesh.pixels_from_mm(*shifted)).astype(int).reshape(-1, 2).T
        return float(drawn[y, x].mean())

    assert share(0.0) > 0.6
    assert share(2.5) < 0.1


def test_mesh_lines_leave_the_page_between_them_unchanged(inspected: Inspected) -> None:
    steps = inspected.steps
    view = view_from_box(steps.located.image, steps.located.page_px)
    drawn = below_caption(inspected.images["5-mesh"], view.image.shape[0])
    left = (WIDTH_PX - view.image.shape[1]) // 2
    changed = np.abs(drawn[:, left : left + view.image.shape[1]].astype(int) - view.image).max(2) > 20
    u, v = np.meshgrid(np.arange(40.0, 240, 5), np.arange(20.0, 200, 5))

    def share(du: float, dv: float) -> float:
        x, y = view.points_from_image(*steps.mesh.pixels_from_mm(u + du, v + dv)).astype(int).reshape(-1, 2).T
        return float(changed[y, x].mean())

    assert share(0.0, 2.5) > 0.95
    assert share(2.5, 0.0) > 0.95
    assert share(2.5, 2.5) < 0.02


def test_rectified_page_has_a_constant_scale(inspected: Inspected) -> None:
    """Lead boundaries and ends of the record are vertical lines at their positions."""
    rows, image = inspected.steps.page.layout.rows, inspected.images["6-rectified"]
    left_mm = max(inspected.steps.mesh.extent_mm[0], rows[0].start_mm - 25)
    scale = WIDTH_PX / (min(inspected.steps.mesh.extent_mm[2], rows[0].end_mm + 25) - left_mm)
    for row in rows:
        for colour, positions_mm in (
            (PURPLE, [segment.start_mm for segment in row.segments[1:]]),
            (GREEN, [row.start_mm, row.end_mm]),
        ):
            for position_mm in positions_mm:
                column = round((position_mm - left_mm) * scale)
                strokes = near(colour, image[CAPTION_PX:, column - 2 : column + 3], 80).any(1)
                assert strokes.sum() > 20 * scale


def test_curves_are_drawn_on_the_traces(inspected: Inspected) -> None:
    steps = inspected.steps
    view = view_from_box(steps.located.image, steps.located.page_px)
    drawn = below_caption(inspected.images["7-traces"], view.image.shape[0])
    left = (WIDTH_PX - view.image.shape[1]) // 2
    for name, lead in steps.page.leads.items():
        coloured = near(LEAD_COLOURS[name], drawn, 90).astype(np.uint8)
        wide = cv2.dilate(coloured, np.ones((5, 5), np.uint8))
        x, y = view.points_from_image(lead.curve_px[::5, 0], lead.curve_px[::5, 1]).astype(int).T
        assert wide[y, x + left].mean() > 0.85, name
        assert coloured.sum() > 300, name


def test_low_confidence_is_drawn_in_warm_colours(inspected: Inspected) -> None:
    traces = [list(row) for row in inspected.steps.traces]
    low = np.full_like(traces[0][0].confidence, 0.4)
    low[:300] = 0
    traces[0][0] = replace(traces[0][0], confidence=low)
    inspection = replace(inspected.inspection, traces=traces)
    uncertain, certain = dict(images_from_inspection(inspection))["7-traces"], inspected.images["7-traces"]
    for colour in ((240, 120, 0), (200, 30, 30)):
        more = near(colour, uncertain[CAPTION_PX:], 40).sum() - near(colour, certain[CAPTION_PX:], 40).sum()
        assert more > 80


def test_inspect_command_with_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes eight images, and its scores equal those of the metric."""
    code = exit_code(["inspect", str(PAGE), "--out", str(tmp_path), "--truth", str(TRUTH), "--threads", "2"])
    out, err = capsys.readouterr()
    assert (code, out) == (0, "")
    assert {path.stem for path in tmp_path.glob("*.png")} == set(IMAGE_NAMES)
    metadata = json.loads((tmp_path / "inspect.json").read_text(encoding="utf-8"))
    assert metadata["status"] == "digitized"
    assert metadata["images"] == [f"{name}.png" for name in IMAGE_NAMES]
    assert metadata["layout"]["name"] == "3x4+1"
    assert {kind: next(iter(values)) for kind, values in metadata["evidence"].items()} == {
        "layouts": "3x4+1 with II",
        "speeds_mm_s": "25",
        "gains_mm_mv": "10",
    }
    assert set(metadata["seconds"]) == set(metadata["steps"])
    assert set(metadata["leads"]) == set(LEADS)
    source = PageRef(PAGE)
    page = Digitizer(threads=2).digitize_image(rgb_from_page(source), source)
    score = image_score(read_truth(TRUTH), {n: lead.mv.astype(float) for n, lead in page.leads.items()})
    for name, lead in metadata["leads"].items():
        assert lead["snr_db"] == pytest.approx(score.leads[name].db, abs=0.01)
        assert lead["pearson"] > 0.95
        assert 0 < lead["nrmse_percent"] < 8
    score_text = re.search(r"score +([\d.]+) dB", err)
    assert score_text
    assert float(score_text[1]) == pytest.approx(score.db, abs=0.01)
    plot = rgb_from_page(PageRef(tmp_path / "8-leads.png"))
    assert near((90, 165, 245), plot[CAPTION_PX:], 30).sum() > 5000, "the truth is visible"


def test_blank_page_is_shown_up_to_the_failed_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, out = tmp_path / "blank.png", tmp_path / "out"
    cv2.imwrite(str(page), np.full((600, 800, 3), 255, np.uint8))
    out.mkdir()
    (out / "8-leads.png").write_bytes(b"of an earlier page")
    assert exit_code(["inspect", str(page), "--out", str(out), "--threads", "2"]) == 2
    metadata = json.loads((out / "inspect.json").read_text(encoding="utf-8"))
    assert metadata["status"] == "failed"
    assert f"[{metadata['error']['id']}]" in capsys.readouterr().err
    assert metadata["error"]["id"] in {"E-PAGE-01", "E-GRID-01", "E-ROWS-01"}
    assert metadata["images"]
    assert {path.name for path in out.glob("*.png")} == set(metadata["images"])


def test_unknown_layout_is_shown_up_to_the_rectified_page(inspected: Inspected, tmp_path: Path) -> None:
    steps, source = inspected.steps, PageRef(PAGE)
    inspection = Inspection(source, inspected.inspection.image, truth={})
    for name, value in (("locate", steps.located), ("grid", steps.phase), ("rectify", steps.mesh)):
        inspection.observe(name, value)
    inspection.failed = failed_from_error(source, UnknownLayout(["5 rows"], ["3x4"]))
    written = write_inspection(inspection, tmp_path)
    assert [path.stem for path in written] == [*IMAGE_NAMES[:6], "inspect"]
    metadata = json.loads(written[-1].read_text(encoding="utf-8"))
    assert (metadata["error"]["id"], metadata["steps"]) == ("E-LAYOUT-01", ["locate", "grid", "rectify"])
    assert metadata["layout"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent.png", "--out", "out"], 1, "E-INPUT-01"),
        ([str(PAGE), "--out", "out", "--truth", "absent.csv"], 1, "E-TRUTH-02"),
        ([str(PAGE)], 1, "--out"),
        ([str(PAGE), "--out", str(PAGE)], 4, "E-OUTPUT-01"),
    ],
)
def test_invalid_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert exit_code(["inspect", *arguments]) == code
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help_imports_nothing_heavy() -> None:
    code = "from ecgdigit_rt.cli.app import exit_code; assert exit_code(['inspect', '--help']) == 0"
    assert modules_after(code).isdisjoint(HEAVY)


def test_agreement_is_measured_after_alignment() -> None:
    """A shifted curve agrees exactly; a curve with known noise has the error of that noise."""
    time_s = np.arange(2000) / 500
    truth = np.exp(-np.square((time_s - 2) / 0.05)) - 0.5 * np.exp(-np.square((time_s - 2.2) / 0.02))
    shifted_truth = lead_agreement(truth, np.roll(truth, 20) + 0.3, 500)
    assert shifted_truth.lag_s == pytest.approx(-0.04)
    assert shifted_truth.offset_mv == pytest.approx(-0.3)
    assert shifted_truth.pearson == pytest.approx(1)
    noise = np.random.default_rng(1).normal(0, 0.01, truth.size)
    noisy = lead_agreement(truth, truth + noise, 500)
    assert noisy.nrmse_percent == pytest.approx(100 * 0.01 / np.ptp(truth), rel=0.05)
    assert noisy.db == pytest.approx(db_from_ratio(float(np.mean(truth**2)) / 1e-4), abs=0.3)
    assert noisy.pearson == pytest.approx(np.corrcoef(truth, truth + noise)[0, 1], abs=1e-9)
    constant = lead_agreement(truth, np.zeros(truth.size), 500)
    assert np.isnan(constant.pearson)
