"""Layout of a page: the best hypothesis, with paper speed and gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import NoRowsFound, UnknownLayout
from ecgdigit_rt.layout.baselines import Baseline
from ecgdigit_rt.layout.calibration import Calibration, is_scale_printed, read_calibration
from ecgdigit_rt.layout.catalog import INVERTED_PREFIX, LAYOUTS, LayoutPlan, lead_from_cell
from ecgdigit_rt.layout.hypotheses import Hypothesis, HypothesisScorer
from ecgdigit_rt.layout.layout_support import check_single, check_support, layout_doubts, row_count_text
from ecgdigit_rt.layout.marks import pulse_heights_mm, pulse_side
from ecgdigit_rt.layout.name_field import NameField
from ecgdigit_rt.layout.named_plans import named_plans
from ecgdigit_rt.layout.page_text import PageText
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.results import Layout, Row, Segment

_MIN_PULSES, _MAX_PULSE_ERROR = 2, 0.15
"""Minimum number of pulses that confirm the scale, and maximum logarithm of their relative height.
Hand-picked, not tuned."""

_CLEAR_MARGIN = 6.0
"""Points by which a clear speed or gain exceeds the second one. Measured: on 84 of 85 real and rendered pages
on which the locate stage reads both, but only on one of six synthetic pages with a wrong value."""


@dataclass(frozen=True, slots=True)
class LayoutOverrides:
    """User-specified layout, paper speed and gain. A value of None is determined from the page."""

    plan: LayoutPlan | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None


NO_OVERRIDES = LayoutOverrides()


@dataclass(frozen=True, slots=True)
class LayoutReading:
    """Layout of a page with the evidence for it. The extents of `layout` are accurate to a few millimetres.

    hypotheses: the best hypotheses, the chosen one first.
    rows: indices of the lines that are the rows of the layout, from the top down.
    pulse_side: side of the calibration pulses, `left` or `right`, or empty if no pulse is detected.
    pulse_heights_mm: height of the centre of each row's pulse above the baseline, for rows with a pulse.
    is_scale_printed: whether both a paper speed and a gain are printed.
    notes: values that were assumed, and overrides that contradict the page.
    doubts: reasons why the layout may be wrong.
    scale: paper speed and gain, with the evidence for them.
    printed_rate: printed heart rate in beats per minute, None if none was read.
    """

    hypotheses: tuple[Hypothesis, ...]
    rows: tuple[int, ...]
    layout: Layout
    pulse_side: str
    pulse_heights_mm: tuple[float, ...]
    is_scale_printed: bool
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    scale: Calibration | None = None
    printed_rate: float | None = None

    @property
    def is_scale_confirmed(self) -> bool:
        """True if the pulses have the height of 1 mV, so that the scale is right even without a grid."""
        if len(self.pulse_heights_mm) < _MIN_PULSES:
            return False
        ratio = 2 * float(np.median(self.pulse_heights_mm)) / self.layout.gain_mm_mv
        return ratio > 0 and abs(float(np.log(ratio))) < _MAX_PULSE_ERROR

    @property
    def is_clear(self) -> bool:
        """True if there are no doubts, and if speed and gain are clearly better than all others."""
        scales = () if self.scale is None else (self.scale.speed, self.scale.gain)
        return not self.doubts and all(scale.margin > _CLEAR_MARGIN for scale in scales)

    @property
    def plan(self) -> LayoutPlan:
        """Plan of the chosen hypothesis."""
        return self.hypotheses[0].plan

    @property
    def labelled_share(self) -> float:
        """Fraction of the plan's cells with a detected lead name. Faint names count in part."""
        return float(self.hypotheses[0].names.presence.mean())


def read_layout(
    text: PageText,
    curves: Sequence[RowCurve],
    overrides: LayoutOverrides = NO_OVERRIDES,
    pulses_mm: Sequence[float] | None = None,
) -> LayoutReading:
    """Return the layout of a page, with paper speed and gain, and the evidence for it.

    `curves` are the curves of all lines that may be rows. `pulses_mm` are the heights of the centres of the
    calibration pulses above their feet, if they are known. By default, they are measured in the heatmap.
    Raises NoRowsFound, UnknownLayout or SeveralEcgs.
    """
    if not curves:
        raise NoRowsFound
    heatmap = text.heatmap
    names = NameField(heatmap, text.further_names)
    scorer = HypothesisScorer(names, curves, text.facts)
    if overrides.plan is None:
        ranked = scorer.best([*LAYOUTS.values(), *named_plans(names.labels, text, curves)])
        check_support(ranked, curves)
    else:
        ranked = scorer.best([overrides.plan], is_fixed=True)
        if not ranked:
            needed = len(overrides.plan.rows)
            detected = (
                f"{row_count_text(len(curves))}, but the specified layout {overrides.plan.name} has {needed}"
            )
            raise UnknownLayout([detected], list(LAYOUTS))
    best = ranked[0]
    check_single(best, curves)
    baselines = [curve.baseline for curve in best.curves]
    heights_mm = tuple(pulse_heights_mm(heatmap, baselines) if pulses_mm is None else pulses_mm)
    scale = read_calibration(text, best, heights_mm, overrides.speed_mm_s, overrides.gain_mm_mv)
    return LayoutReading(
        tuple(ranked),
        tuple(list(curves).index(curve) for curve in best.curves),
        layout_from_plan(
            best.plan, baselines, best.start_mm, best.end_mm, scale.speed_mm_s, scale.gain_mm_mv
        ),
        pulse_side(heatmap, best.start_mm, best.end_mm),
        heights_mm,
        is_scale_printed(heatmap),
        scale.notes,
        (*layout_doubts(ranked, curves), *scale.doubts),
        scale=scale,
        printed_rate=text.facts.heart_rate_bpm,
    )


def layout_from_plan(
    plan: LayoutPlan,
    baselines: list[Baseline],
    start_mm: float,
    end_mm: float,
    speed_mm_s: float,
    gain_mm_mv: float,
) -> Layout:
    """Return the layout with rows at the baselines.

    Every row spans `start_mm` to `end_mm` and is split equally among its leads. Rows of the same single lead
    continue each other in time.
    """
    rows: list[Row] = []
    for cells, line in zip(plan.rows, baselines, strict=True):
        cuts = np.linspace(start_mm, end_mm, len(cells) + 1)
        first_mm = start_mm - plan.is_consecutive * len(rows) * (end_mm - start_mm)
        times = (cuts - first_mm) / speed_mm_s
        rows.append(
            Row(
                line.v_mm,
                tuple(
                    Segment(
                        lead_from_cell(cell),
                        float(cuts[i]),
                        float(cuts[i + 1]),
                        float(times[i]),
                        float(times[i + 1]),
                        is_inverted=cell.startswith(INVERTED_PREFIX),
                    )
                    for i, cell in enumerate(cells)
                ),
            )
        )
    return Layout(plan.name, tuple(rows), speed_mm_s, gain_mm_mv)
