"""Orientation of a page: turned, mirrored and inverted images, with a stand-in for the locate network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.errors import MirroredPage, NoPageFound, SeveralEcgs
from ecgdigit_rt.geometry.locate_stage import Located, locate
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.stages import HEATMAPS, MAP_STRIDE, PAGE_MASK, PULSE

Image = NDArray[np.uint8]
RED, GREEN = (200, 60, 60), (60, 200, 60)
MARKS = [HEATMAPS.index(name) for name in (PULSE, *LEADS)]


def marked_image() -> Image:
    """Return an image with a red mark in its upper left and a green mark in its upper right corner."""
    image = np.full((480, 640, 3), 250, np.uint8)
    image[40:100, 40:100], image[40:100, -100:-40] = RED, GREEN
    return image


class CornerRunner:
    """Stand-in for the locate network, which recognizes the orientation of `marked_image`.

    `evidence` is the sum of the activations of all marks by orientation: `upright`, `turned 1` to `turned 3`
    (clockwise), `mirrored`, and `mirrored 1` to `mirrored 3`. It is 2 for other orientations. `certainty` is
    the probability of the true turn. `page` is the activation of the page mask.
    """

    spec = None

    def __init__(self, evidence: Mapping[str, float], certainty: float = 0.99, page: float = 1.0) -> None:
        self._evidence, self._certainty, self._page = evidence, certainty, page
        self.seen: list[str] = []

    def run(self, feeds: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        (pixels,) = feeds["pixels"]
        name, turn = _orientation(pixels)
        self.seen.append(name)
        rows, columns = (side // MAP_STRIDE for side in pixels.shape[:2])
        heatmaps = np.zeros((1, len(HEATMAPS), rows, columns), np.float32)
        heatmaps[:, HEATMAPS.index(PAGE_MASK)] = self._page
        heatmaps[:, MARKS, rows // 2, columns // 2] = self._evidence.get(name, 2.0) / len(MARKS)
        turns = np.full((1, 4), (1 - self._certainty) / 3, np.float32)
        turns[0, turn] = self._certainty
        return {"heatmaps": heatmaps, "turns": turns}


def _orientation(pixels: Image) -> tuple[str, int]:
    """Return the name of the orientation and the clockwise quarter turns of an image with both marks."""
    is_dark = bool(np.median(pixels) < 128)
    pixels = np.asarray(255 - pixels if is_dark else pixels).astype(int)
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    corners = [
        pixels[:height, :width],
        pixels[:height, width:],
        pixels[height:, width:],
        pixels[height:, :width],
    ]
    red, green = (
        int(np.argmax([(corner[..., one] - corner[..., other]).max() for corner in corners]))
        for one, other in ((0, 1), (1, 0))
    )
    is_mirrored = green == (red - 1) % 4
    turn = (red - is_mirrored) % 4
    kind = "mirrored" if is_mirrored else ("turned" if turn else "upright")
    return ("dark " if is_dark else "") + kind + (f" {turn}" if turn else ""), turn


def located(image: Image, evidence: Mapping[str, float], certainty: float = 0.99) -> Located:
    return locate(CornerRunner(evidence, certainty), np.ascontiguousarray(image))  # type: ignore[arg-type]


def test_a_clear_page_is_predicted_once() -> None:
    runner = CornerRunner({"upright": 11.0})
    found = locate(runner, marked_image())  # type: ignore[arg-type]
    assert runner.seen == ["upright"]
    assert (found.quarter_turns, found.is_inverted, found.other_turns) == (0, False, ())
    assert np.array_equal(found.image, marked_image())


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_page_is_turned_upright(turns: int) -> None:
    turned = np.rot90(marked_image(), -turns)
    found = located(turned, {"upright": 11.0})
    assert found.quarter_turns == turns
    assert np.array_equal(found.image, marked_image())
    height, width = (round(side / found.view[1]) for side in found.image.shape[:2])
    assert found.view[0].shape[:2] == (height, width)


@pytest.mark.parametrize("turns", [0, 2])
def test_a_mirrored_page_is_refused(turns: int) -> None:
    mirrored = np.rot90(marked_image()[:, ::-1], turns)
    with pytest.raises(MirroredPage):
        located(mirrored, {"upright": 9.0, "mirrored": 5.5, "mirrored 2": 5.5}, certainty=0.9)


def test_a_page_that_is_hardly_better_mirrored_is_read() -> None:
    mirrored = marked_image()[:, ::-1]
    assert located(mirrored, {"upright": 6.3, "mirrored": 5.9}).quarter_turns == 0
    assert located(mirrored, {"upright": 4.5, "mirrored": 2.0}).quarter_turns == 0, "both are hardly readable"


def test_a_page_with_few_names_is_compared_with_its_mirror_image() -> None:
    runner = CornerRunner({"upright": 7.0, "mirrored": 4.0})
    found = locate(runner, marked_image())  # type: ignore[arg-type]
    assert runner.seen == ["upright", "mirrored"]
    assert found.quarter_turns == 0


def test_a_dark_page_is_inverted_if_its_names_become_readable() -> None:
    dark = 255 - marked_image()
    found = located(dark, {"upright": 11.0, "dark upright": 3.0})
    assert found.is_inverted
    assert np.array_equal(found.image, marked_image())
    assert found.view[0].mean() > 128
    night = located(dark, {"upright": 6.0, "dark upright": 11.0})
    assert not night.is_inverted
    assert np.array_equal(night.image, dark)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_an_inverted_page_may_be_turned(turns: int) -> None:
    turned = np.rot90(255 - marked_image(), -turns)
    found = located(turned, {"upright": 11.0, f"turned {turns}": 2.5, f"dark turned {turns}": 1.0})
    assert (found.is_inverted, found.quarter_turns) == (True, turns)
    assert np.array_equal(found.image, marked_image())


def test_an_inverted_mirrored_page_is_refused() -> None:
    with pytest.raises(MirroredPage):
        located(255 - marked_image()[:, ::-1], {"upright": 9.0, "mirrored": 5.5, "dark mirrored": 1.0})


def test_a_known_rotation_is_not_questioned() -> None:
    runner = CornerRunner({"upright": 11.0, "turned 2": 3.0})
    found = locate(runner, marked_image(), turns=2)  # type: ignore[arg-type]
    assert found.quarter_turns == 2
    assert np.array_equal(found.image, marked_image()[::-1, ::-1])
    assert found.other_turns == ()


def test_rotations_that_are_nearly_as_likely_are_listed() -> None:
    evidence = {"upright": 3.0, "turned 2": 2.9, "turned 1": 0.5, "turned 3": 0.5}
    found = located(marked_image(), evidence, certainty=0.6)
    assert (found.quarter_turns, found.other_turns) == (0, (2,))
    clear = located(marked_image(), {"upright": 11.0, "turned 2": 10.9}, certainty=0.6)
    assert (clear.quarter_turns, clear.other_turns) == (0, ())


class SheetRunner:
    """Stand-in for the locate network, which predicts upright sheets.

    `sheets` are the left, top, right and bottom of each sheet as fractions of the image, with its evidence.
    """

    spec = None

    def __init__(self, *sheets: tuple[float, float, float, float, float]) -> None:
        self._sheets = sheets

    def run(self, feeds: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        rows, columns = (side // MAP_STRIDE for side in feeds["pixels"].shape[1:3])
        heatmaps = np.zeros((1, len(HEATMAPS), rows, columns), np.float32)
        for left, top, right, bottom, evidence in self._sheets:
            first, last = (
                (round(top * rows), round(left * columns)),
                (round(bottom * rows), round(right * columns)),
            )
            heatmaps[0, HEATMAPS.index(PAGE_MASK), first[0] : last[0], first[1] : last[1]] = 1
            heatmaps[0, MARKS, (first[0] + last[0]) // 2, (first[1] + last[1]) // 2] = evidence / len(MARKS)
        return {"heatmaps": heatmaps, "turns": np.array([[1, 0, 0, 0]], np.float32)}


def sheets(*boxes: tuple[float, float, float, float, float]) -> Located:
    return locate(SheetRunner(*boxes), np.full((600, 900, 3), 250, np.uint8))  # type: ignore[arg-type]


def test_two_sheets_with_names_are_refused() -> None:
    with pytest.raises(SeveralEcgs, match="two sheets"):
        sheets((0.02, 0.05, 0.45, 0.95, 10.0), (0.55, 0.05, 0.98, 0.9, 10.0))


def test_another_sheet_without_names_is_marked() -> None:
    found = sheets((0.02, 0.05, 0.6, 0.95, 10.0), (0.7, 0.05, 0.98, 0.9, 0.0))
    assert found.has_other_sheet
    assert found.page_px[2] < 600
    speck = sheets((0.02, 0.05, 0.6, 0.95, 10.0), (0.9, 0.9, 0.94, 0.94, 0.0))
    assert not speck.has_other_sheet


def test_an_image_without_a_sheet_is_refused() -> None:
    with pytest.raises(NoPageFound):
        locate(CornerRunner({"upright": 11.0}, page=0.1), marked_image())  # type: ignore[arg-type]
