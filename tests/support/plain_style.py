"""A sheet style without any degradation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgdigit_export.synth.style import SheetStyle, style_from_rng
from ecgdigit_rt.layout.catalog import LAYOUTS


def plain_style(seed: int = 0) -> SheetStyle:
    """A clean page: black thin pen on white, pale grid, nothing printed over the trace."""
    style = style_from_rng(np.random.default_rng(seed))
    grid = replace(style.grid, major_alpha=0.3, minor_alpha=0.0, major_colour=(255, 200, 200), dotted=False)
    return replace(
        style, grid=grid, paper_colour=(255, 255, 255), grain=0.0, pen_colour=(0, 0, 0), pen_density=1.0,
        pen_width_mm=0.3, separator="none", pulse="none", labels_shown=False, header_lines=0, qr_code=False,
        plan=LAYOUTS["3x4"], baselines_mm=(40.0, 80.0, 120.0), paper=(-2.0, -2.0, 278.0, 158.0),
        start_mm=12.0, width_mm=250.0, speed_mm_s=25.0, gain_mm_mv=10.0, footer_v_mm=150.0, px_per_mm=8.0,
    )  # fmt: skip
