"""Python interface: one page, many sources, and conversions of a digitized page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pytest
import wfdb

from ecgdigit_rt import Digitized, Digitizer, Failed, PageRef
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.decode.sources import Source
from ecgdigit_rt.errors import InputNotFound, NotAnImageArray

mpl.use("Agg")
EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = EXAMPLES / "000000_render.jpg"


@pytest.fixture(scope="module")
def page(digitizer: Digitizer) -> Digitized:
    return digitizer.digitize(PAGE)


def test_paths_references_and_arrays_give_equal_results(digitizer: Digitizer, page: Digitized) -> None:
    for source in (str(PAGE), PageRef(PAGE), rgb_from_file(PAGE)):
        result = digitizer.digitize(source)
        assert np.array_equal(result.leads["V2"].mv, page.leads["V2"].mv)
    assert page.provenance is not None
    assert page.provenance.software.startswith("ecgdigit-rt ")
    assert page.provenance.models.startswith("lite ")


def test_results_are_in_order_and_bad_sources_fail_alone(digitizer: Digitizer, tmp_path: Path) -> None:
    for name in ("b", "a"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), rgb_from_file(PAGE)[..., ::-1])
    sources: list[Source] = [
        tmp_path,
        "nothing.png",
        rgb_from_file(PAGE),
        np.zeros((3, 3, 3, 3)),
        PageRef(PAGE),
    ]
    results = list(digitizer.digitize_many(sources))
    assert [result.source.id for result in results] == [
        "a", "b", "nothing", "array-2", "array-3", PAGE.stem
    ]  # fmt: skip
    assert [type(result) for result in results] == [
        Digitized, Digitized, Failed, Digitized, Failed, Digitized
    ]  # fmt: skip
    assert [result.error_id for result in results if isinstance(result, Failed)] == [
        InputNotFound.id,
        NotAnImageArray.id,
    ]


def test_one_bad_source_raises(digitizer: Digitizer) -> None:
    with pytest.raises(InputNotFound):
        digitizer.digitize("nothing.png")


def test_a_page_converts_to_a_data_frame(page: Digitized) -> None:
    frame = page.to_dataframe()
    assert list(frame.columns) == ["I", "II", "III", "aVR", "aVL", "aVF", *(f"V{k}" for k in range(1, 7))]
    assert frame.shape == (5000, 12)
    assert frame["V1"].notna().sum() == 1250
    assert frame["V1"].first_valid_index() == pytest.approx(5.0, abs=0.002)
    assert np.array_equal(frame["II"].to_numpy(), page.leads["II"].mv)


def test_a_page_converts_to_a_wfdb_record(page: Digitized, tmp_path: Path) -> None:
    header = page.to_wfdb(tmp_path / "page")
    record = wfdb.rdrecord(str(header.with_suffix("")))
    assert record.fs == 500
    assert np.abs(record.p_signal[:, record.sig_name.index("II")] - page.leads["II"].mv).max() < 1e-3


def test_a_page_plots_its_leads(page: Digitized) -> None:
    figure = page.plot()
    (axes,) = figure.axes
    assert len(axes.lines) == 12
    by_name = dict(zip([text.get_text() for text in axes.texts], axes.lines, strict=True))
    drawn = np.asarray(by_name["V1"].get_ydata())
    assert np.allclose(drawn - drawn.mean(), page.leads["V1"].mv - page.leads["V1"].mv.mean(), atol=1e-6)
    low, high = axes.get_ylim()
    assert all(low <= np.min(line.get_ydata()) and np.max(line.get_ydata()) <= high for line in axes.lines)
    other = figure.add_subplot()
    assert page.plot(other) is figure
    assert len(other.lines) == 12


def test_the_package_imports_no_heavy_modules() -> None:
    heavy = ("pandas", "matplotlib", "wfdb", "cv2")
    code = f"import ecgdigit_rt.results, sys; print([m for m in {heavy} if m in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
