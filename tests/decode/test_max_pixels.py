"""The limit on a page's pixels: a value that is passed, and obeyed before anything is decoded."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import call
from fuzz.seeds import SEEDS
from paper_page import TruthDigitizer, scans_folder
from pdf_files import pdf, scan
from sample_picture import HEIGHT, WIDTH, page

from ecgdigit_rt import Digitizer, Failed
from ecgdigit_rt.decode.array import rgb_from_array
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.errors import ImageSizeOutOfRange, NotAnImageArray
from ecgdigit_rt.results import PageRef

PIXELS = HEIGHT * WIDTH


@pytest.mark.parametrize("name", sorted(set(SEEDS) - {"test-csv", "submission", "pdf"}))
def test_every_kind_obeys_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "page"
    path.write_bytes(SEEDS[name]()[0])
    assert rgb_from_page(PageRef(path), PIXELS).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageSizeOutOfRange, match=r"at most 0\.063999 megapixels") as caught:
        rgb_from_page(PageRef(path), PIXELS - 1)
    assert "--max-pixels" in caught.value.hint


def test_a_scan_in_a_pdf_is_refused_and_a_drawing_drawn_smaller(tmp_path: Path) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(scan(150))
    assert rgb_from_page(PageRef(path), PIXELS).size == 3 * PIXELS
    with pytest.raises(ImageSizeOutOfRange):
        rgb_from_page(PageRef(path), PIXELS - 1)
    path.write_bytes(pdf(b"1 0 0 RG 3 w 10 10 m 500 700 l S"))
    for most in (100_000, 1_000_000, 3_141_592):
        drawn = rgb_from_page(PageRef(path), most).size / 3
        assert 0.98 * most < drawn <= most


def test_arrays_and_the_python_interface_obey_it(tmp_path: Path) -> None:
    with pytest.raises(NotAnImageArray, match="megapixels"):
        rgb_from_array(page(), PIXELS - 1)
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), page())
    digitizer = Digitizer(method="classical", max_pixels=PIXELS - 1)
    with pytest.raises(ImageSizeOutOfRange):
        digitizer.digitize(path)
    results = list(digitizer.digitize_many([path, page(), tmp_path]))
    assert [one.error_id for one in results if isinstance(one, Failed)] == [
        "E-INPUT-05",
        "E-INPUT-09",
        "E-INPUT-05",
    ]


def test_the_command_line_passes_it_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = scans_folder(tmp_path, monkeypatch, ["1"], TruthDigitizer)
    code, _, _ = call(capsys, "run", scans, "--out", "s.csv", "--max-pixels", "4000000")
    assert (code, TruthDigitizer.wishes["max_pixels"]) == (0, 4_000_000)
    call(capsys, "run", scans, "--out", "s.csv")
    assert TruthDigitizer.wishes["max_pixels"] == MAX_PIXELS
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--max-pixels", "100")
    assert code == 1
    assert "--max-pixels" in err


def test_an_overlay_decodes_no_larger_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    big = tmp_path / "big.png"
    cv2.imwrite(str(big), np.full((300, 400, 3), 255, np.uint8))
    options = ["--out", f"{tmp_path}/s.csv", "--overlay", f"{tmp_path}/look", "--max-pixels", "100000"]
    code, _, _ = call(capsys, "run", big, *options, "--method", "classical")
    assert code == 2
    report = json.loads((tmp_path / "s.report.json").read_text(encoding="utf-8"))
    assert report["results"][0]["error_id"] == "E-INPUT-05"
    drawn = cv2.imread(str(tmp_path / "look" / "big.png"))
    assert drawn is not None
    assert (drawn.max(axis=2) < 255).mean() > 0.5, "grey, in place of the white page"
