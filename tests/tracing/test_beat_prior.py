"""Beats that are hidden in some leads are recovered from other leads, and clear samples do not change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.results import LEADS, Layout, Row, Segment
from ecgdigit_rt.rhythm import detect_beats
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.beat_prior import (
    INDEPENDENT,
    WINDOW,
    apply_beat_prior,
    lead_vector,
    load_beat_model,
    posterior_correction,
)
from ecgdigit_rt.tracing.lead_trace import LeadTrace

SAMPLES, PLACES = 2500, (400, 900, 1400, 1900)
CLEAR_MV, HIDDEN_MV = 0.03, 1.0


def drawn_beats(seed: int = 3) -> NDArray[np.float64]:
    """Return beats of the model, (8, SAMPLES) in mV, with a size of 1 mV and one shape per record."""
    model, rng = load_beat_model(), np.random.default_rng(seed)
    beat = model.mean + model.components @ rng.normal(0, 1, model.components.shape[-1])
    beat *= np.hanning(WINDOW + 2)[1:-1]  # starts and ends at the baseline
    signal = np.zeros((8, SAMPLES))
    for place in PLACES:
        signal[:, place - WINDOW // 2 : place + WINDOW // 2] = beat
    return signal


def hidden_peaks(
    signal: NDArray[np.float64], rows: list[int], left: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return signals whose peaks in `rows` are cut to the share `left`, and their noise."""
    observed, noise = signal.copy(), np.full(signal.shape, CLEAR_MV)
    for row in rows:
        limit = left * np.abs(signal[row]).max()
        cut = np.abs(signal[row]) > limit
        observed[row, cut] = np.sign(signal[row, cut]) * limit
        noise[row, cut] = HIDDEN_MV
    return observed, noise


@pytest.mark.parametrize("rows", [[5], [6], [5, 6], [2, 7]])
def test_hidden_peaks_are_recovered(rows: list[int]) -> None:
    signal = drawn_beats()
    observed, noise = hidden_peaks(signal, rows)
    corrected = observed + posterior_correction(np.eye(8), observed, noise, 0.05)
    before, after = (np.sqrt(np.mean((mv - signal)[rows] ** 2)) for mv in (observed, corrected))
    assert after < 0.55 * before
    assert np.array_equal(corrected[noise == CLEAR_MV], observed[noise == CLEAR_MV])


def test_two_limb_leads_determine_the_third() -> None:
    """Lead II is hidden, and I and III are clear: Einthoven's law determines it."""
    signal = drawn_beats()
    leads = np.stack([lead_vector(name) for name in ("I", "II", "III")])
    limb = leads @ signal
    observed, noise = limb.copy(), np.full(limb.shape, 0.005)
    observed[1], noise[1] = 0.0, 1.0
    corrected = observed + posterior_correction(leads, observed, noise, 0.05)
    near = np.zeros(SAMPLES, bool)
    for place in PLACES:
        near[place - 25 : place + 25] = True
    assert np.sqrt(np.mean((corrected - limb)[1, near] ** 2)) < 0.1 * np.sqrt(np.mean(limb[1, near] ** 2))


def test_goldbergers_equations() -> None:
    assert lead_vector("aVR") == pytest.approx(-(lead_vector("I") + lead_vector("II")) / 2)
    assert lead_vector("aVL") == pytest.approx((lead_vector("I") - lead_vector("III")) / 2)
    assert lead_vector("aVF") == pytest.approx((lead_vector("II") + lead_vector("III")) / 2)
    assert sorted(INDEPENDENT) == sorted(set(LEADS) - {"III", "aVR", "aVL", "aVF"})


def test_flat_and_short_leads_are_not_corrected() -> None:
    for samples in (30, 60, 2500):
        flat = np.zeros((8, samples))
        assert not posterior_correction(np.eye(8), flat, np.ones(flat.shape), 0.05).any()


def test_each_beat_is_detected_once() -> None:
    beats = detect_beats(np.diff(drawn_beats(), axis=1))
    assert len(beats) == len(PLACES)
    assert np.abs(np.array(beats) - PLACES).max() <= 20


def traces_from_signals(
    signal: NDArray[np.float64], noise: NDArray[np.float64], speed: float, gain: float
) -> list[list[LeadTrace]]:
    """Return one row per lead, with signals at 500 Hz drawn at `speed` and `gain`."""
    count = round(SAMPLES / 500 * speed * COLUMNS_PER_MM)
    at = np.arange(count) * 500 / (speed * COLUMNS_PER_MM)
    out = []
    for mv, sigma in zip(signal, noise, strict=True):
        height = np.interp(at, np.arange(SAMPLES), mv) * gain
        is_hidden = np.interp(at, np.arange(SAMPLES), (sigma > CLEAR_MV).astype(float)) > 0
        out.append(
            [
                LeadTrace(
                    height.astype(np.float32),
                    np.where(is_hidden, 0.0, 1.0).astype(np.float32),
                    np.where(is_hidden, 3.0, 0.25).astype(np.float32),
                    start_mm=10.0,
                )
            ]
        )
    return out


