"""`ecgdigit-rt doctor`: what is installed, what runs, and why the rest does not; made to paste."""

from __future__ import annotations

import json

import typer

from ecgdigit_rt.cli.format import Format
from ecgdigit_rt.cli.options import PrintedAs


def doctor(form: PrintedAs = Format.text) -> None:
    """Show versions, devices, backends, models and engines, and what would help.

    Exit 3 if something is wrong.
    """
    from dataclasses import asdict

    from ecgdigit_rt.doctor import findings

    found = findings()
    if form is Format.json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
    else:
        width = max(len(one.name) for one in found)
        for one in found:
            mark = {True: "+", False: "!", None: " "}[one.is_good]
            typer.echo(f"{mark} {one.about:8} {one.name:{width}}  {one.says}")
    raise typer.Exit(3 if any(one.is_good is False for one in found) else 0)
