"""Names of files as a terminal may be given them: on one line, and without power over it."""

from __future__ import annotations

import re

CONTROL_CHARS = r"\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Inside a regular expression's brackets: control characters, what is no UTF-8, line ends, and marks that
turn the direction of what follows."""

_POWERFUL = re.compile(f"[{CONTROL_CHARS}]")


def escape_control_chars(text: str) -> str:
    """The text with each of those spelled out, as in `\\x1b[2J`."""
    return _POWERFUL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
