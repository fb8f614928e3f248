"""Server process: socket, uvicorn, and an orderly shutdown."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from ecgdigit_rt.errors import AddressUnusable

_SHUTDOWN_GRACE_S = 5
"""Seconds that a shutdown waits for the remaining requests, in addition to the time limit of a request.
Hand-picked, not tuned."""

_DOCUMENTATION_ADDRESS = ("192.0.2.1", 9)
"""Address in TEST-NET-1, which is reserved for documentation (RFC 5737). Nothing is sent to it."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket. Port 0 selects a free port. Raises AddressUnusable."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AddressUnusable(host, port, reason) from error


def browser_url(listener: socket.socket) -> str:
    """Return the URL for a browser.

    A wildcard address is replaced with the network address of this machine.
    """
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 compared, not bound
        host = _network_address()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run_until_stopped(app: FastAPI, listener: socket.socket, timeout_s: float) -> None:
    """Serve until Ctrl-C or SIGTERM, then accept no further requests and complete those in progress."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=round(timeout_s) + _SHUTDOWN_GRACE_S,
    )
    with _ignore_reraised_signals():
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _ignore_reraised_signals() -> Iterator[None]:
    """Ignore the signals that uvicorn raises again after its shutdown.

    Otherwise a requested stop would have the exit code of a failure.
    """
    stop_signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: None) for number in stop_signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _network_address() -> str:
    """Return the address of this machine on its default route, else 127.0.0.1. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_DOCUMENTATION_ADDRESS)
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address
