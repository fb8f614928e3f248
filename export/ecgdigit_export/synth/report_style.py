"""Random styles of sheets with the properties of device reports: other layouts, names, rules and headers."""

from __future__ import annotations

import dataclasses

import numpy as np

from ecgdigit_export.synth.label_style import (
    LabelStyle,
    label_cap_from_rng,
    label_offset_from_rng,
    label_style_from_rng,
    uses_report_font,
)
from ecgdigit_export.synth.rule_style import rule_style_from_rng
from ecgdigit_export.synth.style import Colour, SheetStyle, style_from_rng
from ecgdigit_export.synth.text import report_font_files
from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan
from ecgdigit_rt.results import FURTHER_LEADS, LEADS

# Probabilities of properties. Hand-picked, not tuned: each property is so rare that most pages have
# the usual layouts, pulses, seams and headers.
_REPORT_LAYOUT_PROBABILITY = 0.2
_ANY_RHYTHM_PROBABILITY = 0.3
_SHORT_ROWS_PROBABILITY = {True: 0.3, False: 0.05}
"""Probability of rows of less than ten seconds on pages of the layouts below, and on other pages."""
_NARROW_PULSE_PROBABILITY = 0.22
_SINGLE_PULSE_PROBABILITY = 0.1
_SEAM_GAP_PROBABILITY = 0.1
_HEADER_PROBABILITY = 0.2
_REPORT_FOOTER_PROBABILITY = 0.3
_COLOURED_PEN_PROBABILITY = 0.04

_REPORT_LAYOUTS = {"3x4+2": 0.27, "6x1": 0.19, "chest-6x1": 0.19, "one-lead": 0.22, "further": 0.13}
"""Probabilities of the layouts that `style_from_rng` does not draw. Hand-picked, not tuned.

They are keys of `LAYOUTS`, `one-lead` (rows of one lead), and `further` (right-sided and posterior leads).
"""

_SHORT_ROWS_S = (5.0, 7.5, 8.0)
"""Durations of short rows: handheld recorders and pages of other widths. Hand-picked."""

_SEAM_GAP_MM = (0.5, 5.0)
_NARROW_PLATEAU_MM = (1.6, 3.2)
_HEADER_MM = (12.0, 48.0)
_BOTTOM_MM = (0.0, 60.0)
"""Ranges in mm of the gap after a seam, of the plateau of narrow pulses, and of the heights of headers and of
blank paper below the grid. Hand-picked after reports of several devices."""

_PEN_COLOURS: tuple[Colour, ...] = ((200, 40, 40), (30, 60, 190), (0, 110, 60))
"""Colours of the traces on some screens and in some reports. Hand-picked."""


def report_style_from_rng(rng: np.random.Generator, layout: str | None = None) -> SheetStyle:
    """Return a random style that may have properties of device reports.

    Without them, the style is that of `style_from_rng`, which is unchanged for the same state of `rng`: the
    additional properties are drawn from a child of `rng`. If `layout` is specified, the layout is kept.
    """
    variation = rng.spawn(1)[0]
    plan = None
    if layout is None and variation.random() < _REPORT_LAYOUT_PROBABILITY:
        plan = report_plan_from_rng(variation)
    duration_s = None
    if variation.random() < _SHORT_ROWS_PROBABILITY[plan is not None]:
        duration_s = float(variation.choice(_SHORT_ROWS_S))
    style = style_from_rng(rng, layout, plan=plan, duration_s=duration_s)
    if layout is None:
        style = dataclasses.replace(style, plan=_with_any_rhythm(variation, style.plan))
    return _with_report_names(variation, _with_report_lines(variation, _with_report_paper(variation, style)))


def report_plan_from_rng(rng: np.random.Generator) -> LayoutPlan:
    """Return a random layout of reports that `style_from_rng` does not draw.

    The layouts are 3x4 with two rhythm strips, six limb or six chest leads, one lead in one to five rows of
    consecutive time, and right-sided and posterior leads.
    """
    name = str(rng.choice(list(_REPORT_LAYOUTS), p=list(_REPORT_LAYOUTS.values())))
    if name == "one-lead":
        lead = str(rng.choice(LEADS, p=(0.4, 0.2, *(0.04,) * 10)))
        return LayoutPlan(name, ((lead,),) * int(rng.integers(1, 6)))
    if name == "further":
        count = int(rng.integers(3, 7))
        leads = [str(lead) for lead in rng.choice(FURTHER_LEADS, count, replace=False)]
        return LayoutPlan(name, tuple((lead,) for lead in sorted(leads, key=FURTHER_LEADS.index)))
    return LAYOUTS[name]


