"""Test-time augmentation: the average of the predictions of several views of a strip.

A network makes different errors on a darker or mirrored strip. The mean of the predicted distributions
usually has a smaller error than each of them. The mean is taken before decoding, because two uncertain
predictions of a column can combine to a clear one. The mean of two decoded paths would only be a third path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.runner import Runner

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """Augmentation of a strip: a photometric transform, then an optional horizontal flip."""

    transform: Callable[[Pixels], Pixels]
    is_flipped: bool = False


def _identity(strip: Pixels) -> Pixels:
    return strip


def _gamma_transform(gamma: float) -> Callable[[Pixels], Pixels]:
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return lambda strip: np.asarray(cv2.LUT(strip, curve), np.uint8)


def _sharpen(strip: Pixels) -> Pixels:
    soft = cv2.GaussianBlur(strip, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(strip, 1.6, soft, -0.6, 0), np.uint8)


def _equalize(strip: Pixels) -> Pixels:
    """Apply contrast-limited adaptive histogram equalization to the lightness (Zuiderveld, 1994)."""
    lab = cv2.cvtColor(strip, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(1.5, (4, 16)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


# The strengths are hand-picked, not tuned.
_PHOTOMETRIC = (_identity, _gamma_transform(1.35), _gamma_transform(0.75), _sharpen, _equalize)

TTA: Mapping[str, tuple[View, ...]] = {
    "none": (View(_identity),),
    "flip": (View(_identity), View(_identity, is_flipped=True)),
    "photometric": tuple(View(transform) for transform in _PHOTOMETRIC),
    "full": tuple(View(transform, is_flipped) for is_flipped in (False, True) for transform in _PHOTOMETRIC),
}
"""Views by name. The photometric views are: unchanged, darker, brighter, sharpened and equalized."""


def predict_views(runner: Runner, strip: Pixels, views: Sequence[View]) -> tuple[Logits, Logits]:
    """Return the averaged logits of a strip (height, width, 3) uint8: (bins, columns) and (columns,)."""
    predictions = [_predict(runner, strip, view) for view in views]
    if len(predictions) == 1:
        return predictions[0]
    heights = np.mean([_softmax(logits) for logits, _ in predictions], axis=0)
    presence = np.mean([1 / (1 + np.exp(-np.clip(logits, -20, 20))) for _, logits in predictions], axis=0)
    clipped = np.clip(presence, 1e-6, 1 - 1e-6)
    return (
        np.log(np.maximum(heights, 1e-12)).astype(np.float32),
        np.log(clipped / (1 - clipped)).astype(np.float32),
    )


def _predict(runner: Runner, strip: Pixels, view: View) -> tuple[Logits, Logits]:
    pixels = view.transform(strip)
    outputs = runner.run({"pixels": (pixels[:, ::-1] if view.is_flipped else pixels)[None]})
    step = -1 if view.is_flipped else 1
    return outputs["height_logits"][0][:, ::step], outputs["presence_logits"][0][::step]


def _softmax(logits: Logits) -> Logits:
    p = np.exp(logits - logits.max(0))
    return np.asarray(p / p.sum(0), np.float32)
