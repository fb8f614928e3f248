"""The eight pictures of a page's way: that each shows what it says, on real pages and failing ones."""

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
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.errors import UnknownLayout
from ecgdigit_rt.evaluation.evaluate import image_score
from ecgdigit_rt.evaluation.measures import agreement
from ecgdigit_rt.evaluation.metric import decibel
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.pipeline import PageSteps
from ecgdigit_rt.plots.inspect.canvas import BLUE, GREEN, PURPLE, WIDTH_PX, view_from_box
from ecgdigit_rt.plots.inspect.curves import LEAD_COLOURS
from ecgdigit_rt.plots.inspect.files import write_inspection
from ecgdigit_rt.plots.inspect.inspection import PICTURES, Inspection, pictures_from_inspection
from ecgdigit_rt.plots.inspect.labels import marks_from_located
from ecgdigit_rt.results import LEADS, failed_from_error

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = EXAMPLES / "000003_photo.jpg"
TRUTH = EXAMPLES / "truth" / "000003_photo.csv"
CAPTION_PX = 92

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Inspected:
    steps: PageSteps
    seen: Inspection
    pictures: dict[str, Image]


@pytest.fixture(scope="module")
def inspected() -> Inspected:
    source = PageRef(PAGE)
    image = rgb_from_page(source)
    seen = Inspection(source, image)
    steps = Digitizer(threads=2).steps(image, source, seen.watch)
    seen.traces, seen.page = steps.traces, steps.page
    return Inspected(steps, seen, dict(pictures_from_inspection(seen)))


def near(colour: tuple[int, int, int], image: Image, within: int = 60) -> NDArray[np.bool_]:
    return np.asarray(np.abs(image.astype(int) - colour).max(2) < within)


def below_caption(picture: Image, height: int) -> Image:
    return picture[CAPTION_PX : CAPTION_PX + height]


def test_the_watcher_has_seen_every_step(inspected: Inspected) -> None:
    seen, steps = inspected.seen, inspected.steps
    assert seen.steps == ["locate", "grid", "rectify", "closer", "layout", "trace", "assemble"]
    assert seen.located is steps.located
    assert seen.phase is steps.phase
    assert seen.mesh is steps.mesh
    assert seen.heat is steps.heat
    assert seen.reading is steps.reading


def test_all_pictures_are_of_one_width(inspected: Inspected) -> None:
    assert tuple(inspected.pictures) == PICTURES
    for name, picture in inspected.pictures.items():
        assert picture.dtype == np.uint8, name
        assert picture.shape[1:] == (WIDTH_PX, 3), name
        assert picture.shape[0] < 1.6 * WIDTH_PX, name
        assert (picture[:CAPTION_PX].min(2) < 90).sum() > 300, f"{name} says what it is"


def test_labels_stand_where_the_names_are(inspected: Inspected) -> None:
    """The strongest mark of each lead lies near the start of its window on paper."""
    located, mesh = inspected.steps.located, inspected.steps.mesh
    first: dict[str, float] = {}
    for mark in marks_from_located(located, LEADS):
        first.setdefault(mark.name, float(mesh.mm_from_pixels(mark.x_px, mark.y_px)[0]))
    windows = {
        segment.lead: segment.start_mm for row in inspected.steps.page.layout.rows for segment in row.segments
    }
    assert set(first) == set(LEADS)
    for name, start_mm in windows.items():
        assert abs(first[name] - start_mm) < 12, name


