"""Labelling of scanned pages with their truth, for training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ecgdigit_export.synth.truth import PageTruth, load_truth
from ecgdigit_export.synth.truth_csv import lead_signals, truth_csv
from ecgdigit_export.train.config_files import load_settings
from ecgdigit_export.train.fit import train_stage
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.evaluation.metric import db_from_ratio, lead_score, snr_ratio

ROOT = Path(__file__).parents[2]
PAGES = ("000000_render", "000003_photo")


@pytest.fixture(scope="module")
def labelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Label two examples with their truth, one with the truth of another page, and one without truth."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("pages", "truth"):
        (folder / name).mkdir()
    for name in PAGES:
        shutil.copy(ROOT / "examples" / f"{name}.jpg", folder / "pages")
        shutil.copy(ROOT / "examples" / "truth" / f"{name}.csv", folder / "truth")
    shutil.copy(ROOT / "examples" / "000001_colour_scan.jpg", folder / "pages" / "wrong.jpg")
    shutil.copy(ROOT / "examples" / "truth" / "000002_bw_scan.csv", folder / "truth" / "wrong.csv")
    shutil.copy(ROOT / "examples" / "000001_colour_scan.jpg", folder / "pages" / "without.jpg")
    arguments = [
        "label",
        str(folder / "pages"),
        "--truth",
        str(folder / "truth"),
        "--out",
        str(folder / "out"),
    ]
    assert exit_code(arguments) == 2
    return folder


def test_pages_that_do_not_match_are_skipped(labelled_folder: Path) -> None:
    assert sorted(path.stem for path in (labelled_folder / "out").glob("*.npz")) == list(PAGES)
    assert sorted(path.stem for path in (labelled_folder / "out-preview").glob("*.png")) == list(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_the_labels_equal_the_truth(name: str, labelled_folder: Path) -> None:
    """The signals of the labels equal the truth, apart from shifts by fractions of a sample."""
    truth = load_truth(labelled_folder / "out" / f"{name}.npz")
    lines = (labelled_folder / "truth" / f"{name}.csv").read_text().splitlines()
    header = lines[0].split(",")
    table = np.array([[float(cell or "nan") for cell in line.split(",")] for line in lines[1:]])
    scores = []
    for lead, (_, mv) in lead_signals(truth).items():
        column = table[:, header.index(lead)]
        expected = column[np.isfinite(column)]
        count = min(expected.size, mv.size)
        scores.append(lead_score(expected[10 : count - 10], mv[10 : count - 10], 500))
    assert len(scores) == 12
    assert db_from_ratio(snr_ratio(scores)) > 20


@pytest.mark.parametrize("name", PAGES)
def test_the_curves_are_on_the_ink(name: str, labelled_folder: Path) -> None:
    """The page is darker at the true curve than 1.5 mm above and below it."""
    import cv2

    truth = load_truth(labelled_folder / "out" / f"{name}.npz")
    image = cv2.imread(str(labelled_folder / "out" / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    on, off = _grey_at(truth, image, 0.0), (_grey_at(truth, image, 1.5) + _grey_at(truth, image, -1.5)) / 2
    assert np.median(off - on) > 40


def _grey_at(truth: PageTruth, image: np.ndarray, above_mm: float) -> np.ndarray:
    values = []
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        is_flat = np.abs(np.gradient(curve)) < 0.02  # in flat parts, a stroke is as thin as the pen
        u = row.start_mm + np.flatnonzero(is_flat) / 20
        x, y = truth.pixels_from_mm(u, row.baseline_mm - curve[is_flat] - above_mm)
        values.append(image[y.astype(int), x.astype(int)].astype(float))
    return np.concatenate(values)


def test_networks_are_fine_tuned_on_labels(labelled_folder: Path, tmp_path: Path) -> None:
    quick = ["workers=0", "validation.count=0", "log=[]", "trace.rate=1e-5", "trace.batch=2"]
    paths = [
        f"pages={labelled_folder / 'out'}",
        f"out={tmp_path}",
        f"init_from={ROOT / 'export/checkpoints'}",
    ]
    losses: list[float] = []
    for stage in ("trace", "locate"):
        settings = load_settings("lite", [*paths, *quick, f"{stage}.steps=1", f"{stage}.batch=2"])
        train_stage(stage, settings, on_epoch=lambda summary: losses.append(summary.loss))
    assert losses[0] < 2.5  # with random weights, the loss is above 6


def test_truth_csv_of_labels_can_be_written(labelled_folder: Path) -> None:
    assert truth_csv(load_truth(labelled_folder / "out" / f"{PAGES[0]}.npz")).startswith("I,")
