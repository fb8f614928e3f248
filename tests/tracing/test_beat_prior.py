"""Beats that are hidden in some leads are told from the others, and nothing that is clear moves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.results import LEADS, Layout, Row, Segment
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.beat_prior import (
    INDEPENDENT,
    WINDOW,
    apply_beat_prior,
    beat_model,
    lead_vector,
    posterior_correction,
    steepest_columns,
)
from ecgdigit_rt.tracing.lead_trace import LeadTrace

SAMPLES, PLACES = 2500, (400, 900, 1400, 1900)
CLEAR_MV, HIDDEN_MV = 0.03, 1.0


def drawn_beats(seed: int = 3) -> NDArray[np.float64]:
    """(8, SAMPLES) mV: beats as the model has them, one shape in all of a record, of 1 mV."""
    model, rng = beat_model(), np.random.default_rng(seed)
    beat = model.mean + model.components @ rng.normal(0, 1, model.components.shape[-1])
    beat *= np.hanning(WINDOW + 2)[1:-1]  # begins and ends level
    signal = np.zeros((8, SAMPLES))
    for place in PLACES:
        signal[:, place - WINDOW // 2 : place + WINDOW // 2] = beat
    return signal


def hidden_tips(
    signal: NDArray[np.float64], rows: list[int], left: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signals of whose tips in `rows` a share is left, and the noise that says so."""
    seen, noise = signal.copy(), np.full(signal.shape, CLEAR_MV)
    for row in rows:
        most = left * np.abs(signal[row]).max()
        cut = np.abs(signal[row]) > most
        seen[row, cut] = np.sign(signal[row, cut]) * most
        noise[row, cut] = HIDDEN_MV
    return seen, noise


@pytest.mark.parametrize("rows", [[5], [6], [5, 6], [2, 7]])
def test_hidden_tips_come_back(rows: list[int]) -> None:
    signal = drawn_beats()
    seen, noise = hidden_tips(signal, rows)
    moved = seen + posterior_correction(np.eye(8), seen, noise, 0.05)
    before, after = (np.sqrt(np.mean((one - signal)[rows] ** 2)) for one in (seen, moved))
    assert after < 0.55 * before
    assert np.array_equal(moved[noise == CLEAR_MV], seen[noise == CLEAR_MV])


def test_limb_leads_tell_their_third() -> None:
    """II is hidden but for I and III, which are clear: Einthoven's law says what it is."""
    signal = drawn_beats()
    leads = np.stack([lead_vector(name) for name in ("I", "II", "III")])
    limb = leads @ signal
    seen, noise = limb.copy(), np.full(limb.shape, 0.005)
    seen[1], noise[1] = 0.0, 1.0
    moved = seen + posterior_correction(leads, seen, noise, 0.05)
    near = np.zeros(SAMPLES, bool)
    for place in PLACES:
        near[place - 25 : place + 25] = True
    assert np.sqrt(np.mean((moved - limb)[1, near] ** 2)) < 0.1 * np.sqrt(np.mean(limb[1, near] ** 2))


def test_goldberger() -> None:
    assert lead_vector("aVR") == pytest.approx(-(lead_vector("I") + lead_vector("II")) / 2)
    assert lead_vector("aVL") == pytest.approx((lead_vector("I") - lead_vector("III")) / 2)
    assert lead_vector("aVF") == pytest.approx((lead_vector("II") + lead_vector("III")) / 2)
    assert sorted(INDEPENDENT) == sorted(set(LEADS) - {"III", "aVR", "aVL", "aVF"})


def test_flat_leads_and_short_ones_stay() -> None:
    for samples in (30, 60, 2500):
        flat = np.zeros((8, samples))
        assert not posterior_correction(np.eye(8), flat, np.ones(flat.shape), 0.05).any()


def test_beats_are_found_once_each() -> None:
    found = steepest_columns(np.diff(drawn_beats(), axis=1))
    assert len(found) == len(PLACES)
    assert np.abs(np.array(found) - PLACES).max() <= 20


