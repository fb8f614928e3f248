"""Predictions of several views of a strip are averaged."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ecgdigit_rt.tracing.tta import TTA, predict_views


class DarkestPixel:
    """Stand-in for the trace stage that predicts the darkest pixel of every column and records its inputs."""

    spec = SimpleNamespace(stage="trace")

    def __init__(self) -> None:
        self.inputs: list[np.ndarray] = []

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        pixels = feeds["pixels"]
        self.inputs.append(pixels[0])
        dark = np.repeat(pixels[0].min(2).argmin(0) // 2, 2)
        logits = np.full((1, pixels.shape[1] // 2, 2 * pixels.shape[2]), -9, np.float32)
        logits[0, dark, np.arange(dark.size)] = 9
        return {"height_logits": logits, "presence_logits": np.arange(dark.size, dtype=np.float32)[None] / 99}


def slope() -> np.ndarray:
    strip = np.full((64, 32, 3), 220, np.uint8)
    strip[10 + np.arange(32), np.arange(32)] = 40
    return strip


@pytest.mark.parametrize(("name", "count"), [("none", 1), ("flip", 2), ("photometric", 5), ("full", 10)])
def test_all_views_predict_the_same_heights(name: str, count: int) -> None:
    runner = DarkestPixel()
    heights, presence = predict_views(runner, slope(), TTA[name])  # type: ignore[arg-type]
    assert len(runner.inputs) == count
    np.testing.assert_array_equal(heights.argmax(0), np.repeat((10 + np.arange(32)) // 2, 2))
    assert heights.dtype == presence.dtype == np.float32
    p = np.exp(heights - heights.max(0))
    assert (p / p.sum(0)).max(0).min() > 0.99
    if "flip" in name or name == "full":
        mean_of_slope_and_mirror = np.full(64, 63 / 99 / 2)
        assert presence == pytest.approx(mean_of_slope_and_mirror, abs=0.01)


def test_photometric_views_change_the_strip() -> None:
    runner = DarkestPixel()
    predict_views(runner, slope(), TTA["photometric"])  # type: ignore[arg-type]
    unchanged, darker, brighter, sharper, _ = (pixels.astype(int) for pixels in runner.inputs)
    assert darker.mean() < unchanged.mean() - 5 < brighter.mean() - 10
    assert np.ptp(sharper) > np.ptp(unchanged)
