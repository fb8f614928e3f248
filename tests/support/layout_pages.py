"""Synthetic pages of one layout each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from plain_style import plain_style

from ecgdigit_export.synth.page import SyntheticPage, synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import SheetStyle
from ecgdigit_rt.layout.catalog import plan_from_text


def page_style(plan: str) -> SheetStyle:
    known = plan_from_text(plan)
    spacing = 150.0 / len(known.rows)
    return replace(
        plain_style(), plan=known, labels_shown=True, paper=(-2.0, -2.0, 278.0, 178.0), footer_v_mm=172.0,
        baselines_mm=tuple(12.0 + spacing * (i + 0.5) for i in range(len(known.rows))),
    )  # fmt: skip


def page(plan: str, kind: str = "render", speed: float = 25.0, gain: float = 10.0) -> SyntheticPage:
    rng = np.random.default_rng(11)
    style = replace(page_style(plan), speed_mm_s=speed, gain_mm_mv=gain)
    return synthetic_page(simulated_recording(rng), rng, kind=kind, style=style)
