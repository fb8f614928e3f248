"""Several views of a strip become one distribution."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ecgdigit_rt.tracing.tta import TTA, seen_in_views


class Darkest:
    """Sees the trace at the darkest pixel of every column, two columns a pixel, and counts its looks."""

    spec = SimpleNamespace(stage="trace")

    def __init__(self) -> None:
        self.looks: list[np.ndarray] = []

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        pixels = feeds["pixels"]
        self.looks.append(pixels[0])
        dark = np.repeat(pixels[0].min(2).argmin(0) // 2, 2)
        logits = np.full((1, pixels.shape[1] // 2, 2 * pixels.shape[2]), -9, np.float32)
        logits[0, dark, np.arange(dark.size)] = 9
        return {"height_logits": logits, "presence_logits": np.arange(dark.size, dtype=np.float32)[None] / 99}


def slope() -> np.ndarray:
    strip = np.full((64, 32, 3), 220, np.uint8)
    strip[10 + np.arange(32), np.arange(32)] = 40
    return strip


@pytest.mark.parametrize(("name", "looks"), [("none", 1), ("flip", 2), ("photometric", 5), ("full", 10)])
def test_every_view_tells_the_same_places(name: str, looks: int) -> None:
    runner = Darkest()
    heights, presence = seen_in_views(runner, slope(), TTA[name])  # type: ignore[arg-type]
    assert len(runner.looks) == looks
    np.testing.assert_array_equal(heights.argmax(0), np.repeat((10 + np.arange(32)) // 2, 2))
    assert heights.dtype == presence.dtype == np.float32
    p = np.exp(heights - heights.max(0))
    assert (p / p.sum(0)).max(0).min() > 0.99
    if "flip" in name or name == "full":
        assert presence == pytest.approx(np.full(64, 63 / 99 / 2), abs=0.01)  # a slope and its mirror image


def test_views_differ_as_their_names_say() -> None:
    runner = Darkest()
    seen_in_views(runner, slope(), TTA["photometric"])  # type: ignore[arg-type]
    as_it_is, darker, brighter, sharper, _ = (look.astype(int) for look in runner.looks)
    assert darker.mean() < as_it_is.mean() - 5 < brighter.mean() - 10
    assert np.ptp(sharper) > np.ptp(as_it_is)
