"""Printed text of a flat sheet: lead names, header, footer and QR code."""

from __future__ import annotations

import cv2
import numpy as np

from ecgdigit_export.synth.sheet import Sheet
from ecgdigit_export.synth.style import Colour, pulse_width_mm
from ecgdigit_export.synth.text import word_length_px, word_mask
from ecgdigit_export.synth.truth import COLUMNS_PER_MM, Mark
from ecgdigit_kernels.stroke import blend
from ecgdigit_rt.layout.catalog import INVERTED_PREFIX
from ecgdigit_rt.results import LEADS

_HEADER_LINES = (
    "ID: {n}",
    "Age: {a} yrs",
    "Name:",
    "Date: 20{b:02d}-{c:02d}-{d:02d}, {e:02d}:{f:02d}",
    "Sex: M",
    "Vent. rate {r} BPM",
    "PR interval {g} ms",
    "QRS duration {a} ms",
    "QT/QTc {g}/{g} ms",
    "P-R-T axes {a} {a} {a}",
    "Sinus rhythm",
    "Normal ECG",
    "Unconfirmed diagnosis",
    "Referred by:",
    "HR {r}/min",
    "Technician:",
    "Room {a}",
)
# Ranges (the upper limit is excluded) of the numbers in `_HEADER_LINES` by name. Hand-picked, not tuned.
_HEADER_NUMBERS = {
    "n": (10000, 99999),
    "a": (18, 99),
    "b": (10, 26),
    "c": (1, 13),
    "d": (1, 29),
    "e": (0, 24),
    "f": (0, 60),
    "g": (120, 480),
}


