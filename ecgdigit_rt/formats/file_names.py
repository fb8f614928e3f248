"""Page ids as file names: the same id always gives the same name, two ids never one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from re import Pattern

from ecgdigit_rt.sanitize import CONTROL_CHARS

_UNSAFE = re.compile(rf'[{CONTROL_CHARS}/\\:*?"<>|]|^\.|[. ]$')
"""What some file system, terminal or UTF-8 does not take, a dot that would hide the file, an end that Windows
drops."""

_LONGEST = 200
"""Bytes: file systems take 255, and the temporary name is longer than the last one."""

REPORT = "report.json"
"""The report of a run into a folder; no page gets that name."""


def file_stem(page_id: str, unsafe: Pattern[str] = _UNSAFE, longest: int = _LONGEST) -> str:
    """`page_id` where that is a safe file name; else what is safe of it, and a digest to keep ids apart.

    So is a name whose letters are composed otherwise: for some file systems it would be another one's.
    """
    safe = unicodedata.normalize("NFC", unsafe.sub("_", page_id))
    is_taken = safe.lower() == REPORT.removesuffix(".json")
    if safe == page_id and safe and not is_taken and len(safe.encode()) <= longest:
        return safe
    digest = hashlib.sha256(page_id.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    short = safe.encode("utf-8", "replace")[: longest - 9].decode("utf-8", "ignore")
    return f"{short}-{digest}"
