"""`ecgdigit-rt serve`: a page to try it on, and an HTTP interface for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.options import Backend, Device, Precision

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer

TOKEN_VARIABLE = "ECGDIGIT_TOKEN"  # noqa: S105 its name


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. Other than this machine's own: with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar=TOKEN_VARIABLE,
            show_default=False,
            help="What clients must send; others on this machine see it here, so better set the variable.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Pages at once. Default: one per 2 CPUs.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads a page. Default: what CPUs allow.")
    ] = None,
    queue: Annotated[
        int, typer.Option("--queue", min=0, help="Requests that may wait; one more is refused with 503.")
    ] = 32,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds until a page is given up with 504.")
    ] = 60.0,
    max_upload_mb: Annotated[
        float, typer.Option("--max-upload-mb", min=0.01, help="Larger files are refused with 413.")
    ] = 50.0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A name by which the service is reached."),
    ] = None,
    models: Annotated[
        str, typer.Option("--models", help="A family of networks, or the folder that `export` wrote.")
    ] = "lite",
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Serve a page to try it on in a browser, and the HTTP interface behind it.

    It listens on this machine alone unless --host says otherwise; then every request for data needs a
    token, which is made and shown where none is given. Nothing of a page is kept or logged. Ctrl-C ends it
    when the pages in work are done.
    """
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt serve", "fastapi", "serve"):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    import logging

    from ecgdigit_engine.selection import select_backend
    from ecgdigit_engine.threads import usable_cpus
    from ecgdigit_rt.models import graph_precisions
    from ecgdigit_rt.server.api import create_app
    from ecgdigit_rt.server.digitizers import Digitizers, SharedStages
    from ecgdigit_rt.server.server import address_in_browser, listening_socket, run_until_stopped
    from ecgdigit_rt.server.settings import (
        LOOPBACK_NAMES,
        Settings,
        token_for,
        workers_and_threads,
    )

    listener = listening_socket(host, port)
    chosen, each = workers_and_threads(usable_cpus(), workers, threads)
    needed, is_made = token_for(host, token)
    names = (*LOOPBACK_NAMES, *(name.lower() for name in allow_host or ()))
    settings = Settings(chosen, each, queue, timeout, max_upload_mb, needed, names)
    stages = SharedStages(select_backend(backend, device, precision, graph_precisions(models)), chosen)
    digitizers = Digitizers(stages, models, each)
    _say(digitizers.plain, settings.workers, address_in_browser(listener))
    if is_made:
        _show_token(address_in_browser(listener), needed or "")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("ecgdigit_rt.server").setLevel(logging.INFO)
    run_until_stopped(create_app(digitizers, settings), listener, settings.timeout_s)
    typer.echo("stopped", err=True)


def _say(digitizer: Digitizer, workers: int, address: str) -> None:
    at_once = "1 page" if workers == 1 else f"{workers} pages"
    typer.echo(f"device   {digitizer.device} a page, {at_once} at once", err=True)
    typer.echo(f"models   {digitizer.models}", err=True)
    for note in digitizer.notes:
        typer.echo(f"note     {note}", err=True)
    typer.echo(f"serving  {address}   Ctrl-C to stop", err=True)


def _show_token(address: str, token: str) -> None:
    """Once, here and nowhere else; behind # it stays in the browser."""
    typer.echo(f"token    {token}\nopen     {address}#token={token}", err=True)
    if sys.stderr.isatty():
        from ecgdigit_rt.server.terminal_qr import qr_lines

        typer.echo("\n".join(qr_lines(f"{address}#token={token}")), err=True)
