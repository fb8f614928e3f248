"""Facts that the text of a page states: speed, gain, heart rate, lead names, and layout codes.

A wrong fact is worse than a missing one. Text that is not one of the known expressions is ignored, and a fact
that is printed with different values is left out and reported as contradictory. Facts contain only numbers
and lead names, never other text of the page.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ecgdigit_rt.text.layout_code import layout_values
from ecgdigit_rt.text.lead_labels import PrintedLead, lead_from_statement, lead_labels
from ecgdigit_rt.text.lines import lines_from_words
from ecgdigit_rt.text.rate import rates_from_line
from ecgdigit_rt.text.scale import gains_from_texts, speeds_from_texts
from ecgdigit_rt.words import Word

_MAX_RATE_DIFFERENCE_BPM = 2.0  # between two printed heart rates that agree; hand-picked, not tuned


@dataclass(frozen=True, slots=True)
class PrintedFacts:
    """Facts that the text of a page states. None means not printed, not readable or contradictory.

    Attributes
    ----------
    speed_mm_s, gain_mm_mv, heart_rate_bpm : float or None
        Printed paper speed, gain and heart rate.
    leads : tuple of PrintedLead
        Labels in reading order. A name may occur several times. Tables of measurements may also contain
        names.
    single_lead : str or None
        Lead of a page that states that it shows only this lead.
    rows, columns : int or None
        Rows and columns of a code such as `3x4+1`, without rhythm strips.
    groups, group_s : int or float or None
        Number of groups of leads and their duration, from a code such as `4*2.5s+1r`. The groups of a report
        may be on several pages.
    rhythm_rows : int or None
        Number of rhythm strips of such a code. None if the code names none.
    record_s : float or None
        Duration of the record, from text such as `Rhythm 10s`.
    pages : int or None
        Number of pages of the report, from a code such as `2p`.
    contradictory : frozenset of str
        Names of the attributes that are printed with different values. These attributes are None.
    """

    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None
    heart_rate_bpm: float | None = None
    leads: tuple[PrintedLead, ...] = ()
    single_lead: str | None = None
    rows: int | None = None
    columns: int | None = None
    groups: int | None = None
    group_s: float | None = None
    rhythm_rows: int | None = None
    record_s: float | None = None
    pages: int | None = None
    contradictory: frozenset[str] = frozenset()


def facts_from_words(words: Sequence[Word]) -> PrintedFacts:
    """Return the facts that the words of an upright page state.

    Words are those of a PDF or of text recognition: single words, or lines with spaces.
    """
    lines = lines_from_words(words)
    runs = [run for line in lines for run in line]
    leads = lead_labels(runs)
    facts = PrintedFacts(leads=leads, single_lead=lead_from_statement(runs, leads))
    texts = [_normalized(run.text) for run in runs]
    values: dict[str, list[float]] = {
        "speed_mm_s": list(speeds_from_texts(texts)),
        "gain_mm_mv": list(gains_from_texts(texts)),
    }
    for line in lines:
        text = "  ".join(_normalized(run.text) for run in line)
        values.setdefault("heart_rate_bpm", []).extend(rates_from_line(text))
    for text in texts:
        for name, value in layout_values(text):
            values.setdefault(name, []).append(value)
    agreed = {name: _agreed(name, printed) for name, printed in values.items() if printed}
    contradictory = frozenset(name for name, value in agreed.items() if value is None)
    known: dict[str, Any] = {name: value for name, value in agreed.items() if value is not None}
    return replace(facts, contradictory=contradictory, **known)


def _agreed(name: str, values: Sequence[float]) -> float | None:
    """Return the first of the values if all are equal, or None. Heart rates may differ slightly."""
    tolerance = _MAX_RATE_DIFFERENCE_BPM if name == "heart_rate_bpm" else 0.0
    return values[0] if max(values) - min(values) <= tolerance else None


def _normalized(text: str) -> str:
    """Return text with single ordinary spaces, and with ordinary digits and letters (Unicode NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
