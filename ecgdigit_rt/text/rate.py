"""Heart rate in the text of a page, such as "Vent. rate 77 BPM" or "HF 63 /min"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecgdigit_rt.text.layout_code import GROUP_CODE

_RATES_BPM = (20.0, 300.0)  # other numbers are not heart rates; hand-picked, not tuned

_RATE = r"(?P<rate>[0-9]{2,3})"
_NO_UNIT = r"(?!\s*[\w.,/%°])"
_UNIT = r"(?i:bpm|/\s?min|min-1|1/min|p/min|s/min)(?![A-Za-z])"
_LABEL = (
    r"(?i:heart\s?rate|vent(?:ricular|\.)?\s?rate|herz\s?frequenz|frequen[cz](?:e|ia|a)\s?cardia(?:que|ca)"
    r"|hr|hf|fc|vr|puls(?:e|frequenz)?|freq\.)"
)
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\w-]){_LABEL}\s*[:=]?\s*{_RATE}\s*{_UNIT}",
        rf"(?<![\w.,/+-]){_RATE}\s?(?i:bpm)(?![A-Za-z])",
        # Without a unit, only after a label that has no other meaning.
        rf"(?i:heart\s?rate|vent(?:ricular|\.)\s?rate|herzfrequenz)\s?[:=]?\s{{0,2}}{_RATE}{_NO_UNIT}",
        rf"(?i:(?<![0-9]\s)(?<![0-9])bpm)\s{_RATE}{_NO_UNIT}",  # a column of units before the values
        rf"[♥❤♡]\s?{_RATE}(?![\w.,/])",
        # Some devices print a heart and the rate after the layout code. Text recognition omits the heart.
        rf"{GROUP_CODE}\W{{1,4}}{_RATE}(?![\w.,/]|\s*(?i:hz|mm|ms|s\b|%))",
    )
)
_OTHER_RATE = re.compile(r"(?i:atrial|(?<![/\w-])min|max|peak|target|predicted|resp\w*)[\w.:\s]{0,12}$")


def rates_from_line(text: str) -> Iterator[float]:
    """Yield the heart rates (beats per minute) that a line states.

    `text` is the whole line, because a label and its value may be far apart.
    """
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            value = float(match["rate"])
            is_other = _OTHER_RATE.search(text[: match.start()]) is not None
            if not is_other and _RATES_BPM[0] <= value <= _RATES_BPM[1]:
                yield value
