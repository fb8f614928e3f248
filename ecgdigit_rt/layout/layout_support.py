"""Support of a layout by the evidence: refusals, and doubts about the layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.errors import SeveralEcgs, UnknownLayout
from ecgdigit_rt.layout.catalog import LAYOUTS
from ecgdigit_rt.layout.hypotheses import Hypothesis
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.layout.signal_evidence import SIMULTANEOUS, coincidence

_MIN_MARGIN = 3.0
"""Points by which the best hypothesis must exceed the second one. Measured: the margin of right layouts is at
least 8.9 on 105 real and rendered pages. On 191 synthetic pages, it is below 3 on 1 with a right layout and
on 5 with wrong ones."""

_MIN_READ = 0.25
"""Fraction of the names that must be read if the signals do not confirm the layout. Measured: at least 0.46
on 105 real and rendered pages, at most 0.1 on wrongly oriented pages."""
_CONFIRMED = 6.0
"""Points of the signals that confirm a layout without names. Measured: at most 2.2 for wrong leads."""
_MIN_VISIBLE, _MIN_WHOLE = 0.67, 0.97
"""Fraction of the record within the image below which a page is refused, and below which it is doubtful.
Hand-picked, not tuned: with less than two thirds, leads are missing or nearly empty."""
_MIN_FIT = -11.0
"""Points of names, beats and signals below which a layout is doubtful. Measured: lower on 1 of 105 real and
rendered pages and on 6 of 181 synthetic pages with right layouts."""
_MIN_RELATIONS, _MIN_RELATION = -3.0, -2.4
"""Points of all relations between limb leads, and of one, below which they contradict the layout. Measured:
lower on no real or rendered page and on 7 of 181 synthetic pages with right layouts."""
_MIN_STRIP = -2.0
"""Points of a rhythm strip below which it resembles no lead, not even its own. Measured: lower on 6 of 230
right rhythm strips, all of them synthetic."""
_MAX_STRAY, _MAX_CONTRADICTED, _MAX_UNEXPLAINED = 2, 0.25, 3
"""Maximum number and fraction of contradicted names, and maximum number of names outside the cells. Measured:
more names are outside on 1 of 105 real and rendered pages. Hand-picked below the numbers on wrong layouts."""
_MIN_SECOND_ECG = 3  # number of left-out rows that may be another ECG. Hand-picked, not tuned.


def check_support(ranked: Sequence[Hypothesis], curves: Sequence[RowCurve]) -> None:
    """Raise UnknownLayout if neither names nor signals support the best hypothesis.

    Also raise it if a large part of the record is outside the image.
    """
    rows = [row_count_text(sum(not curve.is_straight for curve in curves))]
    if not ranked:
        raise UnknownLayout(rows, list(LAYOUTS))
    best = ranked[0]
    names = best.names
    read, wrong = int(names.is_read.sum()), int(names.is_contradicted.sum())
    is_read = read >= _MIN_READ * names.leads.size and read > wrong
    is_stated = best.plan.columns == 1 and best.points_of("text") > 0
    if not (is_read or is_stated) and best.signal_points < _CONFIRMED:
        text = f"{best.plan.name} fits best, but only {read} of its {len(best.cells)} lead names were read"
        raise UnknownLayout([*rows, text + (f", and {wrong} contradict it" if wrong else "")], list(LAYOUTS))
    if best.visible_share < _MIN_VISIBLE:
        share = f"only {best.visible_share:.0%} of the record of layout {best.plan.name} is in the image"
        raise UnknownLayout([*rows, share], list(LAYOUTS))


def check_single(best: Hypothesis, curves: Sequence[RowCurve]) -> None:
    """Raise SeveralEcgs if the rows that the layout leaves out are those of another ECG.

    Their beats coincide with each other, but not with those of the layout.
    """
    others = best.clear_others(curves)
    if len(others) < _MIN_SECOND_ECG:
        return
    together = np.median(coincidence(others))
    apart = np.median([coincidence((*best.curves, other))[-1] for other in others])
    if together > SIMULTANEOUS > apart:
        rows = row_count_text(len(best.curves))
        raise SeveralEcgs(f"{rows} of one ECG and {len(others)} other rows, whose beats do not coincide")


def layout_doubts(ranked: Sequence[Hypothesis], curves: Sequence[RowCurve]) -> Iterator[Doubt]:
    """Yield the doubts about the first of the `ranked` hypotheses. `curves` are all lines of the page."""
    best = ranked[0]
    second = next((other for other in ranked[1:] if not best.is_same_reading(other)), None)
    if second is not None and best.points - second.points < _MIN_MARGIN:
        text = f"Layouts {best.text} and {second.text} fit about equally well"
        yield Doubt("D-LAYOUT-01", text)
    fit = best.points - best.points_of("layout", "rows")
    if fit < _MIN_FIT:
        yield Doubt("D-LAYOUT-01", f"The evidence for layout {best.text} is weak ({fit:.0f} points)")
    left_out = best.left_out(curves)
    if left_out:
        rows = row_count_text(len(left_out))
        yield Doubt("D-LAYOUT-02", f"{rows} with a signal not described by layout {best.plan.name}")
    wrong = int(best.names.is_contradicted.sum())
    if wrong > max(_MAX_STRAY, _MAX_CONTRADICTED * len(best.cells)):
        text = f"{wrong} of {len(best.cells)} lead names read on the page contradict layout {best.plan.name}"
        yield Doubt("D-LAYOUT-02", text)
    if len(best.names.unexplained) > _MAX_UNEXPLAINED:
        names = ", ".join(label.lead for label in best.names.unexplained)
        yield Doubt("D-LAYOUT-02", f"Lead names outside the cells of layout {best.plan.name}: {names}")
    for strip, other in best.contradicted_strips:
        yield Doubt("D-LEADS-02", f"The rhythm strip {strip} resembles lead {other} more than lead {strip}")
    is_consistent = best.points_of("relations") > -_MIN_RELATIONS
    if not best.contradicted_strips and best.least_points_of("strips") < _MIN_STRIP and is_consistent:
        yield Doubt("D-LEADS-02", "A rhythm strip resembles no lead, although the limb leads are consistent")
    if best.points_of("relations") < _MIN_RELATIONS or best.least_points_of("relations") < _MIN_RELATION:
        text = "; ".join(item.text for item in best.evidence if item.source == "relations")
        yield Doubt("D-LEADS-01", f"The limb leads contradict Einthoven's law: {text}")
    for leads in best.foreign_rows:
        text = f"The beats of {', '.join(leads)} do not coincide with those of the other rows"
        yield Doubt("D-LEADS-05", text)
    if best.visible_share < _MIN_WHOLE:
        text = f"Only {best.visible_share:.0%} of the record of layout {best.plan.name} is in the image"
        yield Doubt("D-LAYOUT-03", text)


def row_count_text(count: int) -> str:
    """Return a number of rows as text for a message."""
    return f"{count} row{'s' if count != 1 else ''}"