def print_word(
    sheet: Sheet,
    word: str,
    u_mm: float,
    v_mm: float,
    cap_mm: float,
    name: str | None = None,
    number: str = "",
    before: str = "",
    colour: Colour | None = None,
) -> float:
    """Print `word` with its left edge at `u_mm` and its middle at `v_mm`, and return its width in mm.

    If `name` is specified, a mark with this name is added. The box of the mark contains the `number` that
    follows the text `before` at the beginning of the word, or the whole word if `number` is empty. The
    network recognises the text at the centre of a mark best. `colour` is that of the pen by default.
    """
    style = sheet.style
    mask = word_mask(word, style.font, cap_mm * style.px_per_mm)
    height, width = mask.shape
    x, y = round(float(sheet.x_px(u_mm))), round(float(sheet.y_px(v_mm)) - height / 2)
    top, left = max(0, -y), max(0, -x)
    view = sheet.raster[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
    visible = np.ascontiguousarray(mask[top : top + view.shape[0], left : left + view.shape[1]])
    if visible.size:
        ink = style.pen_colour if colour is None else colour
        blend(view, visible * np.float32(style.pen_density), np.array(ink, np.float32))
    width_mm = width / style.px_per_mm
    if name is not None and visible.size:
        marked_px = word_mask(number or word, style.font, cap_mm * style.px_per_mm).shape[1]
        before_px = word_length_px(before, style.font, cap_mm * style.px_per_mm) if before else 0.0
        marked_mm, before_mm = marked_px / style.px_per_mm, before_px / style.px_per_mm
        centre = u_mm + before_mm + marked_mm / 2
        sheet.marks.append(Mark(name, centre, v_mm, marked_mm, height / style.px_per_mm))
    return float(width_mm)


def print_labels(sheet: Sheet, rng: np.random.Generator) -> None:
    """Print the lead name of each segment and add its mark. Names outside `LEADS` have no mark."""
    style, labels = sheet.style, sheet.style.labels
    if not style.has_labels:
        return
    is_rhythm_page = style.plan.columns > 1
    for r, row in enumerate(sheet.layout.rows):
        if r > 0 and labels.is_first_row_only:
            break
        for c, segment in enumerate(row.segments):
            jitter = rng.normal(0, 0.15, 2)
            is_strip = len(row.segments) == 1 and (is_rhythm_page or labels.has_suffix_everywhere)
            lead = segment.lead.upper() if labels.is_upper_case else segment.lead
            if labels.is_spaced:
                lead = lead.replace("aV", "a V").replace("AV", "A V")
            name = INVERTED_PREFIX * segment.is_inverted + lead
            before = labels.prefix if len(row.segments) == 1 and labels.placement != "bar" else ""
            word = before + name
            u, v = np.array(_label_position(sheet, r, c, word)) + jitter
            print_word(
                sheet,
                word,
                u,
                v,
                style.label_cap_mm,
                segment.lead if segment.lead in LEADS else None,
                name,
                before,
                labels.colour,
            )
            if is_strip and labels.suffix:
                _print_suffix(sheet, word, u, v)


def _print_suffix(sheet: Sheet, word: str, u_mm: float, v_mm: float) -> None:
    """Print the suffix of a lead name that is printed at a position, and mark the scale in it."""
    style, suffix = sheet.style, sheet.style.labels.suffix
    numbers = {"speed": f"{style.speed_mm_s:g}", "gain": f"{style.gain_mm_mv:g}"}
    kind = next((key for key in numbers if f"{{{key}}}" in suffix), None)
    indent = word + suffix[: len(suffix) - len(suffix.lstrip())]
    cap_px = style.label_cap_mm * style.px_per_mm
    print_word(
        sheet,
        suffix.strip().format(**numbers),
        u_mm + word_length_px(indent, style.font, cap_px) / style.px_per_mm,
        v_mm,
        style.label_cap_mm,
        None if kind is None else f"{kind}_{numbers[kind]}",
        "" if kind is None else numbers[kind],
        colour=style.labels.colour,
    )


def _label_position(sheet: Sheet, row: int, column: int, word: str) -> tuple[float, float]:
    """Return the left edge and the middle of a lead name in mm."""
    style, placement = sheet.style, sheet.style.labels.placement
    du, dv = style.label_offset_mm
    line = sheet.layout.rows[row]
    segment = line.segments[column]
    u, v = segment.start_mm + du, line.baseline_mm + dv
    width = word_length_px(word, style.font, style.label_cap_mm * style.px_per_mm) / style.px_per_mm
    if placement == "bar" and column:  # the bar is at the seam, before the gap
        return u - style.seam_gap_mm, v
    if placement == "trace":
        first = round((max(u, segment.start_mm) - line.start_mm) * COLUMNS_PER_MM)
        behind = sheet.curves[row][first : first + max(1, round(width * COLUMNS_PER_MM))]
        behind = behind[np.isfinite(behind)]
        return u, v - (float(np.median(behind)) if behind.size else 0.0)
    if placement == "margin":
        if column:
            return segment.start_mm - du, v
        has_pulse = style.pulse == "left" and style.single_pulse_row in (None, row)
        pulse = style.pulse_gap_mm + pulse_width_mm(style) if has_pulse else 0.0
        return max(u - width - pulse, style.paper[0] + 0.5), v
    return u, v


def print_header_and_footer(sheet: Sheet, rng: np.random.Generator) -> None:
    """Print the lines of the header and, on most pages, speed and gain in a footer with their marks.

    The footer is omitted on pages with the footer of a report.
    """
    style = sheet.style
    left, top, right, _ = style.paper
    cap = float(rng.uniform(1.6, 2.6))
    for line in range(style.header_lines):
        for column in range(int(rng.integers(1, 4))):
            numbers = {name: rng.integers(*span) for name, span in _HEADER_NUMBERS.items()}
            word = str(rng.choice(_HEADER_LINES)).format(**numbers, r=sheet.rate)
            u = left + 6 + column * (right - left) / 3 + rng.uniform(0, 4)
            print_word(sheet, word, u, top + 5 + line * cap * 1.9, cap)
    if style.report_footer or rng.random() < 0.12:
        return
    speed, gain = f"{style.speed_mm_s:g}", f"{style.gain_mm_mv:g}"
    space = " " if rng.random() < 0.4 else ""
    words = [
        (f"{speed}{space}mm/s", f"speed_{speed}", speed),
        (f"{gain}{space}mm/mV", f"gain_{gain}", gain),
        (str(rng.choice(("0.05-150 Hz", "F 40 Hz", "0.5 ~ 40 Hz AC 50", "12SL v237", ""))), None, ""),
    ]
    u = left + rng.uniform(8, 70)
    for word, name, number in words:
        if word:
            u += print_word(sheet, word, u, style.footer_v_mm, cap, name, number) + rng.uniform(3, 30)


def place_qr_code(sheet: Sheet, rng: np.random.Generator) -> None:
    """Draw a QR code in the upper right corner of the sheet."""
    style = sheet.style
    code = cv2.QRCodeEncoder.create().encode(f"ECG-{rng.integers(10**9)}")
    size = round(rng.uniform(14, 22) * style.px_per_mm)
    code = cv2.resize(code, (size, size), interpolation=cv2.INTER_NEAREST)
    x = sheet.raster.shape[1] - size - round(rng.uniform(2, 12) * style.px_per_mm)
    y = round(rng.uniform(2, 6) * style.px_per_mm)
    target = sheet.raster[y : y + size, x : x + size]
    target[:] = code[: target.shape[0], : target.shape[1], None]
