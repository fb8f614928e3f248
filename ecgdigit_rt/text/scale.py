"""Paper speed and gain in the text of a page, such as "25 mm/s 10 mm/mV"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SPEEDS_MM_S = (5.0, 10.0, 12.5, 25.0, 50.0, 100.0)
"""Paper speeds of electrocardiographs. Other printed numbers are not speeds."""

GAINS_MM_MV = (2.5, 5.0, 10.0, 20.0, 40.0)
"""Gains of electrocardiographs. Other printed numbers are not gains."""

# The number before a unit. Text recognition confuses some digits with letters.
_NUMBER = r"(?<![\w.,/])(?P<number>[0-9OolISZ]{1,3}(?:[.,][0-9Oo])?)\s?"
_DIGITS = str.maketrans("OolISZ,", "001152.")
_SPEED = re.compile(_NUMBER + r"(?i:mm\s?/\s?s(?:ec(?:ond)?|ek|eg)?)(?![A-Za-z])")
_GAIN = re.compile(_NUMBER + r"(?i:(?P<unit>mm|cm)\s?/\s?mv)(?![A-Za-z])")
_SPEED_WORD = re.compile(r"speed|scale|vorschub|geschw|vitesse|veloc|papier", re.IGNORECASE)


def speeds_from_texts(texts: Sequence[str]) -> Iterator[float]:
    """Yield the paper speeds (mm/s) that the texts of a page state.

    5 mm/s may be the end of 25 mm/s. It therefore counts only after a word such as "Speed", or if it is
    printed twice.
    """
    slow = SPEEDS_MM_S[0]
    unconfirmed = 0
    for text in texts:
        for match in _SPEED.finditer(text):
            value = _number(match["number"])
            if value == slow and not _SPEED_WORD.search(text[: match.start()]):
                unconfirmed += 1
            elif value in SPEEDS_MM_S:
                yield value
    if unconfirmed > 1:
        yield slow


def gains_from_texts(texts: Sequence[str]) -> Iterator[float]:
    """Yield the gains (mm/mV) that the texts of a page state, in mm/mV or cm/mV."""
    for text in texts:
        for match in _GAIN.finditer(text):
            value = _number(match["number"])
            if value is not None and match["unit"].lower() == "cm":
                value *= 10
            if value in GAINS_MM_MV:
                yield value


def _number(text: str) -> float | None:
    """Return the number with these digits, or None if none of them is certainly a digit."""
    if not any(character.isdigit() for character in text):
        return None
    digits = text.translate(_DIGITS)
    return float(digits) if re.fullmatch(r"[0-9]+(?:\.[0-9])?", digits) else None
