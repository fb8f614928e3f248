"""Tests of degradations, sweeps, and the command `robustness`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from loaded_modules import HEAVY, modules_after
from numpy.typing import NDArray
from paper_page import digitized_page, signals, write_truth

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.cli.robustness import SweepName
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import TruthMissing
from ecgdigit_rt.evaluation.robustness.degradations import (
    add_noise,
    add_shading,
    blur,
    combine,
    compress_jpeg,
    downscale,
    rotate,
    warp_perspective,
)
from ecgdigit_rt.evaluation.robustness.measurement import SCHEMA, measure_robustness, pages_with_truth
from ecgdigit_rt.evaluation.robustness.report import svg_from_robustness, text_from_robustness
from ecgdigit_rt.evaluation.robustness.sweeps import SWEEPS, Sweep
from ecgdigit_rt.plots.svg import COLOURS
from ecgdigit_rt.results import Failed, PageRef, Result

EXAMPLES = Path(__file__).parents[2] / "examples"
Image = NDArray[np.uint8]

PAPER = (240, 230, 220)


def paper(height: int = 200, width: int = 320) -> Image:
    return np.full((height, width, 3), PAPER, np.uint8)


def with_point(x: int, y: int, height: int = 200, width: int = 320) -> Image:
    image = paper(height, width)
    image[y - 1 : y + 2, x - 1 : x + 2] = 0
    return image


def centre(image: Image) -> tuple[float, float]:
    """Return x and y of the centre of the dark pixels."""
    dark = np.clip(float(PAPER[0]) - image[..., 0].astype(float), 0, None)
    dark[dark < 40] = 0
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return float((x * dark).sum() / dark.sum()), float((y * dark).sum() / dark.sum())


@pytest.mark.parametrize("degrees", [-15, -2, 5, 90])
def test_rotation_about_the_centre(degrees: float) -> None:
    turned = rotate(with_point(260, 60), degrees)
    angle = math.radians(degrees)
    right, up = 260 - 159.5, 99.5 - 60
    x = right * math.cos(angle) - up * math.sin(angle) + (turned.shape[1] - 1) / 2
    y = (turned.shape[0] - 1) / 2 - (right * math.sin(angle) + up * math.cos(angle))
    assert centre(turned) == pytest.approx((x, y), abs=0.6)  # the size is rounded to whole pixels
    assert turned.shape[0] >= 200 * abs(math.cos(angle)) + 320 * abs(math.sin(angle)) - 1e-6
    assert tuple(turned[0, 0]) == PAPER, "the background is paper"


def test_blur_spreads_a_point_by_its_sigma() -> None:
    for size in (3, 7, 11):
        image = np.zeros((41, 41, 3), np.uint8)
        image[20, 20] = 255
        degraded = blur(image, size)[..., 0].astype(float)
        assert np.count_nonzero(degraded[20]) <= size
        x = np.arange(41) - 20
        sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
        expected = np.exp(-np.square(x) / (2 * sigma**2)) * (np.abs(x) <= size // 2)
        np.testing.assert_allclose(degraded[20] / 255, expected / expected.sum() ** 2, atol=0.006)  # 8 bits


def test_noise_has_its_sigma_on_independent_channels() -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    for sigma in (0.01, 0.05, 0.1):
        off = add_noise(grey, sigma, 3).astype(float) - 128
        assert off.std() == pytest.approx(255 * sigma, rel=0.02)
        np.testing.assert_allclose(off.mean((0, 1)), 0, atol=0.3)
        assert abs(np.corrcoef(off[..., 0].ravel(), off[..., 1].ravel())[0, 1]) < 0.02


def test_jpeg_error_grows_with_lower_quality_and_channels_stay_in_order() -> None:
    page = rgb_from_page(PageRef(EXAMPLES / "000000_render.jpg"))[200:500, 200:700]
    errors = [float(np.abs(compress_jpeg(page, q).astype(float) - page).mean()) for q in (95, 80, 45, 30)]
    assert errors == sorted(errors)
    assert 0 < errors[0] < 5
    assert errors[-1] < 15
    np.testing.assert_allclose(compress_jpeg(paper(), 95)[100, 100], PAPER, atol=2)


def test_perspective_moves_corners_by_at_most_the_share() -> None:
    image = paper(401, 601)
    image[10:-10, 10:-10] = (40, 40, 40)
    inward_by_share = {}
    for share in (0.05, 0.1):
        degraded = warp_perspective(image, share, 7)
        assert degraded.shape == image.shape
        dark = degraded[..., 0] < 140
        hull = cv2.convexHull(np.argwhere(dark)[:, ::-1].astype(np.int32))
        corners = cv2.approxPolyDP(hull, 8, True)[:, 0].astype(float)
        assert len(corners) == 4
        old = np.array([[10, 10], [590, 10], [590, 390], [10, 390]])
        nearest = np.array([corners[np.hypot(*(corners - corner).T).argmin()] for corner in old])
        inward = (nearest - old) * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        assert inward.min() > -2
        assert (inward <= np.array([601, 401]) * share + 2).all()
        inward_by_share[share] = inward
    # The random draw is the same, but the distances are doubled.
    np.testing.assert_allclose(inward_by_share[0.1], 2 * inward_by_share[0.05], atol=3.5)
    assert inward_by_share[0.1].max() > 20


def test_downscaled_pixels_are_area_means() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 320, 3)).astype(np.uint8)
    half = downscale(image, 0.5)
    expected = image.reshape(100, 2, 160, 2, 3).mean((1, 3))
    np.testing.assert_allclose(half, expected, atol=0.51)
    assert downscale(image, 0.4).shape == (80, 128, 3)


def test_brightness_falls_from_the_lamp_to_the_farthest_corner() -> None:
    white = np.full((200, 300, 3), 255, np.uint8)
    for share in (0.2, 0.7):
        light = add_shading(white, share, 5)[..., 0] / 255
        assert light.max() == pytest.approx(1, abs=0.01)
        assert light.min() == pytest.approx(1 - share, abs=0.01)
        lamp = np.unravel_index(light.argmax(), light.shape)
        away = np.hypot(*(np.mgrid[:200, :300] - np.reshape(lamp, (2, 1, 1))))
        assert np.corrcoef(away.ravel(), light.ravel())[0, 1] < -0.999


def test_combined_degradation_equals_its_parts() -> None:
    image = rgb_from_page(PageRef(EXAMPLES / "000000_render.jpg"))[::4, ::4].copy()
    page = blur(add_shading(warp_perspective(rotate(image, 4), 0.03, 1), 0.3, 2), 5)
    np.testing.assert_array_equal(combine(image, 2, 1), compress_jpeg(add_noise(page, 0.02, 3), 65))


EVERY: dict[str, Callable[[Image, int], Image]] = {
    name: lambda image, seed, sweep=sweep: sweep.degrade(image, sweep.levels[-1], seed)  # type: ignore[misc]
    for name, sweep in SWEEPS.items()
}


@pytest.mark.parametrize("name", EVERY)
def test_degradations_are_deterministic_and_do_not_modify_their_input(name: str) -> None:
    image = np.random.default_rng(1).integers(60, 200, (120, 180, 3)).astype(np.uint8)
    before = image.copy()
    first, same_seed, other_seed = (EVERY[name](image, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(first, same_seed)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    assert first.shape[2] == 3
    is_random = name in {"noise", "perspective", "shading", "combined"}
    assert (first.shape != other_seed.shape or bool((first != other_seed).any())) == is_random
    assert first.shape != image.shape or bool((first != image).any())


class NoiseDigitizer:
    """Digitizer that returns the truth with more noise for darker images, and fails on black ones."""

    def __init__(self) -> None:
        self.images: list[Image] = []

    def digitize_many(self, sources: Iterable[NDArray[Any]], /) -> Iterator[Result]:
        for k, image in enumerate(sources):
            self.images.append(image)
            source = PageRef(Path(f"array-{k}"))
            if not image.any():
                yield Failed(source, "E-GRID-01", "no grid", "none")
                continue
            noise = np.random.default_rng(k).normal(0, (256 - image.mean()) / 2560, 5000)
            yield digitized_page(source, {name: mv + noise[: mv.size] for name, mv in signals(k).items()})


DIM = Sweep("dim", "share", (0.5, 0.9, 1.0), lambda image, at, _seed: (image * (1 - at)).astype(np.uint8))


@pytest.fixture
def page_folder(tmp_path: Path) -> Path:
    """Folder with three pages, two of them with truth. test.csv requests all leads of the first one."""
    (tmp_path / "truth").mkdir()
    for k, name in enumerate(("a", "b", "c")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), paper())
        if name != "c":
            write_truth(tmp_path / "truth" / f"{name}.csv", signals(k))
    requests = [f"a,{name},500,{mv.size}" for name, mv in signals(0).items()]
    (tmp_path / "test.csv").write_text("\n".join(["id,lead,fs,number_of_rows", *requests, ""]))
    return tmp_path


def test_levels_are_scored_and_failed_pages_count_as_0_db(page_folder: Path) -> None:
    sources = [PageRef(page_folder / f"{name}.png") for name in "abc"]
    pages = pages_with_truth(sources, page_folder / "truth")
    assert [(page.id, page.requests is None) for page in pages] == [("a", False), ("b", True)]
    digitizer, count = NoiseDigitizer(), []
    figures = measure_robustness(digitizer, pages, [DIM], 0, lambda: count.append(1))
    assert len(count) == len(digitizer.images) == 8
    clean, levels = figures["clean"], figures["sweeps"]["dim"]["levels"]
    assert [level["at"] for level in levels] == [0.5, 0.9, 1.0]
    assert clean["mean_db"] > levels[0]["mean_db"] + 10
    assert levels[0]["mean_db"] > levels[1]["mean_db"] + 2
    assert levels[2] == {
        "at": 1.0,
        "mean_db": 0,
        "median_db": 0,
        "score_db": 0,
        "failed": {"a": "E-GRID-01", "b": "E-GRID-01"},
        "doubtful": [],
        "page_db": {"a": 0, "b": 0},
    }
    assert clean["mean_db"] == pytest.approx(sum(clean["page_db"].values()) / 2, abs=1e-3)
    text = text_from_robustness(figures)
    assert f"clean {clean['mean_db']:.2f} dB, mean over 2 pages: a, b" in text
    assert re.search(rf"mean dB +{levels[0]['mean_db']:.2f} +{levels[1]['mean_db']:.2f} +0.00", text)
    assert "at 1: a [E-GRID-01], b [E-GRID-01]" in text
    svg = svg_from_robustness(figures)
    assert f"<title>0.5: {levels[0]['mean_db']:.1f} dB</title>" in svg
    assert svg.count(f"stroke: {COLOURS['soft']}") == 2, "a curve per page"
    assert svg.count(f"fill: none; stroke: {COLOURS['accent']}") == 1, "their mean"


def test_doubtful_pages_are_listed(page_folder: Path) -> None:
    pages = pages_with_truth(
        [PageRef(page_folder / "a.png"), PageRef(page_folder / "b.png")], page_folder / "truth"
    )

    class DoubtfulDigitizer(NoiseDigitizer):
        def digitize_many(self, images: Iterable[Any], /) -> Iterator[Result]:
            for k, result in enumerate(super().digitize_many(images)):
                doubts = (Doubt("D-RATE-01", "400 beats per minute."),) if k else ()
                yield result if isinstance(result, Failed) else replace(result, doubts=doubts)

    figures = measure_robustness(DoubtfulDigitizer(), pages, [DIM], 0, lambda: None)
    assert [level["doubtful"] for level in figures["sweeps"]["dim"]["levels"]] == [["b"], ["b"], []]
    text = text_from_robustness(figures)
    assert "doubtful b" in text
    assert re.search(r"^doubtful +1 +1$", text, re.MULTILINE)


def test_a_subset_of_pages_is_evenly_spaced(page_folder: Path) -> None:
    for k in range(8):
        write_truth(page_folder / "truth" / f"{k}.csv", {"I": np.ones(5000)})
    sources = [PageRef(page_folder / f"{k}.png") for k in range(8)]
    assert [page.id for page in pages_with_truth(sources, page_folder / "truth", 3)] == ["0", "2", "5"]
    with pytest.raises(TruthMissing, match="No ground truth for c"):
        pages_with_truth([PageRef(page_folder / "c.png")], page_folder / "truth")


def test_command_measures_real_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SWEEPS, "combined", replace(SWEEPS["combined"], levels=(6,)))
    before = {path: path.read_bytes() for path in EXAMPLES.glob("*.jpg")}
    page, out, plot = EXAMPLES / "000001_colour_scan.jpg", tmp_path / "made" / "r.json", tmp_path / "r.svg"
    options = ["--truth", str(EXAMPLES / "truth"), "--out", str(out), "--plot", str(plot), "--threads", "1"]
    code = exit_code(["robustness", str(page), *options, "--sweep", "combined"])
    text, err = capsys.readouterr()
    assert code == 0, err
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["schema"] == SCHEMA
    assert result["provenance"]["threads"] == 1
    assert set(result["sweeps"]) == {"combined"}
    assert result["clean"]["mean_db"] > 20
    assert result["sweeps"]["combined"]["levels"][0]["mean_db"] < result["clean"]["mean_db"]
    assert f"clean {result['clean']['mean_db']:.2f} dB" in text
    assert "written" in err
    assert plot.read_text(encoding="utf-8").startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert {path: path.read_bytes() for path in EXAMPLES.glob("*.jpg")} == before


def test_command_offers_all_sweeps() -> None:
    assert [name.value for name in SweepName] == list(SWEEPS)
    assert all(sweep.name == name for name, sweep in SWEEPS.items())


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--sweep", "nonsense"], "nonsense"),
        (["--truth", "absent"], "E-TRUTH-01"),
        (["--pages", "0"], "--pages"),
    ],
)
def test_bad_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], words: str
) -> None:
    arguments = [str(EXAMPLES), "--truth", str(EXAMPLES / "truth"), "--out", str(tmp_path / "r.json")]
    assert exit_code(["robustness", *arguments, *extra]) == 1
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help_imports_no_heavy_module() -> None:
    code = "from ecgdigit_rt.cli.app import exit_code; assert exit_code(['robustness', '--help']) == 0"
    assert modules_after(code).isdisjoint(HEAVY)
