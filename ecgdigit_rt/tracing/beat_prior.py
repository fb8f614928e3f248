"""Correction of low-confidence columns by a Gaussian prior on beats, from simultaneous leads.

Where rows cross, the predictions of the trace stage are often wrong, but with low confidence. On a 12×1 page
whose R waves cross three rows, 0.6 % of the columns cause 95 % of the squared error, and all of them have low
confidence.

All leads record the same heart. Therefore a window of 160 ms of all leads around a beat is modelled as one
Gaussian vector, scaled to the amplitude of the beat. The mean and the principal components of the vector are
those of real recordings (`ecgdigit_export.beat_model`). Printed leads are linear combinations of the eight
independent leads, and each column is an observation with its own noise. The posterior of the components is
the solution of a small linear system (Bishop, Pattern Recognition and Machine Learning, 2006, eq. 12.66 and
12.68). Low-confidence columns are moved towards the posterior mean. Other columns do not change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import LEADS, RATE_HZ, Layout, Segment
from ecgdigit_rt.rhythm import detect_beats
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.trace_noise import MIN_NOISE_MM, trace_noise_mm

Values = NDArray[np.float64]

WINDOW = 80
"""Samples of the model per beat: 160 ms at `RATE_HZ`."""
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""Independent leads. All other leads are linear combinations of them."""
_LIMB = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}
"""Coefficients of I and II in the other limb leads, by Einthoven's and Goldberger's equations."""

# Hand-picked, not tuned. docs/accuracy.md (negative results, crossing rows) lists alternatives to the prior.
_MAX_CLEAR_MV = 0.15  # noise below which a column contributes to the scale of a beat
_MIN_WINDOW = 50  # minimum number of samples of a window that an end of the leads cuts


class BeatModel(NamedTuple):
    """Model of beats of unit power, centred on their steepest sample.

    A beat is mean + components · N(0, 1) + residual noise.

    `mean` is (8, WINDOW), `components` (8, WINDOW, count), and `residual` the variance of the residual noise.
    """

    mean: Values
    components: Values
    residual: float


@lru_cache(maxsize=1)
def load_beat_model() -> BeatModel:
    """Load the shipped model."""
    shipped = files("ecgdigit_rt.tracing") / "beats.npz"
    with shipped.open("rb") as file, np.load(file, allow_pickle=False) as data:
        mean, components = (data[name].astype(np.float64) for name in ("mean", "components"))
        return BeatModel(mean, components, float(data["residual"]))


def apply_beat_prior(
    traces: Sequence[Sequence[LeadTrace]], layout: Layout, strips: Collection[tuple[int, int]] = ()
) -> list[list[LeadTrace]]:
    """Return the traces, by row and segment of `layout`, with low-confidence columns of beats corrected.

    `strips` are the (row, segment) indices of the rhythm strips that were recorded at the same time as the
    other leads. They are observations for shorter leads, which do not correct them: that would cost 0.6 dB in
    lead II, because the rows are displaced. Strips with the same start and end correct each other.
    """
    out = [list(row) for row in traces]
    for group in _simultaneous(layout):
        observers = dict(_parts_of_strips(layout, traces, group[0], set(strips) - set(group)))
        places = [*group, *observers]
        leads = np.stack([_printed_vector(layout.rows[i].segments[j]) for i, j in places])
        predicted = [*(traces[i][j] for i, j in group), *observers.values()]
        corrections = _corrections_mm(leads, predicted, layout.speed_mm_s, layout.gain_mm_mv)
        for (i, j), correction in zip(group, corrections, strict=False):
            if correction.any():
                height_mm = traces[i][j].height_mm.copy()
                height_mm[: correction.size] += correction.astype(np.float32)
                out[i][j] = dataclasses.replace(traces[i][j], height_mm=height_mm)
    return out


def _parts_of_strips(
    layout: Layout,
    traces: Sequence[Sequence[LeadTrace]],
    place: tuple[int, int],
    strips: Collection[tuple[int, int]],
) -> Iterator[tuple[tuple[int, int], LeadTrace]]:
    """Yield the parts of rhythm strips that show the time of a segment, if they show all of it."""
    segment = layout.rows[place[0]].segments[place[1]]
    for i, j in sorted(strips):
        strip, trace = layout.rows[i].segments[j], traces[i][j]
        u_mm = strip.start_mm + (segment.start_s - strip.start_s) * layout.speed_mm_s
        first = round((u_mm - trace.start_mm) * trace.columns_per_mm)
        count = (segment.end_mm - segment.start_mm) * trace.columns_per_mm
        if first >= 0 and first + count <= trace.height_mm.size + 1:
            yield (i, j), _columns_from(trace, first)