@pytest.mark.parametrize(("speed", "gain"), [(25.0, 10.0), (50.0, 10.0), (12.5, 5.0)])
def test_traces_are_corrected_at_any_speed_and_gain(speed: float, gain: float) -> None:
    signal = drawn_beats() * 1.5
    observed, noise = hidden_peaks(signal, [5, 6], left=0.75)
    end = 10.0 + SAMPLES / 500 * speed
    segments = [Segment(name, 10.0, end, 0.0, SAMPLES / 500) for name in INDEPENDENT]
    rows = tuple(Row(20.0 * k, (segment,)) for k, segment in enumerate(segments))
    layout = Layout("12x1", rows, speed, gain)
    predicted = traces_from_signals(observed, noise, speed, gain)
    truth = traces_from_signals(signal, noise, speed, gain)
    corrected = apply_beat_prior(predicted, layout)
    for row in (5, 6):
        before, after = (
            np.sqrt(np.mean((traces[row][0].height_mm - truth[row][0].height_mm) ** 2))
            for traces in (predicted, corrected)
        )
        assert after < 0.7 * before
    assert all(corrected[row][0] is predicted[row][0] for row in (0, 1, 2))

    alone = dataclasses.replace(layout, rows=rows[5:6])
    assert apply_beat_prior(predicted[5:6], alone) == predicted[5:6]


def test_inverted_leads_have_the_same_effect() -> None:
    """-aVR in Cabrera's order and aVR lead to the same corrections of the other leads."""
    signal = drawn_beats()
    names = ("I", "aVR", "II", "V5")
    printed = np.stack([lead_vector(name) for name in names]) @ signal
    observed, noise = hidden_peaks(printed, [3], left=0.75)
    heights = []
    for sign in (1.0, -1.0):
        rows = tuple(
            Row(20.0 * k, (Segment(name, 10.0, 135.0, 0.0, 5.0, is_inverted=name == "aVR" and sign < 0),))
            for k, name in enumerate(names)
        )
        predicted = traces_from_signals(observed * np.array([[1], [sign], [1], [1]]), noise, 25.0, 10.0)
        heights.append(apply_beat_prior(predicted, Layout("rows", rows))[3][0].height_mm)
    assert not np.array_equal(heights[0], predicted[3][0].height_mm)
    assert np.abs(heights[0] - heights[1]).max() < 1e-4


def test_the_model_is_fitted_to_recordings() -> None:
    """For beats of one shape, the mean is that shape, and the residual is small."""
    fitting = pytest.importorskip("ecgdigit_export.beat_model")
    derived = np.stack([lead_vector(name) for name in LEADS])
    recordings = [(derived @ drawn_beats(seed=7) * size).astype(np.float32) for size in (0.5, 1.0, 2.0)]
    model = fitting.fit_beat_model(recordings, count=10)
    assert model["mean"].shape == (8, WINDOW)
    assert model["components"].shape == (8, WINDOW, 10)
    assert float(model["residual"]) < 0.01
    assert np.isfinite(model["components"]).all()
    assert load_beat_model().components.shape == (8, WINDOW, 80)


def test_a_rhythm_strip_shows_what_is_hidden_in_the_leads_of_a_column() -> None:
    signal = drawn_beats() * 1.5
    observed, noise = hidden_peaks(signal, [5, 6], left=0.3)
    names = ("V4", "V5", "V6")
    rows = [INDEPENDENT.index(name) for name in names]
    traces = traces_from_signals(observed[rows], noise[rows], 25.0, 10.0)
    truth = traces_from_signals(signal[rows], noise[rows], 25.0, 10.0)
    end_mm, end_s = 10.0 + SAMPLES / 500 * 25, SAMPLES / 500
    column = tuple(Row(20.0 * k, (Segment(name, 10.0, end_mm, 0.0, end_s),)) for k, name in enumerate(names))
    hidden = column[:2]
    strip = Row(60.0, (Segment("V6", 10.0, 2 * end_mm - 10.0, 0.0, 2 * end_s),))
    short = traces[2][0]
    long = dataclasses.replace(
        short,
        height_mm=np.tile(short.height_mm, 2),
        confidence=np.tile(short.confidence, 2),
        spread_mm=np.tile(short.spread_mm, 2),
    )
    layout = Layout("rows", (*hidden, strip))
    errors = []
    for strips in ((), ((2, 0),)):
        corrected = apply_beat_prior([*traces[:2], [long]], layout, strips)
        assert corrected[2][0] is long
        errors.append(np.sqrt(np.mean((corrected[1][0].height_mm - truth[1][0].height_mm) ** 2)))
    assert errors[1] < 0.9 * errors[0]


@pytest.mark.parametrize("leads", [("II",) * 8, ("V3R", "V4R", "V5R", "V6R", "V7", "V8", "V9", "I")])
def test_rows_of_another_time_and_other_leads_are_not_corrected(leads: tuple[str, ...]) -> None:
    """Rows of one lead follow each other. The model does not contain right-sided and posterior leads."""
    signal = drawn_beats() * 1.5
    predicted = traces_from_signals(*hidden_peaks(signal, [5, 6], left=0.75), 25.0, 10.0)
    length_s = SAMPLES / 500
    starts = [k * length_s * (len(set(leads)) == 1) for k in range(8)]
    rows = tuple(
        Row(20.0 * k, (Segment(lead, 10.0, 10.0 + length_s * 25, start, start + length_s),))
        for k, (lead, start) in enumerate(zip(leads, starts, strict=True))
    )
    corrected = apply_beat_prior(predicted, Layout("rows", rows, 25.0, 10.0))
    assert all(after[0] is before[0] for after, before in zip(corrected, predicted, strict=True))
