"""Distillation: labels of teachers on rectified pages, and training of a student."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ecgdigit_export.distill.rectified_page import load_rectified, page_group, rectified_labels
from ecgdigit_export.distill.student import distill_loss, rectified_samples
from ecgdigit_export.distill.teacher import Teachers, strip_at
from ecgdigit_export.models.families import stage_network
from ecgdigit_export.models.stages import Trace
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.results import PageRef

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples" / "000000_render.jpg"


@pytest.fixture(scope="module")
def labelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rectify an example, with a name as in the competition, and an image that is not a page."""
    folder = tmp_path_factory.mktemp("distill")
    (folder / "pages").mkdir()
    (folder / "pages" / "77-0001.jpg").write_bytes(PAGE.read_bytes())
    cv2.imwrite(str(folder / "pages" / "grey.png"), np.full((400, 600, 3), 128, np.uint8))
    assert exit_code(["distill", str(folder / "pages"), "--out", str(folder / "out"), "--labels-only"]) == 2
    return folder


def test_names_and_content_of_the_files(labelled_folder: Path) -> None:
    out = labelled_folder / "out"
    assert (out / "rectified/77/77-0001.rect.png").is_file()
    assert sorted(path.name for path in (out / "rectified_labels/77").iterdir()) == [
        "77-0001.json",
        "77-0001.npy",
        "77-0001.presence.npy",
        "77-0001.tall.npy",
    ]
    fields = json.loads((out / "rectified_labels/77/77-0001.json").read_text())
    assert fields["teachers"] == ["lite 0.6.0"]
    assert fields["rows"][0]["leads"] == ["I", "aVR", "V1", "V4"]
    assert page_group("scan-12") == "scan-12"


def test_labels_are_on_the_ink(labelled_folder: Path) -> None:
    (path,) = rectified_labels(labelled_folder / "out")
    page = load_rectified(path)
    for row, heights, presence in zip(page.rows, page.heights[""], page.presence, strict=True):
        distribution = heights.astype(float)
        assert (
            np.abs(distribution.sum(0)[presence > 200] - 255).max() < 30
        )  # rounding errors of a few dozen bins
        expected = (distribution * (np.arange(distribution.shape[0]) + 0.5)[:, None]).sum(
            0
        ) / distribution.sum(0).clip(1)
        strip = strip_at(page.pixels, row.middle_px, 20.0).mean(2)
        confident = np.flatnonzero((presence > 250) & (distribution.max(0) > 60))
        on = strip[(2 * expected[confident]).astype(int), confident // 2]
        off = strip[np.clip(2 * expected[confident] + 14, 0, 319).astype(int), confident // 2]
        assert np.median(off - on) > 60


def test_labels_of_several_teachers_are_their_mean(labelled_folder: Path) -> None:
    image = rgb_from_file(PAGE)
    one = Teachers(["lite"], 2).rectify(image, PageRef(PAGE))
    both = Teachers(["lite", str(ROOT / "ecgdigit_rt/models/lite")], 2).rectify(image, PageRef(PAGE))
    assert both.teachers == ("lite 0.6.0", "lite 0.6.0")
    assert np.array_equal(one.heights[""], both.heights[""])
    stored = load_rectified(rectified_labels(labelled_folder / "out")[0])
    assert np.array_equal(one.pixels, stored.pixels)
    assert np.abs(one.heights[""].astype(int) - stored.heights[""]).max() <= 1


def test_the_shipped_network_agrees_with_itself(labelled_folder: Path) -> None:
    """Shifted crops have shifted labels, so the error of trained weights is small."""
    (path,) = rectified_labels(labelled_folder / "out")
    network = stage_network("lite", "trace").eval()
    weights = torch.load(ROOT / "export/checkpoints/trace.pt", weights_only=True)["weights"]
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    errors = []
    for sample in rectified_samples(path, np.random.default_rng(0)):
        batch = {key: torch.as_tensor(value[None]) for key, value in sample.items()}
        with torch.inference_mode():
            errors.append(distill_loss(cast("Trace", network), batch)[1]["error_mm"])
    assert np.median(errors) < 0.15


def test_a_student_is_trained(labelled_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = labelled_folder / "out"
    before = (out / "rectified_labels/77/77-0001.json").stat().st_mtime_ns
    small = ["--steps", "2", "--set", "trace.batch=1", "--set", "workers=0", "--set", "log=[]"]
    command = ["distill", str(labelled_folder / "pages/77-0001.jpg"), "--out", str(out), *small]
    assert exit_code(command) == 0
    assert torch.load(out / "trace.pt", weights_only=True)["step"] == 2
    assert (out / "rectified_labels/77/77-0001.json").stat().st_mtime_ns == before  # not labelled again
    assert exit_code(command) == 1
    assert "E-TRAIN-02" in capsys.readouterr().err
