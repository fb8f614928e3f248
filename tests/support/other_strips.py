"""Synthetic records of other signals than the ECG, and text on ECG paper.

Each picture has the paper, the rows or the names of an ECG, but none of them is one. They are harder than
those of `non_ecg_images`. The hardest are `ECG_LIKE_PAGES`: pages with the layout, the names and the scale of
an ECG, whose signals are not an ECG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from non_ecg_images import HEIGHT, Image, grid, paper, with_text
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from synthetic_pages import layout_style

from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.signals import with_derived_leads

Signal = NDArray[np.float64]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (20, 20, 20)
_LEFT, _RIGHT = 150, 2100
_SAMPLES = _RIGHT - _LEFT
_PX_PER_S = 25 * 200 / 25.4
_SECONDS = np.arange(_SAMPLES) / _PX_PER_S
_MV_PER_PX = 25.4 / 200 / 10  # at 10 mm/mV


def strips(image: Image, rows: Sequence[Signal], names: Sequence[str] = (), width: int = 3) -> Image:
    """Draw signals, in pixels upwards, as rows with names on the left."""
    pitch = (HEIGHT - 200) / len(rows)
    for number, row in enumerate(rows):
        y = 100 + pitch * (number + 0.5) - row
        points = np.stack([np.arange(_SAMPLES) + _LEFT, np.clip(y, 5, HEIGHT - 5)], 1).astype(np.int32)
        cv2.polylines(image, [points], False, _INK, width, cv2.LINE_AA)
        if number < len(names):
            at = (20, round(100 + pitch * (number + 0.5) - 30))
            cv2.putText(image, names[number], at, _FONT, 1.1, _INK, 2, cv2.LINE_AA)
    return image


def _noise(seed: int, smoothing_px: float) -> Signal:
    noise = gaussian_filter1d(np.random.default_rng(seed).normal(0, 1, _SAMPLES), smoothing_px)
    return np.asarray(noise / noise.std())


def seismic(seed: int, amplitude_px: float = 60) -> Signal:
    """Return background noise with two earthquakes: a sharp onset that decays slowly."""
    rng = np.random.default_rng(seed)
    signal = 2 * _noise(seed, 2)
    for onset in rng.integers(200, _SAMPLES - 300, 2):
        after = np.maximum(np.arange(_SAMPLES) - onset, 0)
        envelope = np.where(np.arange(_SAMPLES) >= onset, np.exp(-after / 180), 0)
        signal += amplitude_px * envelope * _noise(seed + 100, 3)
    return signal


def eeg(seed: int) -> Signal:
    """Return an alpha rhythm of 10 Hz that waxes and wanes, with slow waves."""
    envelope = 1 + _noise(seed, 150)
    return np.asarray(12 * envelope * np.sin(2 * np.pi * 10 * _SECONDS + seed) + 10 * _noise(seed + 1, 30))


def breathing(seed: int, rate_hz: float = 0.3) -> Signal:
    return np.asarray(60 * np.sin(2 * np.pi * rate_hz * _SECONDS + seed) + 3 * _noise(seed, 40))


def pulse(seed: int, rate_hz: float = 1.2) -> Signal:
    """Return a pulse wave (photoplethysmogram): a fast rise, a slow fall and a dicrotic notch."""
    phase = (rate_hz * _SECONDS + 0.1 * seed) % 1
    wave = np.exp(-(((phase - 0.2) / 0.09) ** 2)) + 0.4 * np.exp(-(((phase - 0.5) / 0.12) ** 2))
    return np.asarray(90 * wave - 30)


def muscle(seed: int) -> Signal:
    """Return bursts of an electromyogram."""
    envelope = np.clip(np.sin(2 * np.pi * 0.7 * _SECONDS + seed), 0, 1)
    return np.asarray(40 * envelope * _noise(seed, 1) + 2 * _noise(seed + 1, 1))


def fetal_heart_rate(seed: int) -> Signal:
    return np.asarray(25 * _noise(seed, 60) + 8 * _noise(seed + 1, 8))


def sawtooth(seed: int) -> Signal:
    return np.asarray(80 * ((1.1 * _SECONDS + 0.2 * seed) % 1) - 40)


def spikes(seed: int) -> Signal:
    """Return irregular narrow spikes, such as those of a Geiger counter."""
    signal = 1.5 * _noise(seed, 2)
    for at in np.random.default_rng(seed).integers(10, _SAMPLES - 10, 25):
        signal[at - 3 : at + 4] += 90 * np.array([0.1, 0.4, 0.8, 1, 0.8, 0.4, 0.1])
    return signal


def text_rows() -> Image:
    """Return lines of text where the rows of an ECG would be."""
    image = grid()
    for row in range(4):
        text = "minmini illumination Wilhelm unionism villain millennium"
        cv2.putText(image, text, (120, 300 + 370 * row), _FONT, 2.0, _INK, 3, cv2.LINE_AA)
    return image


def handwriting() -> Image:
    """Return connected loops, like handwriting, on ECG paper."""
    t = np.linspace(0, 1, 6000)
    image = grid()
    for row in range(6):
        rng = np.random.default_rng(row)
        x = 150 + 1900 * t + 18 * np.sin(2 * np.pi * 90 * t)
        y = 250 + 240 * row + 25 * np.cos(2 * np.pi * 90 * t) * (1 + 0.8 * np.sin(2 * np.pi * 13 * t))
        gaps = rng.integers(0, 6000, 8)
        points = np.stack([x, y], 1).astype(np.int32)
        for part in np.split(points, np.sort(gaps)):
            cv2.polylines(image, [part], False, _INK, 3, cv2.LINE_AA)
    return image


def independent_leads(signal: Callable[[int], Signal]) -> NDArray[np.float32]:
    """Return twelve independent signals (12, 5000) in mV at 500 Hz, each stretched to ten seconds."""
    at = np.linspace(0, _SAMPLES - 1, 5000)
    rows = [np.interp(at, np.arange(_SAMPLES), signal(seed)) * _MV_PER_PX for seed in range(12)]
    return np.asarray(rows, np.float32)


def related_leads(signal: Callable[[int], Signal]) -> NDArray[np.float32]:
    """Return one signal with another amplitude in each lead (12, 5000), which satisfies Einthoven's law."""
    amplitudes = np.array([0.6, 1.0, -0.6, 0.4, 0.9, 1.3, 1.2, 0.8], np.float32)
    return with_derived_leads(amplitudes[:, None] * independent_leads(signal)[0])


