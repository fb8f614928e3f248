"""Headers and footers of device reports: tables of measurements, logos, titles, and lines with the scales."""

from __future__ import annotations

import re

import numpy as np

from ecgdigit_export.synth.printing import print_word
from ecgdigit_export.synth.sheet import Sheet
from ecgdigit_export.synth.style import SheetStyle
from ecgdigit_export.synth.text import word_length_px

_TITLES = (
    "3x4 Simultaneous ECG Report",
    "RUHE-EKG",
    "Rhythmen 10s, 2p",
    "12-Lead ECG",
    "Resting ECG",
    "Sinus Rhythm - {r} BPM Average",
    "Interpretation (Unconfirmed)",
    "Elektrokardiogramm",
    "Enhanced Filter, Mains Frequency: 50Hz",
    "Wykres EKG",
)

_FIELDS = (
    ("Heart Rate:", "{r} bpm"),
    ("Herzfrequenz", "{r}/min"),
    ("P Duration:", "{a} ms"),
    ("PQ Intervall", "{g} ms"),
    ("QRS Dauer", "{a} ms"),
    ("QT/QTc", "{g}/{g} ms"),
    ("QTcB", "{g} ms"),
    ("P-QRS-T Winkel", "{a} {a} {a}"),
    ("P,QRS,T Axis:", "{a}°, {a}°, {a}°"),
    ("RR/PP Intervall", "{g}/{g} ms"),
    ("RV5/SV1", "0.{a}/1.{a} mV"),
    ("R(V5)+S(V1)", "2.{a} mV"),
    ("V1-V6 ST", "0.{a} mm"),
    ("Geschlecht", "weiblich"),
    ("Patient ID", "{n}"),
    ("Alter", "0{a}Y"),
    ("I: normal", ""),
    ("Sinusrhythmus", ""),
    ("Inferior infarct, age undetermined", ""),
    ("T wave inversion in V2, V3", ""),
    ("Low voltage in limb leads I, II, III", ""),
    ("Unbestätigter Bericht", ""),
)
"""Names and values of the fields of report headers. Lead names in them are not marked. Hand-picked."""

# Ranges (the upper limit is excluded) of the numbers in `_FIELDS` by name. Hand-picked, not tuned.
_NUMBERS = {"a": (18, 99), "g": (120, 480), "n": (10_000, 1_000_000)}

_FOOTERS = (
    "{speed} mm/s | {gain} mm/mV",
    "Scale: {speed}mm/s, {gain}mm/mV",
    "0.67~25Hz AC50  {speed}mm/s  {gain}mm/mV  {code}  ♥{r}  SE-3 V1.0 SEMIP V1.7",
    "{speed} mm/s, {gain} mm/mV      TP 40Hz, AC 50Hz",
    "{speed}mm/s  {gain}mm/mV  0.01-40Hz  50Hz  ADS  12SL V21",
    "Enhanced Filter, Mains Frequency: 50Hz    Scale: {speed}mm/s, {gain}mm/mV",
    "{speed} mm/s, {gain} mm/mV{lead}, 512Hz, iOS 16.2, watchOS 9.1, Algorithm Version 2",
    "Speed: {speed} mm/sec  Limb: {gain} mm/mV  Chest: {gain} mm/mV",
    "Rhythmen 10s, {speed} mm/s, 2p",
    "duration: 10.0 s | samples: 5000 | sample freq.: 500/s     {speed} mm/s | {gain} mm/mV",
    "Vorschub {speed} mm/s   Amplitude {gain} mm/mV   Filter 35 Hz",
    "Scale: {speed} mm/s {gain} mm/mV 5mm/sqr.        Filters: 0.05 - 150 Hz",
    "{speed} mm/s   {gain} mm/mV        Medical Systems",
)
"""Wordings of footers of reports. Hand-picked after reports of several devices."""

# Hand-picked, not tuned.
_LOGO_COLOURS = ((40, 70, 160), (200, 20, 40), (250, 190, 30), (30, 30, 30), (90, 180, 80))
_LOGO_NAMES = ("CARDIA", "SCHMIDT", "MedTech", "CORVUS", "HeartLine", "ecg")


