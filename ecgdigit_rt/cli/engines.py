"""`ecgdigit-rt engines list|verify|clean`: manage the engines that `build-engines` has built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.console import SETUP_INCOMPLETE, print_message
from ecgdigit_rt.cli.options import PrintFormat, PrintFormatName

if TYPE_CHECKING:
    from ecgdigit_engine.tensorrt.store import EngineStore

app = typer.Typer(help="List, verify and clean TensorRT engines.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder of the engines. Default: the user's cache folder."),
]


@app.command("list")
def list_engines(folder: Folder = None, form: PrintFormatName = PrintFormat.text) -> None:
    """List the engines. For each engine that cannot be used, show the reason."""
    from dataclasses import asdict

    from ecgdigit_rt.models.engine_builds import engine_statuses

    store = _store(folder)
    statuses = engine_statuses(store)
    if form is PrintFormat.json:
        rows = [
            {
                "file": str(status.path),
                "stale": status.reason,
                "broken": status.is_broken,
                "identity": None if status.engine is None else asdict(status.engine.identity),
            }
            for status in statuses
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    for status in statuses:
        typer.echo(_line(status.path.name, status.reason))
    print_message("engines", f"{len(statuses)} in {store.folder}")


@app.command("verify")
def verify(folder: Folder = None) -> None:
    """Check that every engine is intact and matches the installed packages and models.

    The exit code is 3 if any engine fails this check.
    """
    from ecgdigit_rt.models.engine_builds import engine_statuses

    store = _store(folder)
    unusable = [status for status in engine_statuses(store) if status.reason]
    for status in unusable:
        typer.echo(_line(status.path.name, status.reason), err=True)
    print_message("engines", f"{len(store.engines())} in {store.folder}, {len(unusable)} unusable")
    raise typer.Exit(SETUP_INCOMPLETE if unusable else 0)


@app.command("clean")
def clean(
    folder: Folder = None,
    broken: Annotated[bool, typer.Option("--broken", help="Remove only damaged engines.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Remove all engines.")] = False,
) -> None:
    """Remove engines that are damaged or out of date. To rebuild engines, use `build-engines`."""
    from ecgdigit_rt.models.engine_builds import engine_statuses

    store = _store(folder)
    statuses = engine_statuses(store)
    removed = [
        status for status in statuses if everything or status.is_broken or (status.reason and not broken)
    ]
    for status in removed:
        store.remove(status.path)
        typer.echo(_line(status.path.name, status.reason or "removed"), err=True)
    print_message("removed", f"{len(removed)} of {len(statuses)} engines from {store.folder}")


def _line(name: str, reason: str) -> str:
    """Return a line with the file name of an engine, and the reason why it cannot be used, if any."""
    return f"{name}  {reason or 'ok'}"


def _store(folder: Path | None) -> EngineStore:
    """Return the store in a folder, or in the user's cache folder."""
    from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder

    return EngineStore(folder or engine_folder())
