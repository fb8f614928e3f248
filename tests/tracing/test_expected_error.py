"""The expected error grows with the spread of the predictions and the steepness of the lead."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from paper_page import digitized_page, signals

from ecgdigit_rt.doubts import ACCURACY_DOUBT, Doubt
from ecgdigit_rt.results import WRONG_IF_DOUBTFUL, WRONG_PAGE_ERROR, PageRef
from ecgdigit_rt.tracing.assemble import expected_error_mm

STEP_MM = 0.05


def beats_mm(height_mm: float) -> NDArray[np.float64]:
    u = np.arange(5000) * STEP_MM
    return np.asarray(height_mm * np.exp(-0.5 * ((u % 20 - 10) / 0.6) ** 2))


def test_spread_and_steepness_increase_it() -> None:
    narrow, wide = np.full(5000, 0.3), np.full(5000, 1.2)
    plain = expected_error_mm(narrow, beats_mm(10), STEP_MM)
    assert 0.02 < plain < 0.3
    assert expected_error_mm(wide, beats_mm(10), STEP_MM) > 2 * plain
    assert expected_error_mm(narrow, beats_mm(20), STEP_MM) == pytest.approx(plain * 2**0.527, rel=0.02)


def test_a_few_uncertain_columns_count() -> None:
    spread = np.full(5000, 0.3)
    spread[:100] = 8.0
    assert expected_error_mm(spread, beats_mm(10), STEP_MM) > 1.5 * expected_error_mm(
        np.full(5000, 0.3), beats_mm(10), STEP_MM
    )


def test_flat_and_single_sample_leads_have_an_expected_error() -> None:
    assert expected_error_mm(np.full(9, 0.3), np.zeros(9), STEP_MM) > 0
    assert math.isfinite(expected_error_mm(np.full(1, 0.3), np.zeros(1), STEP_MM))


def test_the_expected_db_of_a_page_is_its_ratio_of_powers() -> None:
    page = digitized_page(PageRef(Path("page.png")), signals(0))
    assert math.isnan(page.expected_db), "leads without an expected error"
    leads = {
        name: replace(lead, expected_error_mv=float(lead.mv.std()) / 10) for name, lead in page.leads.items()
    }
    assert replace(page, leads=leads).expected_db == pytest.approx(20)


def test_doubts_lower_the_expected_db() -> None:
    page = digitized_page(PageRef(Path("page.png")), signals(0))
    doubts = (Doubt("D-LAYOUT-01", "Two layouts fit."),)
    assert math.isnan(replace(page, doubts=doubts).expected_db), "leads without an expected error"
    leads = {
        name: replace(lead, expected_error_mv=float(lead.mv.std()) / 10) for name, lead in page.leads.items()
    }
    doubtful = replace(page, leads=leads, doubts=doubts)
    error = (1 - WRONG_IF_DOUBTFUL) * 0.01 + WRONG_IF_DOUBTFUL * WRONG_PAGE_ERROR
    assert doubtful.expected_db == pytest.approx(-10 * math.log10(error))
    assert doubtful.expected_db < 20 - 10
    inaccurate = replace(doubtful, doubts=(Doubt(ACCURACY_DOUBT, "Probably not accurate: V1"),))
    assert inaccurate.expected_db == pytest.approx(20), "the expected errors include this doubt"


def test_unrelated_signals_have_the_error_of_a_wrong_page() -> None:
    rng = np.random.default_rng(0)
    true, wrong = rng.normal(size=(2, 100_000))
    assert np.square(true - wrong).sum() / np.square(true).sum() == pytest.approx(WRONG_PAGE_ERROR, rel=0.02)
