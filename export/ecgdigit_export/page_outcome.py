"""What became of a page of which something to learn from was to be made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """problem: why the page was left out; empty where what it teaches is written."""

    page: str
    problem: str = ""
