"""Pages that are made into something to learn from: progress, and the names of those left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import typer

from ecgdigit_rt.cli.progress import page_progress
from ecgdigit_rt.sanitize import escape_control_chars


class Outcome(Protocol):
    """`ecgdigit_export.page_outcome.PageOutcome`."""

    @property
    def page(self) -> str: ...

    @property
    def problem(self) -> str: ...


def count_left_out(outcomes: Iterable[Outcome], pages: int) -> int:
    """Go through `outcomes` of so many pages, name those that were left out, and count them."""
    left_out = []
    with page_progress(pages) as advance:
        for one in outcomes:
            left_out += [one] if one.problem else []
            advance()
    for one in left_out:
        typer.echo(escape_control_chars(f"left out {one.page}   {one.problem}"), err=True)
    return len(left_out)
