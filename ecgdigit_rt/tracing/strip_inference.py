"""A strip of paper through stage 2: cut out here, or where the device is that sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner, SharedInput
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import shrink_for, strip_from_image, strip_places, strip_ratio
from ecgdigit_rt.stages import SAMPLED_TRACE
from ecgdigit_rt.tracing.lead_trace import StripPrediction
from ecgdigit_rt.tracing.tta import TTA, View, seen_in_views


class StripBox(NamedTuple):
    """A strip's place on paper, in millimetres."""

    start_mm: float
    end_mm: float
    baseline_mm: float
    half_height_mm: float


StripPredictor = Callable[[Sequence[StripBox]], list[StripPrediction]]
"""Strips of one size → what stage 2 sees in each of them."""


def strip_predictor(
    runners: Mapping[str, Runner],
    image: NDArray[np.uint8],
    mesh: Mesh,
    views: Sequence[View] = TTA["none"],
) -> StripPredictor:
    """Looks at a picture (height, width, 3) uint8, in each of `views` at once.

    On a device with memory of its own the strips are cut out there, if there is but one view (the others
    change strips here) and the device takes a picture of that size.
    """
    if SAMPLED_TRACE in runners and len(views) == 1:
        look = _device_look(runners[SAMPLED_TRACE], image, mesh)
        if look is not None:
            return look
    return _host_look(runners["trace"], image, mesh, views)


def _host_look(runner: Runner, image: NDArray[np.uint8], mesh: Mesh, views: Sequence[View]) -> StripPredictor:
    def look(boxes: Sequence[StripBox]) -> list[StripPrediction]:
        found = []
        for box in boxes:  # one by one: a batch is no quicker here, and asks for more memory
            strip = strip_from_image(image, mesh, *box)
            seen = seen_in_views(runner, strip, views)
            found.append(StripPrediction(*seen, box.start_mm, box.half_height_mm))
        return found

    return look


def _device_look(runner: Runner, image: NDArray[np.uint8], mesh: Mesh) -> StripPredictor | None:
    """None where the device does not take a picture of this size."""
    shrink = shrink_for(strip_ratio(mesh))
    if shrink > 1:
        height, width = (side // shrink for side in image.shape[:2])
        whole = image[: height * shrink, : width * shrink]
        image = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    sides = zip(("image_height", "image_width"), image.shape[:2], strict=True)
    for axis, side in ((runner.spec.axis(name), side) for name, side in sides):
        if axis is not None and not axis.low <= side <= axis.high:
            return None
    picture = SharedInput(image[None])

    def look(boxes: Sequence[StripBox]) -> list[StripPrediction]:
        places = np.stack([strip_places(mesh, *box) for box in boxes])
        if shrink > 1:
            places = (places + np.float32(0.5)) / np.float32(shrink) - np.float32(0.5)
        found = runner.run({"image": picture, "places": places})
        pairs = zip(found["height_logits"], found["presence_logits"], strict=True)
        return [
            StripPrediction(heights, presence, box.start_mm, box.half_height_mm)
            for box, (heights, presence) in zip(boxes, pairs, strict=True)
        ]

    return look