def ecg_like_page(leads: Callable[[], NDArray[np.float32]], layout: str) -> Image:
    """Return a page that looks like an ECG in this layout, with names, scale and calibration pulses."""
    style = replace(layout_style(layout), pulse="left", header_lines=2)
    return synthetic_page(leads(), np.random.default_rng(11), kind="render", style=style).image


_ECG_NAMES = ("I", "II", "III", "aVR", "aVL", "aVF")
_EEG_NAMES = ("Fp1-F3", "F3-C3", "C3-P3", "P3-O1", "Fp2-F4", "F4-C4", "C4-P4", "P4-O2")

OTHER_STRIPS: dict[str, Callable[[], Image]] = {
    "seismogram": lambda: strips(paper(), [seismic(k) for k in range(12)]),
    "seismogram on ECG paper": lambda: strips(grid(), [seismic(k) for k in range(6)]),
    "seismogram in three components": lambda: strips(
        grid(), [seismic(7), seismic(8), seismic(9)], ("Z", "N", "E")
    ),
    "EEG": lambda: strips(paper(), [eeg(k) for k in range(8)], _EEG_NAMES),
    "EEG on ECG paper": lambda: strips(grid(), [eeg(k) for k in range(8)], _EEG_NAMES),
    "EEG in four rows": lambda: strips(grid(), [eeg(k) for k in range(4)]),
    "breathing": lambda: strips(grid(), [breathing(k) for k in range(3)]),
    "pulse waves": lambda: strips(grid(), [pulse(k) for k in range(3)]),
    "one pulse wave": lambda: strips(grid(), [pulse(0)]),
    "pulse waves with names of leads": lambda: strips(grid(), [pulse(k) for k in range(6)], _ECG_NAMES),
    "electromyogram": lambda: strips(grid(), [muscle(k) for k in range(4)]),
    "polygraph": lambda: strips(grid(), [breathing(0), breathing(1, 0.25), pulse(2), muscle(3)]),
    "cardiotocogram": lambda: strips(grid(), [fetal_heart_rate(0), breathing(1, 0.05)]),
    "sawtooth": lambda: strips(grid(), [sawtooth(k) for k in range(6)]),
    "irregular spikes": lambda: strips(grid(), [spikes(k) for k in range(6)]),
    "irregular spikes with names of leads": lambda: strips(grid(), [spikes(k) for k in range(6)], _ECG_NAMES),
    "seismogram with names of leads": lambda: strips(grid(), [seismic(k) for k in range(6)], _ECG_NAMES),
    "text on ECG paper": lambda: with_text(grid()),
    "text in four rows": text_rows,
    "handwriting": handwriting,
}
"""Pictures by what they show."""

_SIGNALS: dict[str, Callable[[int], Signal]] = {
    "seismogram": seismic,
    "EEG": eeg,
    "breathing": breathing,
    "pulse waves": pulse,
    "electromyogram": muscle,
    "cardiotocogram": fetal_heart_rate,
    "sawtooth": sawtooth,
    "irregular spikes": spikes,
}

ECG_LIKE_PAGES: dict[str, Callable[[], Image]] = {
    f"{kind} {name} as {layout}": partial(ecg_like_page, partial(leads, signal), layout)
    for kind, leads in (("independent", independent_leads), ("related", related_leads))
    for name, signal in _SIGNALS.items()
    for layout in ("3x4+1", "6x2", "12x1")
}
"""Pages with the layout and the names of an ECG, by what they show."""
