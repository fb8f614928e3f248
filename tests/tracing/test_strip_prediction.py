"""Extents of traces from the presence logits of a strip."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_strips import logits_from_height, presence_between

from ecgdigit_rt.tracing.strip_prediction import StripPrediction


def test_presence_locates_the_ends_to_a_fraction_of_a_column() -> None:
    covered = np.clip(np.arange(2000) - 300.3 + 1, 0, 1) * np.clip(1700.6 - np.arange(2000), 0, 1)
    presence = np.log(np.maximum(covered, 1e-4) / np.maximum(1 - covered, 1e-4)).astype(np.float32)
    logits = np.full((160, 2000), -5, np.float32)
    logits[80] = 5
    strip = StripPrediction(logits, presence, start_mm=10.0)
    assert strip.extent_mm == pytest.approx((10 + 300.3 / 20, 10 + 1700.6 / 20), abs=0.002)


def test_the_extent_bridges_gaps_and_ignores_specks() -> None:
    presence = presence_between(2000, 200, 1700)
    presence[600:640] = -5
    presence[1800:1810] = 5
    presence[50:54] = 20
    strip = StripPrediction(logits_from_height(np.zeros(2000)), presence, 10.0)
    assert strip.extent == (200, 1700)
    assert strip.extent_mm == pytest.approx((20.0, 95.0), abs=0.02)


def test_mismatched_shapes_are_rejected() -> None:
    with pytest.raises(ValueError, match="160 bins"):
        StripPrediction(np.zeros((320, 10), np.float32), np.zeros(10, np.float32), 0.0)
    with pytest.raises(ValueError, match="presence"):
        StripPrediction(np.zeros((160, 10), np.float32), np.zeros(9, np.float32), 0.0)
