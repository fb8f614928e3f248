"""The option max_pixels: decoders check it before they allocate memory for pixels."""

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
from sample_image import HEIGHT, WIDTH, page

from ecgdigit_rt import Digitizer, Failed
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.decode.pixels import rgb_from_array
from ecgdigit_rt.errors import ImageSizeOutOfRange, NotAnImageArray
from ecgdigit_rt.results import PageRef

PIXELS = HEIGHT * WIDTH


@pytest.mark.parametrize("name", sorted(set(SEEDS) - {"test-csv", "submission", "pdf", "drawing"}))
def test_every_format_checks_max_pixels(tmp_path: Path, name: str) -> None:
    path = tmp_path / "page"
    path.write_bytes(SEEDS[name]()[0])
    assert rgb_from_page(PageRef(path), PIXELS).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageSizeOutOfRange, match=r"the maximum is 0\.063999 megapixels") as caught:
        rgb_from_page(PageRef(path), PIXELS - 1)
    assert "--max-pixels" in caught.value.hint


def test_pdf_scan_is_rejected_and_drawing_is_rendered_smaller(tmp_path: Path) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(scan(150))
    assert rgb_from_page(PageRef(path), PIXELS).size == 3 * PIXELS
    with pytest.raises(ImageSizeOutOfRange):
        rgb_from_page(PageRef(path), PIXELS - 1)
    path.write_bytes(pdf(b"1 0 0 RG 3 w 10 10 m 500 700 l S"))
    for limit in (100_000, 1_000_000, 3_141_592):
        rendered = rgb_from_page(PageRef(path), limit).size / 3
        assert 0.98 * limit < rendered <= limit


def test_arrays_and_digitizer_check_max_pixels(tmp_path: Path) -> None:
    with pytest.raises(NotAnImageArray, match="megapixels"):
        rgb_from_array(page(), PIXELS - 1)
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), page())
    digitizer = Digitizer(method="classical", max_pixels=PIXELS - 1)
    with pytest.raises(ImageSizeOutOfRange):
        digitizer.digitize(path)
    results = list(digitizer.digitize_many([path, page(), tmp_path]))
    assert [result.error_id for result in results if isinstance(result, Failed)] == [
        "E-INPUT-05",
        "E-INPUT-09",
        "E-INPUT-05",
    ]


def test_command_line_passes_max_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = scans_folder(tmp_path, monkeypatch, ["1"], TruthDigitizer)
    code, _, _ = call(capsys, "run", scans, "--out", "s.csv", "--max-pixels", "4000000")
    assert (code, TruthDigitizer.received_options["max_pixels"]) == (0, 4_000_000)
    call(capsys, "run", scans, "--out", "s.csv")
    assert TruthDigitizer.received_options["max_pixels"] == MAX_PIXELS
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--max-pixels", "100")
    assert code == 1
    assert "--max-pixels" in err


def test_overlay_checks_max_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    big = tmp_path / "big.png"
    cv2.imwrite(str(big), np.full((300, 400, 3), 255, np.uint8))
    options = ["--out", f"{tmp_path}/s.csv", "--overlay", f"{tmp_path}/overlays", "--max-pixels", "100000"]
    code, _, _ = call(capsys, "run", big, *options, "--method", "classical")
    assert code == 2
    report = json.loads((tmp_path / "s.report.json").read_text(encoding="utf-8"))
    assert report["results"][0]["error_id"] == "E-INPUT-05"
    overlay = cv2.imread(str(tmp_path / "overlays" / "big.png"))
    assert overlay is not None
    assert (overlay.max(axis=2) < 255).mean() > 0.5, "a grey placeholder instead of the white page"
