"""Snapping of lines to pixels is recognised and separated from the displacement of the paper."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.geometry.grid_lines.shifts import NO_SHIFTS, Shifts
from ecgdigit_rt.geometry.grid_lines.snapping import displacement, line_evidence

Values = NDArray[np.float64]
LINES_MM = np.arange(0, 280, 5.0)


def snapped(dpi: float, phase: float = 0.37) -> Values:
    """Return the shifts of lines that are drawn at whole pixels."""
    position = LINES_MM * dpi / 25.4 + phase
    return np.asarray((np.round(position) - position) * 25.4 / dpi)


def shifts(mm: Values, noise_mm: float = 0.003) -> Shifts:
    noise = np.random.default_rng(3).normal(0, noise_mm, mm.shape)
    return Shifts(LINES_MM, mm + noise, np.full(mm.shape, noise_mm**2))


@pytest.mark.parametrize("dpi", [96, 150, 200, 300])
def test_the_resolution_is_found(dpi: int) -> None:
    evidence = line_evidence(shifts(snapped(dpi)))
    others = [value for line, value in evidence.items() if line != (dpi, False)]
    assert evidence[dpi, False] - max(others) > 5


def test_exact_lines_have_no_resolution() -> None:
    evidence = line_evidence(shifts(np.zeros_like(LINES_MM)))
    assert evidence[0, False] == 0
    assert line_evidence(NO_SHIFTS) == {}


@pytest.mark.parametrize("dpi", [200, 300])
@pytest.mark.parametrize("period_mm", [45.0, 130.0])
def test_the_displacement_is_separated_from_the_pixels(dpi: int, period_mm: float) -> None:
    wander = 0.08 * np.sin(2 * np.pi * LINES_MM / period_mm)
    found = displacement(shifts(wander + snapped(dpi)), NO_SHIFTS)
    error = found.at(LINES_MM) - wander
    assert found.dpi == dpi
    assert error.std() < 0.012


def test_the_lines_across_decide_where_the_own_lines_cannot() -> None:
    """Sixteen lines on irregular paper are no evidence of a resolution."""
    wander = np.random.default_rng(0).normal(0, 0.03, LINES_MM.size)
    few = shifts(wander + snapped(300), noise_mm=0.01).where(LINES_MM < 80)
    assert displacement(few, NO_SHIFTS).dpi == 0
    assert displacement(few, NO_SHIFTS, line_evidence(shifts(snapped(300)))).dpi == 300
