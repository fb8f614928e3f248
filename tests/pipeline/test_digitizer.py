"""The whole pipeline with the shipped models, on the example pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgdigit_engine.errors import UnknownChoice
from ecgdigit_engine.runner import Runner
from ecgdigit_engine.selection import select_backend
from ecgdigit_engine.stage_opener import StageRequest
from ecgdigit_rt import Digitized, Digitizer, Failed, PageRef
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.test_csv import read_test_csv
from ecgdigit_rt.models import load_sampler

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGES = sorted(EXAMPLES.glob("*.jpg"))
MIN_DB = 12.0


def db(page: Digitized, path: Path) -> float:
    truth = read_truth(EXAMPLES / "truth" / f"{path.stem}.csv")
    return image_score(truth, {name: lead.mv.astype(float) for name, lead in page.leads.items()}).db


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_example_is_digitized(digitizer: Digitizer, path: Path) -> None:
    page = digitizer.digitize_image(rgb_from_page(PageRef(path)), PageRef(path))
    requested = {request.lead for request in read_test_csv(EXAMPLES / "test.csv")[path.stem]}
    assert set(page.leads) == requested
    assert all(np.isfinite(lead.mv).all() for lead in page.leads.values())
    assert db(page, path) > MIN_DB


def test_an_accelerator_gets_trace_runners_with_a_sampler() -> None:
    """The CPU replaces the accelerator, with the same runners, fused as on a GPU."""
    cpu = select_backend(device="cpu", precision="fp32")
    prefixes: list[bytes] = []

    def open_stage(request: StageRequest) -> Runner:
        prefixes.extend([request.prefix_graph] if request.prefix_graph is not None else [])
        return cpu.open_stage(request)

    opener = replace(cpu.opener(), open=open_stage, is_accelerator=True)
    page = PageRef(PAGES[0])
    result = Digitizer(threads=2, opener=opener).digitize_image(rgb_from_page(page), page)
    assert prefixes == [load_sampler()]
    assert db(result, page.path) > MIN_DB


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_rotated_page_gives_the_same_leads(digitizer: Digitizer, turns: int) -> None:
    path = PAGES[0]
    image = np.ascontiguousarray(np.rot90(rgb_from_page(PageRef(path)), turns))
    page = digitizer.digitize_image(image, PageRef(path))
    assert db(page, path) > MIN_DB
    for lead in page.leads.values():
        inside = (lead.curve_px > 0) & (lead.curve_px < (image.shape[1], image.shape[0]))
        assert inside.mean() > 0.99


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_blank_image_raises_a_page_error(digitizer: Digitizer, shade: int) -> None:
    with pytest.raises(PageError):
        digitizer.digitize_image(np.full((600, 800, 3), shade, np.uint8), PageRef(Path("blank.png")))


def test_a_bad_page_fails_alone(digitizer: Digitizer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(PAGES[0].read_bytes()[:2000])
    results = list(digitizer.digitize_many([PageRef(PAGES[0]), PageRef(broken), PageRef(PAGES[1])]))
    assert [type(result) for result in results] == [Digitized, Failed, Digitized]
    assert isinstance(results[1], Failed)
    assert results[1].error_id == "E-INPUT-03"


@pytest.mark.parametrize("method", ["networks", "classical"])
def test_an_unknown_test_time_augmentation_is_rejected(method: str) -> None:
    with pytest.raises(UnknownChoice, match="tta 'mirror'"):
        Digitizer(tta="mirror", method=method)


@pytest.mark.parametrize("method", ["networks", "classical"])
def test_a_closed_digitizer_digitizes_no_page(method: str) -> None:
    with Digitizer(threads=2, method=method) as closed:
        pass
    with pytest.raises(ValueError, match="the digitizer is closed"):
        closed.digitize(PAGES[0])
    with pytest.raises(ValueError, match="the digitizer is closed"):
        list(closed.digitize_many([PAGES[0]]))


def test_the_classical_method_has_no_steps_of_the_networks() -> None:
    page = PageRef(PAGES[0])
    with pytest.raises(ValueError, match="method='networks'"):
        Digitizer(method="classical").digitize_steps(rgb_from_page(page), page)


@pytest.mark.parametrize("threads", [1, 2])
def test_no_page_is_skipped(threads: int) -> None:
    pages = [PageRef(PAGES[k % 2]) for k in range(8)]
    results = list(Digitizer(threads=threads).digitize_many(iter(pages)))
    assert [result.source for result in results] == pages
    assert all(isinstance(result, Digitized) for result in results)


def test_many_pages_share_the_threads_in_order(digitizer: Digitizer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(PAGES[0].read_bytes()[:2000])
    pages = [PageRef(path) for path in (PAGES[0], broken, *PAGES[1:], PAGES[0])]
    results = list(digitizer.digitize_many(iter(pages)))
    assert len(pages) >= 6
    assert [result.source for result in results] == pages
    first, last = results[0], results[-1]
    assert isinstance(first, Digitized)
    assert isinstance(last, Digitized)
    assert isinstance(results[1], Failed)
    assert all(np.array_equal(first.leads[name].mv, lead.mv) for name, lead in last.leads.items())
    (alone,) = digitizer.digitize_many(pages[:1])
    assert isinstance(alone, Digitized)
    for name, lead in alone.leads.items():  # a different number of threads changes the order of sums
        assert np.abs(lead.mv - first.leads[name].mv).max() < 0.01
