"""`ecgdigit-rt doctor`: check the installation. The output can be attached to bug reports."""

from __future__ import annotations

import json

import typer

from ecgdigit_rt.cli.console import SETUP_INCOMPLETE
from ecgdigit_rt.cli.options import PrintFormat, PrintFormatName


def doctor(form: PrintFormatName = PrintFormat.text) -> None:
    """Show versions, devices, backends, models and engines, and how to fix problems.

    The exit code is 3 if something does not work.
    """
    from dataclasses import asdict

    from ecgdigit_rt.doctor import findings

    checks = findings()
    if form is PrintFormat.json:
        typer.echo(json.dumps([asdict(finding) for finding in checks], indent=1))
    else:
        width = max(len(finding.name) for finding in checks)
        for finding in checks:
            mark = {True: "+", False: "!", None: " "}[finding.ok]
            typer.echo(f"{mark} {finding.category:8} {finding.name:{width}}  {finding.message}")
    raise typer.Exit(SETUP_INCOMPLETE if any(finding.ok is False for finding in checks) else 0)
