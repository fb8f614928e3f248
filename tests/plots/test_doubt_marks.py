"""Marks of doubtful pages on overlays, inspection images and figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from doubtful_pages import DOUBTS, MARK, METADATA, doubtful_page, doubtful_pipeline
from paper_page import digitized_page, draw_page, signals

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.plots.doubt_band import doubt_band
from ecgdigit_rt.plots.ecg_paper import PX_PER_MM, WIDTH_PX, paper_from_leads
from ecgdigit_rt.plots.inspect.curves import LEAD_COLOURS
from ecgdigit_rt.plots.inspect.inspection import IMAGE_NAMES, Inspection, images_from_inspection
from ecgdigit_rt.plots.overlay import COLOURS, FRAME_PX, WARNING, overlay_from_page
from ecgdigit_rt.results import ALL_LEADS, FURTHER_LEADS, Lead, PageRef
from ecgdigit_rt.tracing.assemble import page_from_traces

mpl.use("Agg")
PAGE = Path(__file__).parents[2] / "examples" / "000001_colour_scan.jpg"


def test_the_band_has_a_line_per_doubt() -> None:
    assert doubt_band((), 800).shape == (0, 800, 3)
    one, two = doubt_band(DOUBTS[:1], 1980), doubt_band(DOUBTS, 1980)
    assert two.shape[0] > one.shape[0]
    assert two.dtype == np.uint8
    assert (two.max(2) < 170).sum() > (one.max(2) < 170).sum() > 1000


def test_long_doubts_are_wrapped() -> None:
    long = Doubt("D-LEADS-01", "leads contradict each other " * 20)
    narrow, wide = doubt_band((long,), 900), doubt_band((long,), 1980)
    assert narrow.shape[0] > wide.shape[0] + 100
    assert (narrow[:, -10:].max(2) > 170).all(), "no text at the right edge"


def test_overlay_of_a_doubtful_page_has_a_band_and_a_frame() -> None:
    leads = signals(0)
    page, doubtful = digitized_page(PageRef(Path("page.png")), leads), doubtful_page()
    image, marked = (overlay_from_page(one, draw_page(leads)) for one in (page, doubtful))
    band = doubt_band(DOUBTS, WIDTH_PX)
    assert marked.shape[0] == image.shape[0] + band.shape[0]
    assert np.array_equal(marked[: band.shape[0]], band)
    framed = marked[band.shape[0] :]
    assert (framed[: FRAME_PX - 1] == WARNING).all()
    assert (framed[200, : FRAME_PX - 1] == WARNING).all()
    assert not (image[: FRAME_PX - 1] == WARNING).all(2).any()
    assert np.array_equal(framed[200:1200, 100:-100], image[200:1200, 100:-100]), "nothing is hidden"


def test_inspection_of_a_doubtful_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ecgdigit_rt.pipeline.page_from_traces", page_from_traces)  # restores it at the end
    doubtful_pipeline()
    page = tmp_path / f"{MARK}.jpg"
    page.write_bytes(PAGE.read_bytes())
    assert exit_code(["inspect", str(page), "--out", str(tmp_path / "steps"), "--threads", "1"]) == 2
    messages = capsys.readouterr().err
    assert [line for line in messages.splitlines() if line.startswith("doubtful")] == [
        f"doubtful {doubt}" for doubt in DOUBTS
    ]
    metadata = json.loads((tmp_path / "steps" / "inspect.json").read_text(encoding="utf-8"))
    assert (metadata["status"], metadata["doubts"]) == ("doubtful", METADATA)
    assert metadata["error"] is None


def test_images_of_results_begin_with_the_doubts() -> None:
    source = PageRef(PAGE)
    inspection = Inspection(source, rgb_from_page(source))
    steps = Digitizer(threads=1).digitize_steps(inspection.image, source, inspection.observe)
    inspection.traces, inspection.page = steps.traces, replace(steps.page, doubts=())
    clear = dict(images_from_inspection(inspection))
    inspection.page = replace(steps.page, doubts=DOUBTS)
    marked = dict(images_from_inspection(inspection))
    for name in IMAGE_NAMES:
        band = marked[name].shape[0] - clear[name].shape[0]
        assert (band > 0) == (name in ("6-rectified", "7-traces", "8-leads")), name
        assert np.array_equal(marked[name][band:], clear[name]), name


def test_figure_of_a_doubtful_page_names_the_doubts() -> None:
    (axes,) = doubtful_page().plot().axes
    title = axes.get_title(loc="left")
    assert "doubtful" in title
    assert all(doubt.id in title for doubt in DOUBTS)
    (axes,) = replace(doubtful_page(), doubts=()).plot().axes
    assert "doubtful" not in axes.get_title(loc="left")


@pytest.mark.parametrize("colours", [COLOURS, LEAD_COLOURS])
def test_every_lead_has_its_own_colour(colours: dict[str, tuple[int, int, int]]) -> None:
    assert list(colours) == list(ALL_LEADS)
    assert len(set(colours.values())) == len(ALL_LEADS)


def test_further_leads_are_drawn_below_the_standard_leads() -> None:
    page = digitized_page(PageRef(Path("page.png")), signals(0))

    def further(name: str) -> Lead:
        return replace(page.leads["V1"], name=name)

    standard = paper_from_leads(page.leads, COLOURS)
    both = paper_from_leads({**page.leads, **{name: further(name) for name in FURTHER_LEADS}}, COLOURS)
    assert both.shape[0] >= standard.shape[0] + 2 * 22 * PX_PER_MM - 2, "seven leads in two rows of four"
    only = paper_from_leads({name: further(name) for name in ("V7", "V8", "V9")}, COLOURS)
    assert only.shape[0] < standard.shape[0] / 2, "no row for missing standard leads"
