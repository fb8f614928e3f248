"""How a verb prints what it found."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """For a person or a program."""

    text = "text"
    json = "json"
