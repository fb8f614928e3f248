"""Codes of layouts in the text of a page, such as "4*2.5s+1r", "3x4+1" or "Rhythm 10s"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_DURATIONS_S = (1.0, 600.0)  # plausible durations; hand-picked, not tuned
_MAX_GROUPS = 12  # the number of leads

_GRIDS = frozenset({(3, 4), (6, 2), (6, 1), (12, 1)})
"""Rows and columns of codes such as 3x4. 4x3 is ambiguous: some devices print the columns first."""

_START = r"(?<![\w.,*x×+-])"
_RHYTHM_ROWS = r"(?:\s?\+\s?(?P<strips>[1-3])\s?[rR]?)?"

GROUP_CODE = (
    _START
    + r"(?P<groups>[0-9]{1,2})\s?[*xX×]\s?(?P<seconds>[0-9]{1,2}(?:[.,][0-9])?)\s?s(?:ec)?"
    + _RHYTHM_ROWS
)
"""Regular expression of a code such as 4*2.5s+1r: groups of leads, their duration, and rhythm strips."""

_GROUPS = re.compile(GROUP_CODE + r"(?![A-Za-z])")
_GRID = re.compile(_START + r"(?P<rows>[0-9]{1,2})[*xX×](?P<columns>[0-9])" + _RHYTHM_ROWS + r"(?![\w.,*×])")
_RECORD = re.compile(
    r"(?i:rhythm(?:us|en|s)?|duration|dauer)\s?:?\s?(?P<seconds>[0-9]{1,3}(?:[.,][0-9])?)\s?s(?:ec)?(?![A-Za-z])"
)
_PAGES = re.compile(r"mm/s\s?,\s?(?P<pages>[1-9])\s?p(?!\w)")


def layout_values(text: str) -> Iterator[tuple[str, float]]:
    """Yield the values that the codes in a text state, with the names of the attributes of `PrintedFacts`."""
    for match in _GROUPS.finditer(text):
        seconds = _seconds(match)
        if 1 <= int(match["groups"]) <= _MAX_GROUPS and _is_duration(seconds):
            yield "groups", int(match["groups"])
            yield "group_s", seconds
            yield from _rhythm_rows(match)
    for match in _GRID.finditer(text):
        if (int(match["rows"]), int(match["columns"])) in _GRIDS:
            yield "rows", int(match["rows"])
            yield "columns", int(match["columns"])
            yield from _rhythm_rows(match)
    for match in _RECORD.finditer(text):
        if _is_duration(_seconds(match)):
            yield "record_s", _seconds(match)
    for match in _PAGES.finditer(text):
        yield "pages", int(match["pages"])


def _rhythm_rows(match: re.Match[str]) -> Iterable[tuple[str, float]]:
    return [("rhythm_rows", int(match["strips"]))] if match["strips"] else []


def _seconds(match: re.Match[str]) -> float:
    return float(match["seconds"].replace(",", "."))


def _is_duration(seconds: float) -> bool:
    return _DURATIONS_S[0] <= seconds <= _DURATIONS_S[1]