def _columns_from(trace: LeadTrace, first: int) -> LeadTrace:
    """Return the part of a trace from a column on."""
    return dataclasses.replace(
        trace,
        height_mm=trace.height_mm[first:],
        confidence=trace.confidence[first:],
        spread_mm=trace.spread_mm[first:],
        start_mm=trace.position_mm(first),
    )


def _simultaneous(layout: Layout) -> list[list[tuple[int, int]]]:
    """Return groups of two or more segments with equal start and end, as (row, segment) indices.

    Segments of leads that the model does not contain, such as V7, are left out.
    """
    groups: dict[tuple[float, float, float], list[tuple[int, int]]] = {}
    for i, row in enumerate(layout.rows):
        for j, segment in enumerate(row.segments):
            span = round(segment.start_mm, 1), round(segment.end_mm, 1), round(segment.start_s, 2)
            if segment.lead in LEADS:
                groups.setdefault(span, []).append((i, j))
    return [group for group in groups.values() if len(group) > 1]


def _printed_vector(segment: Segment) -> Values:
    """Return the printed segment as a combination (8,) of the independent leads."""
    vector = lead_vector(segment.lead)
    return -vector if segment.is_inverted else vector


def _corrections_mm(
    leads: Values, traces: Sequence[LeadTrace], speed_mm_s: float, gain_mm_mv: float
) -> list[Values]:
    """Return the corrections of the heights of simultaneous traces. `leads` is (traces, 8)."""
    columns = np.arange(min(trace.height_mm.size for trace in traces))
    at = np.arange(0, columns.size, COLUMNS_PER_MM * speed_mm_s / RATE_HZ)  # column of each sample
    height, noise = (
        np.stack([np.interp(at, columns, values[: columns.size]) for values in group]) / gain_mm_mv
        for group in ([trace.height_mm for trace in traces], [trace_noise_mm(trace) for trace in traces])
    )
    signal = height - np.median(height, axis=1, keepdims=True)
    corrections = posterior_correction(leads, signal, noise, MIN_NOISE_MM / gain_mm_mv)
    return [np.interp(columns, at, correction) for correction in corrections * gain_mm_mv]


def lead_vector(name: str) -> Values:
    """Return a lead as a combination (8,) of the independent leads."""
    vector = np.zeros(len(INDEPENDENT))
    if name in _LIMB:
        vector[:2] = _LIMB[name]
    else:
        vector[INDEPENDENT.index(name)] = 1
    return vector


def posterior_correction(leads: Values, signal: Values, noise: Values, min_noise: float) -> Values:
    """Return the correction of each sample in mV, (leads, samples). It is 0 outside beats.

    `leads` is (leads, 8), combinations of the independent leads. `signal` is (leads, samples) in mV, and
    `noise` the standard deviation of the error of each sample. Only samples with a noise above `min_noise`
    are corrected.
    """
    model, corrections = load_beat_model(), np.zeros(signal.shape)
    mean = leads @ model.mean
    components = np.tensordot(leads, model.components, (1, 0))
    for middle in detect_beats(np.diff(signal, axis=1)):
        first = middle - WINDOW // 2
        window = slice(max(0, first), min(signal.shape[1], first + WINDOW))
        if window.stop - window.start < _MIN_WINDOW or not (noise[:, window] > min_noise).any():
            continue
        observed, sigma = signal[:, window], noise[:, window]
        clear = sigma < _MAX_CLEAR_MV
        if not observed[clear].any():  # no clear sample determines the scale of the beat
            continue
        scale = float(np.sqrt(np.mean(observed[clear] ** 2)))
        inside = slice(window.start - first, window.stop - first)
        expected, variance = _posterior(
            observed / scale - mean[:, inside], (sigma / scale) ** 2 + model.residual, components[:, inside]
        )
        expected = (expected + mean[:, inside]) * scale
        variance = scale**2 * (variance + model.residual)
        weight = np.where(sigma > min_noise, sigma**2 / (sigma**2 + variance), 0)
        corrections[:, window] = weight * (expected - observed)
    return corrections


def _posterior(residual: Values, variance: Values, components: Values) -> tuple[Values, Values]:
    """Return posterior mean and variance of the deviation from the mean beat, (leads, samples) each.

    `residual` is the observed deviation, and `variance` the variance of the noise of each observation.
    """
    basis = components.reshape(residual.size, -1)
    weighted = basis / variance.reshape(-1, 1)
    root = np.linalg.cholesky(weighted.T @ basis + np.eye(basis.shape[1]))
    half = np.linalg.solve(root, np.stack([weighted.T @ residual.ravel(), *basis], 1))
    mean, shape = half[:, 1:].T @ half[:, 0], residual.shape
    return mean.reshape(shape), (half[:, 1:] ** 2).sum(0).reshape(shape)
