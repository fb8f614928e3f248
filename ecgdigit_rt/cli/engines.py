"""`ecgdigit-rt engines list|verify|clean`: what `build-engines` has left, and what of it still fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.format import Format
from ecgdigit_rt.cli.options import PrintedAs

if TYPE_CHECKING:
    from ecgdigit_engine.tensorrt.store import EngineStore

app = typer.Typer(help="Engines that were built: list, verify, clean.", no_args_is_help=True)

Folder = Annotated[
    Path | None, typer.Option("--out", help="Folder of engines. Default: the user's cache folder.")
]


@app.command("list")
def list_engines(folder: Folder = None, form: PrintedAs = Format.text) -> None:
    """Show every engine: what it was built from and for, and whether it still fits."""
    from dataclasses import asdict

    from ecgdigit_rt.models.engine_builds import engine_statuses

    store = _store(folder)
    found = engine_statuses(store)
    if form is Format.json:
        rows = [
            {
                "file": str(one.path),
                "stale": one.reason,
                "broken": one.is_broken,
                "papers": None if one.engine is None else asdict(one.engine.papers),
            }
            for one in found
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    for one in found:
        typer.echo(_line(one.path.name, one.reason))
    typer.echo(f"engines  {len(found)} in {store.folder}", err=True)


@app.command("verify")
def verify(folder: Folder = None) -> None:
    """See that every engine is whole and fits what is installed; exit 3 where one does not."""
    from ecgdigit_rt.models.engine_builds import engine_statuses

    store = _store(folder)
    bad = [one for one in engine_statuses(store) if one.reason]
    for one in bad:
        typer.echo(_line(one.path.name, one.reason), err=True)
    typer.echo(f"engines  {len(store.engines())} in {store.folder}, {len(bad)} not usable", err=True)
    raise typer.Exit(3 if bad else 0)


@app.command("clean")
def clean(
    folder: Folder = None,
    broken: Annotated[bool, typer.Option("--broken", help="Only damaged ones.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Remove engines that are damaged or no longer fit; `build-engines` makes them again."""
    from ecgdigit_rt.models.engine_builds import engine_statuses

    store = _store(folder)
    gone = [
        one for one in engine_statuses(store) if everything or one.is_broken or (one.reason and not broken)
    ]
    for one in gone:
        store.remove(one.path)
        typer.echo(_line(one.path.name, one.reason or "removed"), err=True)
    typer.echo(f"removed  {len(gone)} of {store.folder}", err=True)


def _line(name: str, reason: str) -> str:
    return f"{name}  {reason or 'ok'}"


def _store(folder: Path | None) -> EngineStore:
    from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder

    return EngineStore(folder or engine_folder())