@pytest.mark.parametrize("picture", ["3-grid-vertical", "4-grid-horizontal"])
def test_line_maps_run_along_the_mesh(inspected: Inspected, picture: str) -> None:
    """Blue stands on the mesh's lines, and not half a period beside them."""
    steps = inspected.steps
    view = view_from_box(steps.located.image, steps.located.page_px)
    drawn = near(BLUE, below_caption(inspected.pictures[picture], view.image.shape[0]), 110)
    drawn = drawn[:, (WIDTH_PX - view.image.shape[1]) // 2 :]
    u, v = np.meshgrid(np.arange(40.0, 240, 5), np.arange(20.0, 200, 5))

    def share(off_mm: float) -> float:
        along = picture == "3-grid-vertical"
        shifted = (u + off_mm, v + 2.5) if along else (u + 2.5, v + off_mm)
        places = view.places(*steps.mesh.pixels_from_mm(*shifted)).astype(int).reshape(-1, 2)
        return float(drawn[places[:, 1], places[:, 0]].mean())

    assert share(0.0) > 0.6
    assert share(2.5) < 0.1


def test_the_mesh_is_drawn_and_the_page_between_its_lines_is_not_touched(inspected: Inspected) -> None:
    steps = inspected.steps
    view = view_from_box(steps.located.image, steps.located.page_px)
    drawn = below_caption(inspected.pictures["5-mesh"], view.image.shape[0])
    left = (WIDTH_PX - view.image.shape[1]) // 2
    changed = np.abs(drawn[:, left : left + view.image.shape[1]].astype(int) - view.image).max(2) > 20
    u, v = np.meshgrid(np.arange(40.0, 240, 5), np.arange(20.0, 200, 5))

    def share(du: float, dv: float) -> float:
        x, y = view.places(*steps.mesh.pixels_from_mm(u + du, v + dv)).astype(int).reshape(-1, 2).T
        return float(changed[y, x].mean())

    assert share(0.0, 2.5) > 0.95
    assert share(2.5, 0.0) > 0.95
    assert share(2.5, 2.5) < 0.02


def test_laid_flat_a_millimetre_is_one_everywhere(inspected: Inspected) -> None:
    """Seams and ends of the record stand upright at their millimetre."""
    rows, picture = inspected.steps.page.layout.rows, inspected.pictures["6-rectified"]
    left_mm = max(inspected.steps.mesh.extent_mm[0], rows[0].start_mm - 25)
    scale = WIDTH_PX / (min(inspected.steps.mesh.extent_mm[2], rows[0].end_mm + 25) - left_mm)
    for row in rows:
        for colour, places in (
            (PURPLE, [segment.start_mm for segment in row.segments[1:]]),
            (GREEN, [row.start_mm, row.end_mm]),
        ):
            for place in places:
                column = round((place - left_mm) * scale)
                strokes = near(colour, picture[CAPTION_PX:, column - 2 : column + 3], 80).any(1)
                assert strokes.sum() > 20 * scale


def test_curves_lie_on_the_traces(inspected: Inspected) -> None:
    steps = inspected.steps
    view = view_from_box(steps.located.image, steps.located.page_px)
    drawn = below_caption(inspected.pictures["7-traces"], view.image.shape[0])
    left = (WIDTH_PX - view.image.shape[1]) // 2
    for name, lead in steps.page.leads.items():
        coloured = near(LEAD_COLOURS[name], drawn, 90).astype(np.uint8)
        wide = cv2.dilate(coloured, np.ones((5, 5), np.uint8))
        x, y = view.places(lead.curve_px[::5, 0], lead.curve_px[::5, 1]).astype(int).T
        assert wide[y, x + left].mean() > 0.85, name
        assert coloured.sum() > 300, name


def test_where_the_tracer_was_unsure_the_curve_is_warm(inspected: Inspected) -> None:
    traces = [list(row) for row in inspected.steps.traces]
    doubtful = np.full_like(traces[0][0].confidence, 0.4)
    doubtful[:300] = 0
    traces[0][0] = replace(traces[0][0], confidence=doubtful)
    seen = replace(inspected.seen, traces=traces)
    doubted, sure = dict(pictures_from_inspection(seen))["7-traces"], inspected.pictures["7-traces"]
    for colour in ((240, 120, 0), (200, 30, 30)):
        more = near(colour, doubted[CAPTION_PX:], 40).sum() - near(colour, sure[CAPTION_PX:], 40).sum()
        assert more > 80


def test_a_page_with_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes eight pictures, and its scores are those of the metric."""
    code = exit_code(["inspect", str(PAGE), "--out", str(tmp_path), "--truth", str(TRUTH), "--threads", "2"])
    out, err = capsys.readouterr()
    assert (code, out) == (0, "")
    assert {path.stem for path in tmp_path.glob("*.png")} == set(PICTURES)
    facts = json.loads((tmp_path / "inspect.json").read_text(encoding="utf-8"))
    assert facts["status"] == "digitized"
    assert facts["pictures"] == [f"{name}.png" for name in PICTURES]
    assert facts["layout"]["name"] == "3x4+1"
    assert set(facts["seconds"]) == set(facts["steps"])
    assert set(facts["leads"]) == set(LEADS)
    source = PageRef(PAGE)
    page = Digitizer(threads=2).digitize_image(rgb_from_page(source), source)
    score = image_score(read_truth(TRUTH), {n: lead.mv.astype(float) for n, lead in page.leads.items()})
    for name, lead in facts["leads"].items():
        assert lead["snr_db"] == pytest.approx(score.leads[name].db, abs=0.01)
        assert lead["pearson"] > 0.95
        assert 0 < lead["nrmse_percent"] < 8
    told = re.search(r"score +([\d.]+) dB", err)
    assert told
    assert float(told[1]) == pytest.approx(score.db, abs=0.01)
    plot = rgb_from_page(PageRef(tmp_path / "8-leads.png"))
    assert near((90, 165, 245), plot[CAPTION_PX:], 30).sum() > 5000, "the truth can be seen"


def test_a_blank_page_is_shown_as_far_as_it_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, out = tmp_path / "blank.png", tmp_path / "out"
    cv2.imwrite(str(page), np.full((600, 800, 3), 255, np.uint8))
    out.mkdir()
    (out / "8-leads.png").write_bytes(b"of a former page")
    assert exit_code(["inspect", str(page), "--out", str(out), "--threads", "2"]) == 2
    facts = json.loads((out / "inspect.json").read_text(encoding="utf-8"))
    assert facts["status"] == "failed"
    assert f"[{facts['error']['id']}]" in capsys.readouterr().err
    assert facts["error"]["id"] in {"E-PAGE-01", "E-GRID-01", "E-ROWS-01"}
    assert facts["pictures"]
    assert {path.name for path in out.glob("*.png")} == set(facts["pictures"])


def test_a_page_of_unknown_layout_is_shown_up_to_its_flat_paper(inspected: Inspected, tmp_path: Path) -> None:
    steps, source = inspected.steps, PageRef(PAGE)
    seen = Inspection(source, inspected.seen.image, truth={})
    for name, value in (("locate", steps.located), ("grid", steps.phase), ("rectify", steps.mesh)):
        seen.watch(name, value)
    seen.failed = failed_from_error(source, UnknownLayout(["5 rows"], ["3x4"]))
    written = write_inspection(seen, tmp_path)
    assert [path.stem for path in written] == [*PICTURES[:6], "inspect"]
    facts = json.loads(written[-1].read_text(encoding="utf-8"))
    assert (facts["error"]["id"], facts["steps"]) == ("E-LAYOUT-01", ["locate", "grid", "rectify"])
    assert facts["layout"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent.png", "--out", "out"], 1, "E-INPUT-01"),
        ([str(PAGE), "--out", "out", "--truth", "absent.csv"], 1, "E-TRUTH-02"),
        ([str(PAGE)], 1, "--out"),
        ([str(PAGE), "--out", str(PAGE)], 4, "E-OUTPUT-01"),
    ],
)
def test_bad_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert exit_code(["inspect", *arguments]) == code
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help_loads_nothing_heavy() -> None:
    code = "from ecgdigit_rt.cli.app import exit_code; assert exit_code(['inspect', '--help']) == 0"
    assert modules_after(code).isdisjoint(HEAVY)


def test_agreement_is_measured_after_the_metrics_alignment() -> None:
    """A curve that was only moved agrees entirely; one with a known error has that error's size."""
    time_s = np.arange(2000) / 500
    truth = np.exp(-np.square((time_s - 2) / 0.05)) - 0.5 * np.exp(-np.square((time_s - 2.2) / 0.02))
    moved = agreement(truth, np.roll(truth, 20) + 0.3, 500)
    assert moved.lag_s == pytest.approx(-0.04)
    assert moved.offset_mv == pytest.approx(-0.3)
    assert moved.pearson == pytest.approx(1)
    noise = np.random.default_rng(1).normal(0, 0.01, truth.size)
    noisy = agreement(truth, truth + noise, 500)
    assert noisy.nrmse_percent == pytest.approx(100 * 0.01 / np.ptp(truth), rel=0.05)
    assert noisy.db == pytest.approx(decibel(float(np.mean(truth**2)) / 1e-4), abs=0.3)
    assert noisy.pearson == pytest.approx(np.corrcoef(truth, truth + noise)[0, 1], abs=1e-9)
    level = agreement(truth, np.zeros(truth.size), 500)
    assert np.isnan(level.pearson)
