"""Synthetic pages without degradation, with one layout per page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgdigit_export.synth.page import SyntheticPage, synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import SheetStyle, style_from_rng
from ecgdigit_rt.layout.catalog import LAYOUTS, plan_from_text


def plain_style(seed: int = 0) -> SheetStyle:
    """Return the style of a clean page: thin black pen, white paper, pale grid, no marks over traces."""
    style = style_from_rng(np.random.default_rng(seed))
    grid = replace(style.grid, major_alpha=0.3, minor_alpha=0.0, major_colour=(255, 200, 200), dotted=False)
    return replace(
        style, grid=grid, paper_colour=(255, 255, 255), grain=0.0, pen_colour=(0, 0, 0), pen_density=1.0,
        pen_width_mm=0.3, separator="none", pulse="none", has_labels=False, header_lines=0, qr_code=False,
        plan=LAYOUTS["3x4"], baselines_mm=(40.0, 80.0, 120.0), paper=(-2.0, -2.0, 278.0, 158.0),
        start_mm=12.0, width_mm=250.0, speed_mm_s=25.0, gain_mm_mv=10.0, footer_v_mm=150.0, px_per_mm=8.0,
    )  # fmt: skip


def layout_style(layout: str) -> SheetStyle:
    """Return a plain style with labels and the rows of a layout, evenly spaced."""
    plan = plan_from_text(layout)
    spacing = 150.0 / len(plan.rows)
    return replace(
        plain_style(), plan=plan, has_labels=True, paper=(-2.0, -2.0, 278.0, 178.0), footer_v_mm=172.0,
        baselines_mm=tuple(12.0 + spacing * (i + 0.5) for i in range(len(plan.rows))),
    )  # fmt: skip


def with_grid(style: SheetStyle) -> SheetStyle:
    """Return the style with a clear pink grid that covers the whole sheet."""
    grid = replace(
        style.grid,
        box=style.paper,
        major_colour=(240, 150, 150),
        minor_colour=(250, 200, 200),
        major_alpha=0.9,
        minor_alpha=0.6,
    )
    return replace(style, grid=grid)


def layout_page(
    layout: str, kind: str = "render", speed_mm_s: float = 25.0, gain_mm_mv: float = 10.0
) -> SyntheticPage:
    """Return a page in a layout, drawn and captured as `kind`."""
    rng = np.random.default_rng(11)
    style = replace(layout_style(layout), speed_mm_s=speed_mm_s, gain_mm_mv=gain_mm_mv)
    return synthetic_page(simulated_recording(rng), rng, kind=kind, style=style)
