"""Tests of scores against truth files, of inferred rates, and of the text and JSON reports."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray
from paper_page import signals, write_truth

from ecgdigit_rt.errors import TruthMalformed, TruthMissing
from ecgdigit_rt.evaluation.reports.json_report import json_from_evaluation
from ecgdigit_rt.evaluation.reports.text_report import text_from_evaluation
from ecgdigit_rt.evaluation.scores import evaluate, image_score, kind_from_name
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest

TEST_HEADER = "id,lead,fs,number_of_rows\n"


@pytest.fixture
def truth_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    folder.mkdir()
    for i, name in enumerate(("01_render", "02_render", "03_bw_scan")):
        write_truth(folder / f"{name}.csv", signals(i))
    return folder


def add_noise(leads: dict[str, NDArray[np.float64]], db: float) -> dict[str, NDArray[np.float64]]:
    """Return the leads with white noise of a known SNR over the image."""
    rng = np.random.default_rng(5)
    power = sum(float(mv @ mv) for mv in leads.values()) / sum(mv.size for mv in leads.values())
    sigma = math.sqrt(power / 10 ** (db / 10))
    return {name: mv + rng.normal(0, sigma, mv.size) for name, mv in leads.items()}


def test_truth_is_read_without_cells_outside_the_windows(truth_dir: Path) -> None:
    truth = read_truth(truth_dir / "01_render.csv")
    assert {name: mv.size for name, mv in truth.leads.items()} == {
        name: 5000 if name == "II" else 1250 for name in signals(0)
    }
    np.testing.assert_allclose(truth.leads["V6"], signals(0)["V6"], atol=5.1e-5)


def test_scores_equal_the_snr_of_the_added_noise(truth_dir: Path) -> None:
    submission = {
        "01_render": add_noise(signals(0), 20),
        "02_render": add_noise(signals(1), 30),
        "03_bw_scan": add_noise(signals(2), 10),
    }
    got = evaluate(submission, truth_dir)
    assert [image.db for image in got.images] == pytest.approx([20, 30, 10], abs=0.35)
    assert got.mean_db == pytest.approx(20, abs=0.3)
    expected = 10 * math.log10((100 + 384 + 10) / 3)
    assert got.score == pytest.approx(expected, abs=0.3)
    assert [(kind, len(images)) for kind, images in got.kinds.items()] == [
        ("render", 2),
        ("bw_scan", 1),
    ]
    assert set(got.lead_db) == set(signals(0))


def test_images_and_leads_absent_from_the_submission_count_as_missing(truth_dir: Path) -> None:
    leads = signals(0)
    leads.pop("V1")
    leads["V2"] = np.zeros(1250)
    got = evaluate({"01_render": leads, "elsewhere": leads}, truth_dir)
    assert [image.image for image in got.images] == ["01_render", "02_render", "03_bw_scan"]
    assert got.images[0].missing == ("V1", "V2")
    assert got.images[0].leads["V1"].db == 0
    assert got.images[1].db == 0
    assert len(got.images[1].missing) == 12
    assert got.without_truth == ("elsewhere",)
    only = evaluate({"01_render": leads}, truth_dir, submitted_only=True)
    assert [image.image for image in only.images] == ["01_render"]


@pytest.mark.parametrize("truth_rate", [250, 256, 500, 512, 1000, 1025])
@pytest.mark.parametrize("submission_rate", [500, 256])
def test_rate_is_inferred_from_the_sample_counts(truth_rate: int, submission_rate: int) -> None:
    original = signals(0)

    def at(rate: int) -> dict[str, NDArray[np.float64]]:
        resampled = {n: scipy.signal.resample(mv, mv.size * rate // 500) for n, mv in original.items()}
        return {n: mv[: (10 * rate if n == "II" else int(2.5 * rate))] for n, mv in resampled.items()}

    truth = Truth("1", truth_rate, at(truth_rate))
    got = image_score(truth, at(submission_rate))
    assert got.db > 25
    assert got.missing == ()


def test_long_windows_are_cut_and_short_ones_are_missing_samples() -> None:
    leads = signals(0)
    truth = Truth("1", 500, leads)
    longer = {n: np.concatenate([mv, np.ones(100)]) for n, mv in leads.items()}
    assert image_score(truth, longer).ratio > 1e6
    halved = {**leads, "II": leads["II"][:2500]}
    lost = image_score(truth, halved).leads["II"]
    assert lost.error == pytest.approx(float(np.sum(leads["II"][2500:] ** 2)), rel=1e-6)


def test_rate_of_the_truth(tmp_path: Path) -> None:
    leads = {"I": np.ones(625)}
    path = tmp_path / "1.csv"
    write_truth(path, leads, rows=2500)
    assert read_truth(path).rate_hz == 250, "2500 lines are 10 s at 250 Hz"
    assert read_truth(path, [LeadRequest("I", 500, 625)]).rate_hz == 500, "test.csv has precedence"
    assert read_truth(path, [LeadRequest("I", 500, 1250)]).rate_hz == 250, "its counts do not match"
    write_truth(path, leads, rows=3000)
    assert read_truth(path).rate_hz == 500


def test_rate_in_test_csv_determines_the_maximum_lag(truth_dir: Path) -> None:
    leads = {"I": signals(0)["I"][:625]}
    write_truth(truth_dir / "04_half.csv", leads, rows=2500)
    late = {"I": np.concatenate([np.full(80, leads["I"][0]), leads["I"][:-80]])}
    lag = "04_half"
    at_250 = evaluate({lag: late}, truth_dir, submitted_only=True).images[0].leads["I"]
    (truth_dir.parent / "test.csv").write_text(TEST_HEADER + f"{lag},I,500,625\n")
    at_500 = evaluate({lag: late}, truth_dir, submitted_only=True).images[0].leads["I"]
    assert abs(at_250.lag) <= 50
    assert at_500.lag == -80


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", "1"),
        ("a,b\n1,2\n", "1"),
        ("I,V1\n0.1,\n0.2\n", "V1"),
        ("I,V1\n0.1,x\n", "V1"),
        ("I\n0.1\n nan\n0.2\n", "I"),
        ("I,V1\n,\n,\n", "I"),
    ],
)
def test_malformed_truth_raises_with_its_column(tmp_path: Path, text: str, column: str) -> None:
    path = tmp_path / "1.csv"
    path.write_text(text)
    with pytest.raises(TruthMalformed) as caught:
        read_truth(path)
    assert caught.value.column == column


def test_missing_truth_raises(tmp_path: Path, truth_dir: Path) -> None:
    with pytest.raises(TruthMissing, match=r"No NAME\.csv"):
        evaluate({"1": signals(0)}, tmp_path / "none")
    with pytest.raises(TruthMissing, match="No ground truth for 1, 2 in"):
        evaluate({"1": signals(0), "2": signals(0)}, truth_dir)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("01_render", "render"),
        ("07_bw_scan", "bw_scan"),
        ("h01_clean_00009", "clean"),
        ("h16_colour_E07509", "colour"),
        ("h07_clean_s0010", "clean"),
        ("1053922973", ""),
        ("1053922973-0005", ""),
        ("page_0001", ""),
    ],
)
def test_kind_is_taken_from_the_name(name: str, kind: str) -> None:
    assert kind_from_name(name) == kind


def test_text_and_json_agree(truth_dir: Path) -> None:
    perfect = dict(read_truth(truth_dir / "01_render.csv").leads)
    got = evaluate({"01_render": perfect, "02_render": add_noise(signals(1), 12)}, truth_dir)
    document = json.loads(json_from_evaluation(got))
    assert document["images"][0]["db"] is None, "infinite dB is null"
    assert document["images"][0]["capped_db"] == pytest.approx(25.843, abs=1e-3)
    assert document["images"][1]["db"] == pytest.approx(12, abs=0.4)
    expected = {"images": 1, "mean_db": 0, "score_db": 0, "pearson": None, "r_peak_sensitivity": 0}
    assert document["kinds"]["bw_scan"].items() >= expected.items()
    text = text_from_evaluation(got)
    assert f"score      {document['score_db']:.2f}" in text
    line = next(line for line in text.splitlines() if line.startswith("03_bw_scan"))
    assert line.split() == ["03_bw_scan", "0.00", "I", "0.00", "all"]
