"""Leads that are printed twice complete each other where one of them is hidden."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.results import Layout, Row, Segment
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.repeats import complete_repeats

SPEED = 25.0
COLUMNS_PER_S = int(SPEED * COLUMNS_PER_MM)
HIDDEN = slice(755, 795)  # the beat at 1.55 s


def beats(seconds: float, seed: int = 0, delay_s: float = 0.0) -> NDArray[np.float32]:
    """Return the heights of a curve in mm, with a beat at 0.75 s and then every 0.8 s, and some wander."""
    t = np.arange(int(seconds * COLUMNS_PER_S)) / COLUMNS_PER_S - delay_s
    rng = np.random.default_rng(seed)
    height = 12 * np.exp(-0.5 * (((t - 0.35) % 0.8 - 0.4) / 0.012) ** 2)
    height += np.interp(t, np.arange(0, 11, 0.1), rng.normal(0, 0.6, 110))
    return height.astype(np.float32)


def trace(height: NDArray[np.float32], hidden: slice | None = None) -> LeadTrace:
    """Return a trace that starts at 10 mm. Its `hidden` columns are flat and have no confidence."""
    height, confidence = height.copy(), np.ones(height.size, np.float32)
    spread = np.full(height.size, 0.25, np.float32)
    if hidden is not None:
        height[hidden], confidence[hidden], spread[hidden] = height[hidden.start], 0, 6
    return LeadTrace(height, confidence, spread, start_mm=10.0)


def layout_with(short: Segment) -> Layout:
    """Return a layout with a short lead and a rhythm strip of 10 s, both II."""
    strip = Segment("II", 10.0, 10.0 + 10 * SPEED, 0.0, 10.0)
    return Layout("3x4+1", (Row(20.0, (short,)), Row(60.0, (strip,))), SPEED, 10.0)


SHORT = Segment("II", 10.0, 10.0 + 2.5 * SPEED, 0.0, 2.5)


@pytest.mark.parametrize("is_strip_hidden", [True, False])
def test_hidden_columns_are_completed_and_clear_ones_do_not_change(is_strip_hidden: bool) -> None:
    truth = beats(10.0)
    hidden = (None, HIDDEN) if is_strip_hidden else (HIDDEN, None)
    short, strip = trace(truth[: int(2.5 * COLUMNS_PER_S)] + 1.5, hidden[0]), trace(truth, hidden[1])
    completed, strips = complete_repeats([[short], [strip]], layout_with(SHORT))
    assert strips == [(1, 0)]
    changed, before = (completed[1][0], strip) if is_strip_hidden else (completed[0][0], short)
    expected = truth if is_strip_hidden else truth[: before.height_mm.size] + 1.5
    assert np.abs(before.height_mm - expected)[HIDDEN].max() > 5
    assert np.abs(changed.height_mm - expected)[HIDDEN].max() < 0.3
    assert changed.confidence[HIDDEN].min() > 0.9
    clear = np.ones(before.height_mm.size, bool)
    clear[HIDDEN] = False
    assert np.array_equal(changed.height_mm[clear], before.height_mm[clear])
    assert completed[0 if is_strip_hidden else 1][0] is (short if is_strip_hidden else strip)


def test_rows_may_be_displaced() -> None:
    truth, displaced = beats(10.0), beats(2.5, delay_s=0.016)  # 0.4 mm
    completed, _ = complete_repeats([[trace(displaced)], [trace(truth, HIDDEN)]], layout_with(SHORT))
    assert np.abs(completed[1][0].height_mm - truth)[HIDDEN].max() < 0.5


def test_a_later_short_lead_completes_its_part_of_the_strip() -> None:
    truth, start = beats(10.0), int(5 * COLUMNS_PER_S)
    later = dataclasses.replace(SHORT, start_s=5.0, end_s=7.5, is_inverted=True)
    hidden = slice(start + HIDDEN.start, start + HIDDEN.stop)
    short = trace(-truth[start : start + int(2.5 * COLUMNS_PER_S)])
    completed, _ = complete_repeats([[short], [trace(truth, hidden)]], layout_with(later))
    assert np.abs(completed[1][0].height_mm - truth)[hidden].max() < 0.3


def test_leads_of_different_times_do_not_change() -> None:
    short, strip = trace(beats(2.5, seed=1, delay_s=0.3)), trace(beats(10.0), HIDDEN)
    completed, strips = complete_repeats([[short], [strip]], layout_with(SHORT))
    assert strips == []
    assert completed[0][0] is short
    assert completed[1][0] is strip


def test_flat_and_hidden_traces_do_not_change() -> None:
    flat = trace(np.zeros(int(2.5 * COLUMNS_PER_S), np.float32))
    hidden = trace(beats(2.5), slice(0, 900))
    for short in (flat, hidden):
        strip = trace(beats(10.0), HIDDEN)
        assert complete_repeats([[short], [strip]], layout_with(SHORT)) == ([[short], [strip]], [])


def test_other_leads_do_not_change() -> None:
    short, strip = trace(beats(2.5)), trace(beats(10.0), HIDDEN)
    layout = layout_with(dataclasses.replace(SHORT, lead="III"))
    assert complete_repeats([[short], [strip]], layout) == ([[short], [strip]], [])
