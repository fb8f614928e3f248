"""Inference of the trace stage.

Strips are sampled on the host, or on the accelerator that runs the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner, SharedInput
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import (
    downscale_factor,
    image_px_per_strip_px,
    strip_coordinates,
    strip_from_image,
)
from ecgdigit_rt.stages import SAMPLED_TRACE
from ecgdigit_rt.tracing.strip_prediction import StripPrediction
from ecgdigit_rt.tracing.tta import TTA, View, predict_views


class StripBox(NamedTuple):
    """Region of a strip on paper, in millimetres. The baseline is in the middle of its height."""

    start_mm: float
    end_mm: float
    baseline_mm: float
    half_height_mm: float


StripPredictor = Callable[[Sequence[StripBox]], list[StripPrediction]]
"""Function that predicts strips. All boxes of one call must have the same size."""


def strip_predictor(
    runners: Mapping[str, Runner],
    image: NDArray[np.uint8],
    mesh: Mesh,
    views: Sequence[View] = TTA["none"],
) -> StripPredictor:
    """Return the strip predictor of an image (height, width, 3) uint8.

    The predictions of all `views` are averaged.

    The strips are sampled on the accelerator if all of these conditions are met:

    - the network with the sampler (`SAMPLED_TRACE`) is available,
    - the image, downscaled by a whole number, is within the size limits of the engine of this network,
    - there is only one view (with several views, the strips are transformed on the host).
    """
    if SAMPLED_TRACE in runners and len(views) == 1:
        predictor = _device_predictor(runners[SAMPLED_TRACE], image, mesh)
        if predictor is not None:
            return predictor
    return _host_predictor(runners["trace"], image, mesh, views)


def _host_predictor(
    runner: Runner, image: NDArray[np.uint8], mesh: Mesh, views: Sequence[View]
) -> StripPredictor:
    def predict(boxes: Sequence[StripBox]) -> list[StripPrediction]:
        predictions = []
        for box in boxes:  # one per call: on a CPU, a batch is not faster and needs more memory
            strip = strip_from_image(image, mesh, *box)
            logits, presence_logits = predict_views(runner, strip, views)
            predictions.append(StripPrediction(logits, presence_logits, box.start_mm, box.half_height_mm))
        return predictions

    return predict


def _device_predictor(runner: Runner, image: NDArray[np.uint8], mesh: Mesh) -> StripPredictor | None:
    """Return a predictor that samples strips on the accelerator.

    Return None if the downscaled image is outside the size limits of the engine.
    """
    shrink = downscale_factor(image_px_per_strip_px(mesh))
    if shrink > 1:
        height, width = (side // shrink for side in image.shape[:2])
        cropped = image[: height * shrink, : width * shrink]
        image = np.asarray(cv2.resize(cropped, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    sides = zip(("image_height", "image_width"), image.shape[:2], strict=True)
    for axis, side in ((runner.spec.axis(name), side) for name, side in sides):
        if axis is not None and not axis.low <= side <= axis.high:
            return None
    shared_image = SharedInput(image[None])

    def predict(boxes: Sequence[StripBox]) -> list[StripPrediction]:
        coordinates = np.stack([strip_coordinates(mesh, *box) for box in boxes])
        if shrink > 1:
            coordinates = (coordinates + np.float32(0.5)) / np.float32(shrink) - np.float32(0.5)
        outputs = runner.run({"image": shared_image, "places": coordinates})
        pairs = zip(outputs["height_logits"], outputs["presence_logits"], strict=True)
        return [
            StripPrediction(logits, presence_logits, box.start_mm, box.half_height_mm)
            for box, (logits, presence_logits) in zip(boxes, pairs, strict=True)
        ]

    return predict
