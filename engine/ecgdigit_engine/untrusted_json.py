"""Parsing of JSON that other programs may have written."""

from __future__ import annotations

import json
from typing import Any


def json_from_untrusted(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError if it is invalid or nested too deeply.

    `json.loads` raises RecursionError for a value that is nested deeper than Python's limit of about 1000
    calls. A small file can contain such a value.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
