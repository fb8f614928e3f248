"""Doubts from digitized signals: heart rate, waves and flat leads, with simulated signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from painted_pages import simulated_leads
from paper_page import beats

from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.results import Lead
from ecgdigit_rt.tracing.witnesses import rhythm_from_leads, signal_doubts

RATE_HZ = 500.0
Values = NDArray[np.float64]


def lead_from_mv(name: str, mv: Values, start_s: float = 0.0) -> Lead:
    curve = np.zeros((mv.size, 2), np.float32)
    return Lead(name, mv.astype(np.float32), RATE_HZ, start_s, 1.0, curve)


def leads_of(layout: str, signals: Mapping[str, Values]) -> dict[str, Lead]:
    """Return the leads of a page with this layout. Later rows replace the short leads."""
    leads: dict[str, Lead] = {}
    for row in LAYOUTS[layout].rows:
        for column, name in enumerate(row):
            count = signals[name].size // len(row)
            mv = signals[name][column * count : (column + 1) * count]
            leads[name] = lead_from_mv(name, mv, column * count / RATE_HZ)
    return leads


def changed(leads: Mapping[str, Lead], change: Callable[[Values], Values]) -> dict[str, Lead]:
    return {
        name: replace(lead, mv=change(lead.mv.astype(np.float64)).astype(np.float32))
        for name, lead in leads.items()
    }


def regular_signals(seconds: float = 10.0) -> dict[str, Values]:
    """Return leads with 75 beats per minute."""
    return {name: beats(seconds, seed) for seed, name in enumerate(simulated_leads())}


def slowed(signals: Mapping[str, Values], factor: float) -> dict[str, Values]:
    """Return signals in which everything lasts `factor` times as long, as with a wrong paper speed."""
    result = {}
    for name, mv in signals.items():
        at = np.arange(round(mv.size * factor)) / factor
        result[name] = np.interp(at, np.arange(mv.size), mv)
    return result


def doubts(leads: Mapping[str, Lead], printed_rate: float | None = None) -> list[str]:
    return [doubt.id for doubt in signal_doubts(leads, printed_rate=printed_rate)]


@pytest.mark.parametrize("layout", ["3x4", "3x4+1", "6x2", "12x1"])
def test_usual_signals_have_no_doubts(layout: str) -> None:
    for seed in range(8):
        assert doubts(leads_of(layout, simulated_leads(seed))) == []


@pytest.mark.parametrize("layout", ["3x4+1", "6x2", "12x1"])
def test_the_heart_rate_is_measured(layout: str) -> None:
    rhythm = rhythm_from_leads(leads_of(layout, regular_signals()))
    assert rhythm.rate == pytest.approx(75, abs=1)
    assert 0.03 < rhythm.qrs_s < 0.12
    assert rhythm.wave_ratio > 0.3
    slow = rhythm_from_leads(leads_of(layout, slowed(regular_signals(), 2)))
    assert slow.rate == pytest.approx(37.5, abs=0.5)
    assert slow.qrs_s == pytest.approx(2 * rhythm.qrs_s, rel=0.2)


def test_too_few_beats_have_no_rate() -> None:
    leads = leads_of("3x4", slowed(regular_signals(), 1.5))  # two beats in 2.5 s, in the same lead
    only = {"I": lead_from_mv("I", leads["I"].mv.astype(np.float64)[:1250])}
    assert np.isnan(rhythm_from_leads(only).rate)
    assert doubts(only, 75.0) == []


def test_an_impossible_heart_rate_is_doubtful() -> None:
    leads = leads_of("12x1", slowed(regular_signals(), 4))
    (message,) = [doubt.message for doubt in signal_doubts(leads) if doubt.id == "D-RATE-01"]
    assert message == "A heart rate of 19 beats per minute is not possible"


@pytest.mark.parametrize(
    ("printed", "expected"), [(75.0, []), (68.0, []), (150.0, ["D-RATE-01"]), (38.0, ["D-RATE-01"])]
)
def test_the_printed_heart_rate_is_compared(printed: float, expected: list[str]) -> None:
    assert doubts(leads_of("3x4+1", regular_signals()), printed_rate=printed) == expected


def test_wide_complexes_are_doubtful() -> None:
    """One complex in 1.4 s, seven times as wide as usual."""
    wide = {name: np.tile(mv[900:1600], 7) for name, mv in slowed(regular_signals(), 7).items()}
    messages = [doubt.message for doubt in signal_doubts(leads_of("12x1", wide)) if doubt.id == "D-WAVES-01"]
    assert messages[0].startswith("The QRS complexes last ")


@pytest.mark.parametrize("layout", ["3x4", "3x4+1", "12x1"])
def test_mirrored_signals_are_doubtful(layout: str) -> None:
    for seed in range(6):
        leads = leads_of(layout, simulated_leads(seed))
        mirrored = changed(leads, lambda mv: mv[::-1])
        assert doubts(mirrored) == ["D-WAVES-01"], seed
        assert doubts(changed(leads, lambda mv: -mv)) == [], "upside down, the order remains"


def test_flat_leads_beside_beating_ones_are_doubtful() -> None:
    leads = leads_of("3x4", simulated_leads())
    noise = np.random.default_rng(0).normal(0, 0.01, leads["V3"].mv.size)
    for offset_mv in (0.0, 0.3):
        flat = {**leads, "V3": lead_from_mv("V3", noise + offset_mv, leads["V3"].start_s)}
        (doubt,) = signal_doubts(flat)
        assert doubt.id == "D-LEADS-03"
        assert doubt.message.endswith(": V3")
    two = {**flat, "aVL": lead_from_mv("aVL", noise, leads["aVL"].start_s)}
    (doubt,) = signal_doubts(two)
    assert doubt.message.endswith(": aVL, V3")


def test_leads_that_are_all_weak_are_not_doubtful() -> None:
    weak = changed(leads_of("3x4", simulated_leads()), lambda mv: 0.05 * mv)
    assert "D-LEADS-03" not in doubts(weak)


def test_leads_with_a_large_expected_error_are_named() -> None:
    leads = {
        name: replace(lead, mv=lead.mv / lead.mv.std(), expected_error_mv=0.1)  # 20 dB
        for name, lead in leads_of("3x4", simulated_leads()).items()
    }
    leads["V6"] = replace(leads["V6"], mv=leads["V6"].mv * 0.1, expected_error_mv=0.06)  # small, but exact
    assert [doubt.id for doubt in signal_doubts(leads)] == []
    for name, error_mv in (("V2", 0.5), ("aVL", 1.0)):
        leads[name] = replace(leads[name], expected_error_mv=error_mv)
    (doubt,) = signal_doubts(leads)
    assert doubt.id == "D-LEADS-04"
    assert doubt.message.endswith(": aVL (1.00 mV), V2 (0.50 mV)")


def test_no_leads_and_short_leads_have_no_doubts() -> None:
    assert doubts({}) == []
    for count in (1, 2, 30, 200):
        short = {name: lead_from_mv(name, mv[:count]) for name, mv in simulated_leads().items()}
        assert doubts(short, 60.0) == []
