"""Random styles of sheets: paper, grid, pen, font and layout."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgdigit_export.synth.label_style import USUAL_LABELS, LabelStyle
from ecgdigit_export.synth.rule_style import NO_RULES, RuleStyle
from ecgdigit_export.synth.text import font_files
from ecgdigit_rt.layout.catalog import LAYOUTS, LayoutPlan

Colour = tuple[float, float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class GridStyle:
    """Style of the minor (1 mm) and major (5 mm) grid lines. Lines with an alpha of 0 are omitted."""

    box: Box
    major_colour: Colour
    minor_colour: Colour
    major_alpha: float
    minor_alpha: float
    major_width_mm: float
    minor_width_mm: float
    dotted: bool

    @property
    def is_readable(self) -> bool:
        """True if the 5 mm period is visible."""
        return self.major_alpha > 0.04


@dataclass(frozen=True, slots=True)
class SheetStyle:
    """All properties of a sheet. Lengths and positions are in millimetres.

    Vertical positions increase downwards. Major grid lines are at multiples of 5 mm. The fields with default
    values are properties of device reports. `report_style_from_rng` draws them.

    pulse_plateau_mm: width of the plateau of calibration pulses.
    single_pulse_row: index of the only row with a pulse, or None if every row has a pulse.
    seam_gap_mm: blank part of each cell after the first of a row. The trace begins after it.
    gap_hides_record: whether the record continues in the gap, or is paused.
    header_mm: height of the report header above the grid, or 0 without such a header.
    report_footer: number that selects the wording of the footer of a report, or 0 for the usual footer.
    """

    px_per_mm: float
    paper: Box
    paper_colour: Colour
    grain: float
    grid: GridStyle
    plan: LayoutPlan
    speed_mm_s: float
    gain_mm_mv: float
    start_mm: float
    baselines_mm: tuple[float, ...]
    width_mm: float
    pen_width_mm: float
    pen_colour: Colour
    pen_density: float
    pulse: str
    pulse_gap_mm: float
    separator: str
    joins_leads: bool
    font: Path
    label_cap_mm: float
    label_offset_mm: tuple[float, float]
    has_labels: bool
    header_lines: int
    footer_v_mm: float
    qr_code: bool
    pulse_plateau_mm: float = 5.0
    single_pulse_row: int | None = None
    seam_gap_mm: float = 0.0
    gap_hides_record: bool = False
    header_mm: float = 0.0
    report_footer: int = 0
    labels: LabelStyle = USUAL_LABELS
    rules: RuleStyle = NO_RULES


_PULSE_FOOT_MM = 1.0
"""Width of the horizontal lines on both sides of a calibration pulse. Hand-picked, not tuned."""


def pulse_width_mm(style: SheetStyle) -> float:
    """Return the width of a calibration pulse with its feet in mm."""
    return style.pulse_plateau_mm + 2 * _PULSE_FOOT_MM


# RGB colours of pens, grids and papers. Hand-picked, not tuned.
_INKS = ((0, 0, 0), (15, 15, 20), (30, 30, 60), (10, 10, 90), (60, 20, 20), (40, 40, 40), (20, 20, 25))
_HUES = (
    (235, 130, 130),
    (250, 170, 170),
    (220, 90, 100),
    (240, 150, 100),
    (190, 60, 60),
    (120, 160, 220),
    (90, 170, 110),
    (130, 130, 130),
    (60, 60, 60),
    (150, 110, 170),
    (215, 120, 150),
    (170, 140, 90),
)
_PAPERS = (
    (255, 255, 255),
    (255, 250, 250),
    (250, 250, 245),
    (255, 240, 240),
    (240, 248, 255),
    (240, 255, 244),
    (252, 246, 228),
    (255, 232, 238),
    (238, 238, 238),
    (245, 235, 215),
)


def _jitter(rng: np.random.Generator, colour: tuple[int, int, int], spread: float) -> Colour:
    values = np.clip(np.array(colour) + rng.normal(0, spread, 3), 0, 255)
    return (float(values[0]), float(values[1]), float(values[2]))


def _paper_colour(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.12:  # dyed paper, which may be dark
        return _jitter(rng, tuple(rng.uniform(130, 255, 3).astype(int)), 0)
    return _jitter(rng, _PAPERS[rng.integers(len(_PAPERS))], 3)


def _grid(rng: np.random.Generator, box: Box) -> GridStyle:
    hue = _HUES[rng.integers(len(_HUES))]
    variant = rng.random()
    major_alpha = float(rng.uniform(0.45, 1.0))
    minor_alpha = float(major_alpha * rng.uniform(0.25, 0.9))
    if variant < 0.15:  # faded
        major_alpha, minor_alpha = float(rng.uniform(0.08, 0.3)), float(rng.uniform(0.0, 0.15))
    elif variant < 0.27:  # only the 5 mm lines
        minor_alpha = 0.0
    elif variant < 0.32:  # major lines differ only in width
        minor_alpha = major_alpha
    elif variant < 0.40:  # black
        hue = (20, 20, 20)
    elif variant < 0.42:  # no grid
        major_alpha = minor_alpha = 0.0
    major_width = float(rng.uniform(0.14, 0.42))
    return GridStyle(
        box=box,
        major_colour=_jitter(rng, hue, 12),
        minor_colour=_jitter(rng, hue, 12),
        major_alpha=major_alpha,
        minor_alpha=minor_alpha,
        major_width_mm=major_width,
        minor_width_mm=float(major_width * rng.uniform(0.35, 0.85)),
        dotted=bool(rng.random() < 0.08),
    )


def _plan(rng: np.random.Generator, layout: str | None) -> LayoutPlan:
    names = ("3x4+1", "3x4", "3x4+3", "6x2", "6x2+1", "12x1")
    drawn = str(rng.choice(names, p=(0.48, 0.08, 0.09, 0.09, 0.10, 0.16)))
    plan = LAYOUTS[layout or drawn]
    rhythm = sum(len(row) < plan.columns for row in plan.rows)
    if rhythm and rng.random() < 0.3:  # other rhythm leads
        leads = rng.choice(("II", "V1", "V5", "V2", "aVF"), rhythm, replace=False)
        plan = dataclasses.replace(
            plan, rows=(*plan.rows[: len(plan.rows) - rhythm], *((str(lead),) for lead in leads))
        )
    return plan


def _frame(
    rng: np.random.Generator, plan: LayoutPlan, trace_width: float
) -> tuple[float, float, float, float, tuple[float, ...]]:
    """Return the paper width, paper height, row start, footer position and baselines in mm."""
    rows = len(plan.rows)
    if rng.random() < 0.4 and plan.name == "3x4+1" and trace_width == 250:  # the page of the competition
        baselines = (89.9, 125.9, 161.9, 194.8)
        return 279.4, 215.9, 14.94 + rng.normal(0, 0.5), 207.0, baselines
    width = trace_width + rng.uniform(14, 48)
    spacing = float(np.clip(rng.normal(170 / rows, 30 / rows), 11.5, 48))
    top = rng.uniform(0.45, 1.3) * spacing + rng.choice((0.0, rng.uniform(8, 55)))
    baselines = tuple(top + spacing * i + rng.normal(0, 0.02 * spacing) for i in range(rows))
    bottom = baselines[-1] + rng.uniform(0.45, 1.2) * spacing
    height = bottom + rng.choice((0.0, rng.uniform(5, 25)))
    return width, height, rng.uniform(6, width - trace_width - 2), min(bottom, height - 3), baselines


def style_from_rng(
    rng: np.random.Generator,
    layout: str | None = None,
    *,
    plan: LayoutPlan | None = None,
    duration_s: float | None = None,
) -> SheetStyle:
    """Return a random style without the properties of device reports.

    `layout` is a key of `ecgdigit_rt.layout.catalog.LAYOUTS`. `plan` is another layout and has precedence. If
    both are None, the layout is random. The page format of the PhysioNet competition is frequent, because the
    pages of most archives are assumed to be similar to it. `duration_s` is the duration of a row, 10 s by
    default. It is shorter on pages with a high paper speed.
    """
    plan = plan or _plan(rng, layout)
    speed = float(rng.choice((25.0, 50.0, 12.5), p=(0.70, 0.20, 0.10)))
    is_dense = len(plan.rows) >= 6  # rows with little space are not printed at double gain
    gain = float(rng.choice((10.0, 5.0, 20.0), p=(0.70, 0.30, 0) if is_dense else (0.70, 0.15, 0.15)))
    trace_width = 125.0 if speed == 12.5 else 250.0
    if duration_s is not None:
        trace_width = min(trace_width, duration_s * speed)
    width, height, start, footer, baselines = _frame(rng, plan, trace_width)
    left, top = -rng.uniform(0, 5), -rng.uniform(0, 5)
    paper = (left, top, left + width, top + height)
    inset = rng.uniform(0, 6) if rng.random() < 0.25 else 0.0
    grid_top = top + inset
    if rng.random() < 0.2:
        grid_top = max(grid_top, top + baselines[0] - rng.uniform(14, 28))
    grid_box = (left + inset, grid_top, left + width - inset, top + height - inset)
    fonts = font_files()
    above = rng.random() < 0.4
    spacing = (baselines[1] - baselines[0]) if len(baselines) > 1 else 30.0
    limit = min(9.0, 0.5 * spacing)
    dv = -rng.uniform(3, max(3.5, limit)) if above else rng.uniform(2.5, max(3.0, 0.8 * limit))
    return SheetStyle(
        px_per_mm=float(rng.choice((5.9, 7.874, 7.874, 7.874, 9.8))),
        paper=paper,
        paper_colour=_paper_colour(rng),
        grain=float(rng.choice((0.0, rng.uniform(0, 4)))),
        grid=_grid(rng, grid_box),
        plan=plan,
        speed_mm_s=speed,
        gain_mm_mv=gain,
        start_mm=left + start,
        baselines_mm=tuple(top + b for b in baselines),
        width_mm=trace_width,
        pen_width_mm=float(rng.uniform(0.13, 0.5)),
        pen_colour=_jitter(rng, _INKS[rng.integers(len(_INKS))], 6),
        pen_density=float(rng.choice((1.0, rng.uniform(0.55, 1.0)))),
        pulse=str(rng.choice(("left", "none", "right"), p=(0.72, 0.22, 0.06))),
        pulse_gap_mm=float(rng.choice((0.0, rng.uniform(0, 3)))),
        separator=str(rng.choice(("none", "bar", "tick", "gap"), p=(0.4, 0.42, 0.10, 0.08))),
        joins_leads=bool(rng.random() < 0.35),
        font=fonts[rng.integers(len(fonts))],
        label_cap_mm=float(rng.uniform(1.7, 3.4)),
        label_offset_mm=(float(rng.uniform(-0.5, 3.5)), float(dv)),
        has_labels=bool(rng.random() < 0.985),
        header_lines=int(rng.integers(0, 6)),
        footer_v_mm=top + footer - rng.uniform(0, 2),
        qr_code=bool(rng.random() < 0.2),
    )
