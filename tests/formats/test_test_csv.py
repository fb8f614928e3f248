"""Tests of test.csv and submission.csv: exactly the requested samples, on the correct time axis."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from ecgdigit_rt.errors import (
    InputNotFound,
    OutputNotWritable,
    SubmissionMalformed,
    TestCsvMalformed,
)
from ecgdigit_rt.formats.submission_csv import SubmissionLeadWriter, read_submission, rows_text
from ecgdigit_rt.formats.test_csv import LeadRequest, read_test_csv, values_for
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import LEADS, Digitized, Failed, Layout, Lead, PageRef, Row, Segment

HEADER = "id,lead,fs,number_of_rows\n"
RATES = [250, 256, 500, 512, 1000, 1025]


def band_limited(seconds: float, rate_hz: float = 500.0, seed: int = 0) -> NDArray[np.float64]:
    """Return a sum of sines below 80 Hz, whose value is known at every time."""
    return at_times(np.arange(round(seconds * rate_hz)) / rate_hz, seed)


def at_times(times_s: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    waves = zip(rng.uniform(0.3, 80, 12), rng.uniform(0, 6.28, 12), strict=True)
    return np.asarray(sum(np.sin(2 * np.pi * f * times_s + p) / 12 for f, p in waves))


def lead(name: str, mv: NDArray[np.float64]) -> Lead:
    curve = np.zeros((mv.size, 2), np.float32)
    return Lead(name, mv.astype(np.float32), 500.0, 0.0, 1.0, curve)


def page(**signals: NDArray[np.float64]) -> Digitized:
    segments = tuple(Segment(name, 0, 10, 0, 1) for name in (*signals, "V6"))
    return Digitized(
        PageRef(Path("7.png")),
        {name: lead(name, mv) for name, mv in signals.items()},
        Layout("test", (Row(0, segments),)),
        0.1,
        {},
    )


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("seconds", [2.5, 10.0])
def test_resampling_keeps_the_time_axis(rate_hz: int, seconds: float) -> None:
    count = int(seconds * rate_hz)
    got = resample(band_limited(seconds), 500, rate_hz, count)
    assert got.shape == (count,)
    expected = at_times(np.arange(count) / rate_hz)
    inner = slice(int(0.05 * rate_hz), -int(0.05 * rate_hz))
    assert np.abs(got - expected)[inner].max() < 2e-3  # the ends are extrapolated by reflection
    assert np.abs(got - expected).max() < 0.12


@pytest.mark.parametrize("rate_hz", RATES)
def test_resampling_agrees_with_the_resampling_of_the_truth(rate_hz: int) -> None:
    whole = band_limited(10)
    truth = scipy.signal.resample(whole, 10 * rate_hz)[: int(2.5 * rate_hz)]
    got = resample(whole[:1250], 500, rate_hz, truth.size)
    start = int(0.05 * rate_hz)  # the FFT of the truth rings where the record wraps around
    error = (got - truth)[start:-start]
    assert 10 * np.log10(np.sum(truth[start:-start] ** 2) / np.sum(error**2)) > 50


def test_segment_one_sample_short_or_long_is_not_stretched() -> None:
    mv = band_limited(2.5)
    for size in (1248, 1249, 1250, 1251, 1300):
        got = resample(band_limited(3)[:size], 500, 500, 1250)
        assert got.shape == (1250,)
        same = min(size, 1250)
        np.testing.assert_array_equal(got[:same], mv[:same])
        assert (got[same:] == got[same - 1]).all()
    half = resample(mv[:1247], 500, 250, 625)
    np.testing.assert_allclose(half[50:600], at_times(np.arange(625) / 250)[50:600], atol=2e-3)


def test_short_segment_is_padded_with_its_median() -> None:
    mv = np.linspace(0, 1, 400)
    got = resample(mv, 500, 500, 1250)
    assert (got[400:500] == 1.0).all()
    np.testing.assert_allclose(got[500:], 0.5)
    assert (resample(np.empty(0), 500, 250, 10) == np.zeros(10)).all()
    assert np.isfinite(resample(np.array([0.3]), 500, 1025, 100)).all()


def test_values_match_the_requests() -> None:
    got = values_for(page(I=band_limited(2.5), II=band_limited(10)), [
        LeadRequest("II", 1025, 10250), LeadRequest("I", 250, 625), LeadRequest("V1", 512, 1280),
    ])  # fmt: skip
    assert {name: mv.size for name, mv in got.values.items()} == {"II": 10250, "I": 625, "V1": 1280}
    assert list(got.values) == ["II", "I", "V1"]
    assert got.missing == ("V1",)
    assert not got.values["V1"].any()
    assert all(np.isfinite(mv).all() for mv in got.values.values())


def test_failed_page_is_zeros_with_requests_and_empty_without() -> None:
    failed = Failed(PageRef(Path("7.png")), "E-GRID-01", "no ECG grid found", "")
    got = values_for(failed, [LeadRequest("I", 250, 625)])
    assert got.values["I"].tolist() == [0.0] * 625
    assert got.missing == ("I",)
    assert values_for(failed, None).values == {}


def test_without_requests_every_lead_is_unchanged() -> None:
    signal = band_limited(2.5)
    got = values_for(page(V1=signal, I=signal), None)
    assert list(got.values) == ["I", "V1"]
    assert got.missing == ("V6",), "a lead of the layout that was not digitized"
    np.testing.assert_array_equal(got.values["V1"], signal.astype(np.float32))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_read_test_csv_keeps_the_order(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "\ufeff" + HEADER + "2,II,250,2500\n1,I,500.0,1250\n2,I,250,625\n\n")
    assert read_test_csv(path) == {
        "2": [LeadRequest("II", 250, 2500), LeadRequest("I", 250, 625)],
        "1": [LeadRequest("I", 500, 1250)],
    }
    shuffled = write(tmp_path / "s.csv", "x,number_of_rows,lead,fs,id\r\n9,10,V1,250,007\r\n")
    assert read_test_csv(shuffled) == {"007": [LeadRequest("V1", 250, 10)]}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, "id"),
        ("id,lead,fs\n", 1, "number_of_rows"),
        (HEADER, 2, "id"),
        (HEADER + "1,I,500,1250\n1,V9,500,1250\n", 3, "lead"),
        (HEADER + "1,I,fast,1250\n", 2, "fs"),
        (HEADER + "1,I,0,1250\n", 2, "fs"),
        (HEADER + "1,I,inf,1250\n", 2, "fs"),
        (HEADER + "1,I,500,12.5\n", 2, "number_of_rows"),
        (HEADER + "1,I,500,-3\n", 2, "number_of_rows"),
        (HEADER + "1,I,500\n", 2, "number_of_rows"),
        (HEADER + ",I,500,1250\n", 2, "id"),
        (HEADER + "1,I,500,1250\n2,I,500,1250\n1,I,250,625\n", 4, "lead"),
    ],
)
def test_malformed_test_csv_names_line_and_column(tmp_path: Path, text: str, line: int, column: str) -> None:
    with pytest.raises(TestCsvMalformed) as caught:
        read_test_csv(write(tmp_path / "t.csv", text))
    assert (caught.value.line, caught.value.column) == (line, column)


def test_missing_or_binary_test_csv(tmp_path: Path) -> None:
    with pytest.raises(InputNotFound):
        read_test_csv(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(TestCsvMalformed):
        read_test_csv(tmp_path / "b.csv")


def test_rows_have_the_competition_format() -> None:
    text = rows_text("10_scan", "aVR", np.array([0.1234567, -0.000001, -2.5], np.float32))
    assert text == "10_scan_0_aVR,0.12346\n10_scan_1_aVR,0.00000\n10_scan_2_aVR,-2.50000\n"
    with pytest.raises(ValueError, match="finite"):
        rows_text("1", "I", np.array([0.0, np.nan]))


@pytest.mark.parametrize("image", ["01_render", "a,b", 'say "x"', "50%s", "100%", "x_1_I"])
def test_submission_round_trip(tmp_path: Path, image: str) -> None:
    path = tmp_path / "new" / "submission.csv"
    signal = band_limited(2.5)
    with SubmissionLeadWriter(path) as writer:
        writer.write(image, "I", signal)
        writer.write(image, "V6", signal[:10])
        assert not path.exists(), "the file appears when it is complete"
    got = read_submission(path)
    assert list(got) == [image]
    np.testing.assert_allclose(got[image]["I"], signal, atol=5.1e-6)
    assert got[image]["V6"].size == 10
    assert path.read_text(encoding="utf-8").startswith("id,value\n")
    assert [p.name for p in path.parent.iterdir()] == ["submission.csv"]


def test_error_keeps_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "submission.csv", "old")
    with pytest.raises(KeyboardInterrupt), SubmissionLeadWriter(path) as writer:
        writer.write("1", "I", np.zeros(10))
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["submission.csv"]


def test_unwritable_target_fails_on_entry(tmp_path: Path) -> None:
    blocker = write(tmp_path / "file", "")
    for path in (blocker / "submission.csv", tmp_path):
        with pytest.raises(OutputNotWritable) as caught, SubmissionLeadWriter(path):
            pass
        assert caught.value.path == path


def test_writing_a_page_takes_less_than_100_ms(tmp_path: Path) -> None:
    signal = band_limited(2.5)
    with SubmissionLeadWriter(tmp_path / "s.csv") as writer:
        writer.write("warm", "I", signal)
        start = time.process_time()
        for image in range(5):
            for name in LEADS:
                writer.write(str(image), name, signal)
        seconds = (time.process_time() - start) / 5
    assert seconds < 0.1, "15 000 rows; about 10 ms on a laptop"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("id;value\n", 1),
        ("id,value\n1_0_I,0.1\n1_1_I,abc\n", 3),
        ("id,value\n1_0_I,0.1\n1_x_I,0.1\n", 3),
        ("id,value\nnothing\n", 2),
        ("id,value\n1_-1_I,0.1\n", 2),
        ("id,value\n1_99999999999_I,0.1\n", 2),
        ("id,value\n1_0_I,0.1\n2_0_I,0.2\n1_0_I,0.1\n", 4),
    ],
)
def test_malformed_submission_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(SubmissionMalformed) as caught:
        read_submission(write(tmp_path / "s.csv", text))
    assert caught.value.line == line


def test_rows_may_be_in_any_order(tmp_path: Path) -> None:
    text = "id,value\n1_3_I,3\n1_0_I,0\n2_0_V1,9\n1_1_I,1\n"
    got = read_submission(write(tmp_path / "s.csv", text))
    np.testing.assert_array_equal(got["1"]["I"], [0, 1, np.nan, 3])
    assert got["2"]["V1"].tolist() == [9]