def print_report_header(sheet: Sheet, rng: np.random.Generator) -> None:
    """Print a title, a logo and a table of measurements into the header above the grid."""
    style = sheet.style
    if style.header_mm <= 0:
        return
    left, top, right, _ = style.paper
    cap = float(rng.uniform(1.5, 2.6))
    if rng.random() < 0.5:
        _draw_logo(sheet, rng, cap)
    if rng.random() < 0.7:
        u = left + rng.uniform(0.05, 0.6) * (right - left)
        print_word(sheet, str(rng.choice(_TITLES)).format(r=sheet.rate), u, top + 1.8 * cap, 1.3 * cap)
    columns = int(rng.integers(1, 4))
    lines = int((style.header_mm - 4 * cap) / (1.9 * cap))
    for column in range(columns):
        u = left + 5 + (column + rng.uniform(0, 0.3)) * (right - left - 10) / columns
        value_u = u + rng.uniform(24, 34) * cap / 2.2
        for line in range(int(rng.integers(0, max(1, lines) + 1))):
            v = top + 4.5 * cap + 1.9 * cap * line
            name, value = _FIELDS[rng.integers(len(_FIELDS))]
            numbers = {
                "a": rng.integers(18, 99),
                "g": rng.integers(120, 480),
                "n": rng.integers(10**4, 10**6),
                "r": sheet.rate,
            }
            print_word(sheet, name, u, v, cap)
            if value:
                print_word(sheet, value.format(**numbers), value_u, v, cap)


def print_report_footer(sheet: Sheet, rng: np.random.Generator) -> None:
    """Print the footer of a report with the marks of speed and gain, at the bottom or below the header."""
    style = sheet.style
    cap = float(rng.uniform(1.4, 2.4))
    text = _FOOTERS[style.report_footer % len(_FOOTERS)]
    for field, value in (
        ("{r}", str(sheet.rate)),
        ("{code}", _layout_code(style)),
        ("{lead}", _lead_text(style)),
    ):
        text = text.replace(field, value)
    form = ".1f" if rng.random() < 0.3 else "g"
    values = {"speed": style.speed_mm_s, "gain": style.gain_mm_mv}
    is_above = style.header_mm > 0 and rng.random() < 0.25
    v = style.grid.box[1] - 1.2 * cap if is_above else style.footer_v_mm
    u = style.paper[0] + rng.uniform(2, 30)
    scale = style.px_per_mm
    for part in re.split(r"({speed}|{gain})", text):
        kind = part.strip("{}")
        word = format(values[kind], form) if kind in values else part
        mark = f"{kind}_{values[kind]:g}" if kind in values else None
        if word.strip():
            indent = word_length_px(word[: len(word) - len(word.lstrip())], style.font, cap * scale) / scale
            print_word(sheet, word.strip(), u + indent, v, cap, mark)
        u += word_length_px(word, style.font, cap * scale) / scale


def _draw_logo(sheet: Sheet, rng: np.random.Generator, cap_mm: float) -> None:
    """Draw one to three coloured boxes, or a large name, in a corner of the header."""
    style = sheet.style
    left, top, right, _ = style.paper
    size = float(rng.uniform(0.3, 0.7)) * min(style.header_mm, 22.0)
    u = left + 4 if rng.random() < 0.5 else right - 3 * size - 4
    if rng.random() < 0.4:
        print_word(sheet, str(rng.choice(_LOGO_NAMES)), u, top + 2.5 * cap_mm, 2 * cap_mm)
        return
    for box in range(int(rng.integers(1, 4))):
        x, y = round(float(sheet.x_px(u + box * size))), round(float(sheet.y_px(top + 2)))
        side = round(size * style.px_per_mm)
        colour = _LOGO_COLOURS[rng.integers(len(_LOGO_COLOURS))]
        sheet.raster[max(0, y) : y + side, max(0, x) : x + side] = np.array(colour, np.uint8)


def _layout_code(style: SheetStyle) -> str:
    """Return the code of a layout with rhythm strips, such as 4*2.5s+1r, or an empty text."""
    strips = sum(style.plan.is_strip(row) for row in range(len(style.plan.rows)))
    seconds = style.width_mm / style.speed_mm_s / style.plan.columns
    return f"{style.plan.columns}*{seconds:g}s+{strips}r" if strips else ""


def _lead_text(style: SheetStyle) -> str:
    """Return the statement of the only lead of a page, or an empty text."""
    leads = {lead for row in style.plan.rows for lead in row}
    return f", Lead {leads.pop()}" if len(leads) == 1 else ""
