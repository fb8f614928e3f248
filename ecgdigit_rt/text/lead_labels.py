"""Lead names in the text of a page: labels of traces, and statements such as "Lead I"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ecgdigit_rt.results import ALL_LEADS
from ecgdigit_rt.text.lines import Box, TextRun


@dataclass(frozen=True, slots=True)
class PrintedLead:
    """Lead name that is printed as a label.

    box_px: left, top, right and bottom of the name in pixels.
    """

    name: str
    box_px: Box


_NUMERALS = {"I": "I", "II": "II", "III": "III", "Ⅰ": "I", "Ⅱ": "II", "Ⅲ": "III"}
_NAME = r"III|II|I|[ⅠⅡⅢ]|[aA]\s?[vV][rRlLfF]|[vV][1-9lIi|][rR]?"
_LABEL = re.compile(
    r"(?P<lead>[Ll]ead\s+)?"
    r"(?P<bar>[|1lI'’](?=[aA]?[vV]))?"  # a separator that touches the name
    rf"(?P<name>{_NAME})"
    r"\s*(?:[:.*]|\([^()]{0,20}\)|[Rr]hythm|RHYTHM|[Ss]trip|[x×]\s?\d(?:[.,]\d)?|\d{1,2}(?:[.,]\d)?\s?mm/m[vV])?"
)
"""Text of a label: a lead name, possibly with a note or a gain, such as "II (Rhythm)" or "II 10mm/mV"."""

_STATEMENT = re.compile(rf"\b(?:[Ll]ead|LEAD|Ableitung)\s+(?P<name>[Il1|]{{1,3}}|{_NAME})(?!\w)")
_SCALE = re.compile(r"mm\s?/\s?(?:s|mV)", re.IGNORECASE)
_RHYTHM = re.compile("rhythm", re.IGNORECASE)
_MENTION = re.compile(r"\b(?:aV[RLF]|V[1-9]R?)\b")

_MAX_SIZE_RATIO = 1.6
"""Maximum ratio of the heights of two labels of a page. Hand-picked, not tuned: labels have one font, but the
boxes of recognized words have margins."""


def lead_from_text(text: str) -> str | None:
    """Return the lead with this printed name, with the capitals of `ALL_LEADS`, or None."""
    if text in _NUMERALS:
        return _NUMERALS[text]
    compact = text.replace(" ", "").upper().replace("AV", "aV")
    if compact[:1] == "V" and compact[1:2] in ("L", "I", "|"):  # V1 with another printed digit
        compact = "V1" + compact[2:]
    return compact if compact in ALL_LEADS else None


def lead_labels(runs: Iterable[TextRun]) -> tuple[PrintedLead, ...]:
    """Return the lead names that stand alone, in the order of the runs.

    Names inside sentences are not labels. A single I is a label only if another label has about the same
    size, because bars resemble it.
    """
    labels: list[PrintedLead] = []
    for run in runs:
        text = run.text
        match = _LABEL.fullmatch(text.strip())
        name = lead_from_text(match["name"]) if match else None
        if match is None or name is None:
            continue
        shift = len(text) - len(text.lstrip())
        label = PrintedLead(name, run.box_of(match.start("name") + shift, match.end("name") + shift))
        if not any(_is_same(label, other) for other in labels):  # bold text may be printed twice
            labels.append(label)
    return tuple(label for label in labels if label.name != "I" or _has_peer(label, labels))


def lead_from_statement(runs: Iterable[TextRun], labels: Sequence[PrintedLead]) -> str | None:
    """Return the only lead of a page that states it, such as "25 mm/s, 10 mm/mV, Lead I", or None.

    A statement counts only next to a scale or alone in its line, and only if no other lead is mentioned.
    """
    leads = {label.name for label in labels}
    stated: set[str] = set()
    for run in runs:
        leads |= {match.group() for match in _MENTION.finditer(run.text)}
        if _RHYTHM.search(run.text):
            continue
        for match in _STATEMENT.finditer(run.text):
            name = match["name"]
            lead = "I" * len(name) if set(name) <= set("Il1|") else lead_from_text(name)
            if lead is not None and (_SCALE.search(run.text) or match.group() == run.text.strip()):
                stated.add(lead)
    return next(iter(stated)) if len(stated) == 1 and leads <= stated else None


def _is_same(first: PrintedLead, second: PrintedLead) -> bool:
    """Return whether two labels are the same name at the same place."""
    height = first.box_px[3] - first.box_px[1]
    return first.name == second.name and all(
        abs(a - b) < height / 2 for a, b in zip(first.box_px, second.box_px, strict=True)
    )


def _has_peer(label: PrintedLead, labels: Sequence[PrintedLead]) -> bool:
    """Return whether a label with another name has about the same height."""
    height = label.box_px[3] - label.box_px[1]
    others = [other.box_px[3] - other.box_px[1] for other in labels if other.name != label.name]
    return any(max(height, other) <= _MAX_SIZE_RATIO * min(height, other) for other in others)
