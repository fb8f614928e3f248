"""Server process: socket, uvicorn, and an orderly shutdown."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ecgdigit_rt.errors import AddressUnusable
from ecgdigit_rt.server.connections import LimitedConnection, connection_limits
from ecgdigit_rt.server.settings import Settings

log = logging.getLogger("ecgdigit_rt.server")

_SHUTDOWN_GRACE_S = 5
"""Seconds until a shutdown ends the process, in addition to the time limit of a request. Hand-picked, not
tuned."""

_CLOSE_S = 2
"""Part of these seconds for ending threads and processes after the last response. Hand-picked, not tuned."""

_FORCED_STOP = 1
"""Exit code of a process that was ended before its pages were complete."""

_BACKLOG = 128
"""Maximum number of connections that the system accepts before the service does. Hand-picked, not tuned. At
most as many are accepted at once, so that the file descriptors suffice until some are closed."""

_DOCUMENTATION_ADDRESS = ("192.0.2.1", 9)
"""Address in TEST-NET-1, which is reserved for documentation (RFC 5737). Nothing is sent to it."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket. Port 0 selects a free port. Raises AddressUnusable."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
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


def run_until_stopped(app: FastAPI, listener: socket.socket, settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM, then accept no further requests and complete those in progress.

    The process is ended if this takes 5 s more than the time limit of a request.
    """
    limits = connection_limits(settings.workers + settings.queue, settings.timeout_s)
    config = uvicorn.Config(
        app,
        http=partial(LimitedConnection, limits=limits),  # type: ignore[arg-type] # called like a class
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=round(settings.timeout_s) + _SHUTDOWN_GRACE_S - _CLOSE_S,
    )
    server = _Server(config, settings.timeout_s + _SHUTDOWN_GRACE_S)
    with _stop_signals(server):
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Server whose process ends at most `stop_s` seconds after the first signal."""

    def __init__(self, config: uvicorn.Config, stop_s: float) -> None:
        super().__init__(config)
        self._stop_s = stop_s
        self._is_stopping = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self._is_stopping:
            self._is_stopping = True
            timer = threading.Timer(self._stop_s, _end_process)
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)


def _end_process() -> None:
    log.error("error    Pages in progress did not end in time; they are lost")
    os._exit(_FORCED_STOP)


@contextmanager
def _stop_signals(server: _Server) -> Iterator[None]:
    """Handle signals with the server from now on.

    uvicorn handles signals only while it runs, and raises them again after its shutdown. A signal before it
    runs would be lost, and one after it would give a requested stop the exit code of a failure.
    """
    stop_signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, server.handle_exit) for number in stop_signals}
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