def traces(
    signal: NDArray[np.float64], noise: NDArray[np.float64], speed: float, gain: float
) -> list[list[LeadTrace]]:
    """One row each, of leads at 500 Hz drawn at `speed` and `gain`."""
    count = round(SAMPLES / 500 * speed * COLUMNS_PER_MM)
    at = np.arange(count) * 500 / (speed * COLUMNS_PER_MM)
    out = []
    for mv, sigma in zip(signal, noise, strict=True):
        height = np.interp(at, np.arange(SAMPLES), mv) * gain
        unsure = np.interp(at, np.arange(SAMPLES), (sigma > CLEAR_MV).astype(float)) > 0
        out.append(
            [
                LeadTrace(
                    height.astype(np.float32),
                    np.where(unsure, 0.0, 1.0).astype(np.float32),
                    np.where(unsure, 3.0, 0.25).astype(np.float32),
                    start_mm=10.0,
                )
            ]
        )
    return out


@pytest.mark.parametrize(("speed", "gain"), [(25.0, 10.0), (50.0, 10.0), (12.5, 5.0)])
def test_traces_of_a_page_at_any_speed_and_gain(speed: float, gain: float) -> None:
    signal = drawn_beats() * 1.5
    seen, noise = hidden_tips(signal, [5, 6], left=0.75)
    end = 10.0 + SAMPLES / 500 * speed
    segments = [Segment(name, 10.0, end, 0.0, SAMPLES / 500) for name in INDEPENDENT]
    rows = tuple(Row(20.0 * k, (segment,)) for k, segment in enumerate(segments))
    layout = Layout("12x1", rows, speed, gain)
    given, truth = traces(seen, noise, speed, gain), traces(signal, noise, speed, gain)
    moved = apply_beat_prior(given, layout)
    for row in (5, 6):
        miss = [
            np.sqrt(np.mean((one[row][0].height_mm - truth[row][0].height_mm) ** 2)) for one in (given, moved)
        ]
        assert miss[1] < 0.7 * miss[0]
    assert all(moved[row][0] is given[row][0] for row in (0, 1, 2))

    alone = dataclasses.replace(layout, rows=rows[5:6])
    assert apply_beat_prior(given[5:6], alone) == given[5:6]


def test_what_is_printed_upside_down_counts_so() -> None:
    """Cabrera's -aVR beside the same page's aVR: what is read of the other leads is the same."""
    signal = drawn_beats()
    names = ("I", "aVR", "II", "V5")
    printed = np.stack([lead_vector(name) for name in names]) @ signal
    seen, noise = hidden_tips(printed, [3], left=0.75)
    found = []
    for sign in (1.0, -1.0):
        rows = tuple(
            Row(20.0 * k, (Segment(name, 10.0, 135.0, 0.0, 5.0, is_inverted=name == "aVR" and sign < 0),))
            for k, name in enumerate(names)
        )
        given = traces(seen * np.array([[1], [sign], [1], [1]]), noise, 25.0, 10.0)
        found.append(apply_beat_prior(given, Layout("rows", rows))[3][0].height_mm)
    assert not np.array_equal(found[0], given[3][0].height_mm)
    assert np.abs(found[0] - found[1]).max() < 1e-4


def test_a_model_is_fitted_to_recordings() -> None:
    """Of beats of one shape the mean is that shape, and hardly anything is left for the residual."""
    fitting = pytest.importorskip("ecgdigit_export.beat_model")
    derived = np.stack([lead_vector(name) for name in LEADS])
    recordings = [(derived @ drawn_beats(seed=7) * size).astype(np.float32) for size in (0.5, 1.0, 2.0)]
    model = fitting.fitted_model(recordings, count=10)
    assert model["mean"].shape == (8, WINDOW)
    assert model["components"].shape == (8, WINDOW, 10)
    assert float(model["residual"]) < 0.01
    assert np.isfinite(model["components"]).all()
    assert beat_model().components.shape == (8, WINDOW, 80)
