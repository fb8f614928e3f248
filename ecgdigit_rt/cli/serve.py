"""`ecgdigit-rt serve`: serve a web page for uploads and an HTTP API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.options import Backend, Device, ModelsName, Precision

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer

TOKEN_VARIABLE = "ECGDIGIT_TOKEN"  # noqa: S105 name of an environment variable, not a token


def serve(
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. A token is required if other machines can reach the address.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on. 0 selects a free port.")
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar=TOKEN_VARIABLE,
            show_default=False,
            help="Token that clients must send. Prefer the environment variable, because other users of this "
            "machine can see command-line options.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            max=64,
            help="Number of pages in parallel. Default: one per two CPUs.",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="CPU threads per page. Default: CPUs divided by workers."),
    ] = None,
    queue: Annotated[
        int,
        typer.Option("--queue", min=0, help="Maximum number of waiting requests. More are rejected (503)."),
    ] = 32,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, help="Time limit per page in seconds. Slower pages fail (504)."),
    ] = 60.0,
    max_upload_mb: Annotated[
        float,
        typer.Option(
            "--max-upload-mb", min=0.01, help="Maximum file size in MB. Larger files are rejected (413)."
        ),
    ] = 50.0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Additional host name in URLs of the service. May be repeated."),
    ] = None,
    models: ModelsName = "lite",
    backend: Backend = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Serve a web page that digitizes single ECG pages, and an HTTP API.

    By default, only this machine can reach the service. If other machines can reach --host, every request for
    data requires a token. It is generated and printed if none is specified. Page contents are neither stored
    nor logged. After Ctrl-C, the service completes the pages in progress and stops.
    """
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt serve", "fastapi", "serve"):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    import logging

    from ecgdigit_engine.cpu import usable_cpus
    from ecgdigit_engine.selection import select_backend
    from ecgdigit_engine.stage_opener import share_runners
    from ecgdigit_rt.models import graph_precisions
    from ecgdigit_rt.server.api import create_app
    from ecgdigit_rt.server.digitizers import Digitizers
    from ecgdigit_rt.server.rare_log import RareLogFilter
    from ecgdigit_rt.server.server import browser_url, listening_socket, run_until_stopped
    from ecgdigit_rt.server.settings import (
        LOOPBACK_NAMES,
        Settings,
        token_for_host,
        workers_and_threads,
    )

    listener = listening_socket(host, port)
    worker_count, thread_count = workers_and_threads(usable_cpus(), workers, threads)
    required_token, is_generated = token_for_host(host, token)
    hosts = (*LOOPBACK_NAMES, *(name.lower() for name in allow_host or ()))
    settings = Settings(worker_count, thread_count, queue, timeout, max_upload_mb, required_token, hosts)
    opener = share_runners(
        select_backend(backend, device, precision, graph_precisions(models)).opener(), worker_count
    )
    digitizers = Digitizers(opener, models, thread_count)
    _print_summary(digitizers.default, settings.workers, browser_url(listener))
    if is_generated:
        _print_token(browser_url(listener), required_token or "")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(RareLogFilter())
    logging.getLogger("ecgdigit_rt.server").setLevel(logging.INFO)
    run_until_stopped(create_app(digitizers, settings), listener, settings)
    opener.close()
    typer.echo("stopped", err=True)


def _print_summary(digitizer: Digitizer, workers: int, url: str) -> None:
    """Print the device, the models, the notes and the URL of the service."""
    pages = "1 page" if workers == 1 else f"{workers} pages"
    typer.echo(f"device   {digitizer.device} per page, {pages} at a time", err=True)
    typer.echo(f"models   {digitizer.models}", err=True)
    for note in digitizer.notes:
        typer.echo(f"note     {note}", err=True)
    typer.echo(f"serving  {url}   Ctrl-C to stop", err=True)


def _print_token(url: str, token: str) -> None:
    """Print the token, and a URL that contains it. The token is never logged.

    The token is the fragment of the URL, because browsers do not send fragments to servers.
    """
    typer.echo(f"token    {token}\nopen     {url}#token={token}", err=True)
    if sys.stderr.isatty():
        from ecgdigit_rt.server.terminal_qr import qr_lines

        typer.echo("\n".join(qr_lines(f"{url}#token={token}")), err=True)
