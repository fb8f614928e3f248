"""Test-time augmentation: a strip seen in several ways, and what was seen of it put together.

A network errs differently on a darker or a mirrored strip; the mean of its distributions errs less than
each. It is taken before decoding: two doubtful columns make one clear one, where two paths would only
make a third.
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
    """One way to see a strip: its picture changed, then mirrored left to right or not."""

    changed: Callable[[Pixels], Pixels]
    mirrored: bool = False


def _as_it_is(strip: Pixels) -> Pixels:
    return strip


def _with_gamma(gamma: float) -> Callable[[Pixels], Pixels]:
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return lambda strip: np.asarray(cv2.LUT(strip, curve), np.uint8)


def _sharpened(strip: Pixels) -> Pixels:
    soft = cv2.GaussianBlur(strip, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(strip, 1.6, soft, -0.6, 0), np.uint8)


def _equalised(strip: Pixels) -> Pixels:
    """Contrast-limited adaptive histogram equalisation of the lightness (Zuiderveld, 1994)."""
    lab = cv2.cvtColor(strip, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(1.5, (4, 16)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


_PHOTOMETRIC = (_as_it_is, _with_gamma(1.35), _with_gamma(0.75), _sharpened, _equalised)

TTA: Mapping[str, tuple[View, ...]] = {
    "none": (View(_as_it_is),),
    "flip": (View(_as_it_is), View(_as_it_is, mirrored=True)),
    "photometric": tuple(View(change) for change in _PHOTOMETRIC),
    "full": tuple(View(change, mirrored) for mirrored in (False, True) for change in _PHOTOMETRIC),
}
"""Ways to see a strip by name; `photometric`: as it is, darker, brighter, sharpened, equalised."""


def seen_in_views(runner: Runner, strip: Pixels, views: Sequence[View]) -> tuple[Logits, Logits]:
    """Stage 2's logits of a strip (height, width, 3): (bins, columns) and (columns,), of all views as one."""
    seen = [_seen(runner, strip, view) for view in views]
    if len(seen) == 1:
        return seen[0]
    heights = np.mean([_softmax(logits) for logits, _ in seen], axis=0)
    presence = np.mean([1 / (1 + np.exp(-np.clip(logits, -20, 20))) for _, logits in seen], axis=0)
    sure = np.clip(presence, 1e-6, 1 - 1e-6)
    return (
        np.log(np.maximum(heights, 1e-12)).astype(np.float32),
        np.log(sure / (1 - sure)).astype(np.float32),
    )


def _seen(runner: Runner, strip: Pixels, view: View) -> tuple[Logits, Logits]:
    picture = view.changed(strip)
    found = runner.run({"pixels": (picture[:, ::-1] if view.mirrored else picture)[None]})
    step = -1 if view.mirrored else 1
    return found["height_logits"][0][:, ::step], found["presence_logits"][0][::step]


def _softmax(logits: Logits) -> Logits:
    p = np.exp(logits - logits.max(0))
    return np.asarray(p / p.sum(0), np.float32)
