"""Sanitizing of untrusted text, such as file names, for output to a terminal."""

from __future__ import annotations

import re

CONTROL_CHARS = r"\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Characters that are escaped, written as the content of a character class of a regular expression.

The class contains control characters, lone surrogates (invalid UTF-8), line separators, and marks that
change the text direction.
"""

_UNSAFE = re.compile(f"[{CONTROL_CHARS}]")


def escape_control_chars(text: str) -> str:
    r"""Return the text with each character of CONTROL_CHARS replaced with an escape sequence such as `\x1b`.

    The returned text is a single line, because line breaks are escaped too.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