def _with_any_rhythm(rng: np.random.Generator, plan: LayoutPlan) -> LayoutPlan:
    """Return the plan, with rhythm strips of any leads on some pages. Lead III is drawn more often."""
    rhythm = [r for r, row in enumerate(plan.rows) if len(row) < plan.columns]
    if not rhythm or rng.random() >= _ANY_RHYTHM_PROBABILITY:
        return plan
    weights = np.where(np.array(LEADS) == "III", 4.0, 1.0)
    leads = rng.choice(LEADS, len(rhythm), replace=False, p=weights / weights.sum())
    rows = list(plan.rows)
    for r, lead in zip(rhythm, leads, strict=True):
        rows[r] = (str(lead),)
    return dataclasses.replace(plan, rows=tuple(rows))


def _with_report_paper(rng: np.random.Generator, style: SheetStyle) -> SheetStyle:
    """Return the style with a header above the grid and blank paper below it on some pages."""
    left, top, right, bottom = style.paper
    footer = int(rng.integers(1, 1000)) if rng.random() < _REPORT_FOOTER_PROBABILITY else 0
    if rng.random() >= _HEADER_PROBABILITY:
        return dataclasses.replace(style, report_footer=footer)
    header = float(rng.uniform(*_HEADER_MM))
    below = float(rng.uniform(*_BOTTOM_MM)) if rng.random() < 0.4 else 0.0
    return dataclasses.replace(
        style,
        paper=(left, top - header, right, bottom + below),
        header_mm=header,
        header_lines=0,
        report_footer=footer,
    )


def _with_report_lines(rng: np.random.Generator, style: SheetStyle) -> SheetStyle:
    """Return the style with other pulses, seams, rules and pen colours on some pages."""
    if rng.random() < _NARROW_PULSE_PROBABILITY:
        plateau = float(rng.uniform(*_NARROW_PLATEAU_MM))
        style = dataclasses.replace(style, pulse_plateau_mm=plateau, pulse="left")
    if rng.random() < _SINGLE_PULSE_PROBABILITY:
        style = dataclasses.replace(style, single_pulse_row=int(rng.integers(len(style.plan.rows))))
    if rng.random() < _SEAM_GAP_PROBABILITY and style.plan.columns > 1:
        gap, is_hidden = float(rng.uniform(*_SEAM_GAP_MM)), bool(rng.random() < 0.5)
        style = dataclasses.replace(style, seam_gap_mm=gap, gap_hides_record=is_hidden)
    if rng.random() < _COLOURED_PEN_PROBABILITY:
        style = dataclasses.replace(style, pen_colour=_PEN_COLOURS[rng.integers(len(_PEN_COLOURS))])
    rules = rule_style_from_rng(rng, style.pen_colour, style.grid.major_colour)
    return dataclasses.replace(style, rules=rules)


def _with_report_names(rng: np.random.Generator, style: SheetStyle) -> SheetStyle:
    """Return the style with names of other placements, sizes, wordings and fonts on some pages."""
    labels = label_style_from_rng(rng)
    cap = label_cap_from_rng(rng, style.label_cap_mm)
    has_space = style.start_mm - style.paper[0] > 5 * cap
    if labels.placement == "margin" and not has_space:
        labels = dataclasses.replace(labels, placement="cell")
    separator, rules = style.separator, style.rules
    if labels.placement == "bar" and not rules.has_column_rules and separator != "bar":
        if rng.random() < 0.5:
            separator = "bar"
        else:
            rules = dataclasses.replace(rules, has_column_rules=True)
    if style.plan.name == "one-lead":
        labels = _one_lead_labels(rng, labels)
    fonts = report_font_files()
    font = fonts[rng.integers(len(fonts))] if uses_report_font(rng) else style.font
    return dataclasses.replace(
        style,
        labels=labels,
        label_cap_mm=cap,
        label_offset_mm=label_offset_from_rng(rng, labels.placement, cap, style.label_offset_mm),
        font=font,
        separator=separator,
        rules=rules,
        has_labels=style.has_labels and (style.plan.name != "one-lead" or bool(rng.random() < 0.7)),
    )


def _one_lead_labels(rng: np.random.Generator, labels: LabelStyle) -> LabelStyle:
    """Return names of the rows of one lead: often only in the first row, and often "Lead I"."""
    prefix = "Lead " if rng.random() < 0.35 else labels.prefix
    return dataclasses.replace(labels, prefix=prefix, is_first_row_only=bool(rng.random() < 0.6))
