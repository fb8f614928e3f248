"""The process: a socket, uvicorn on it, and an orderly end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from ecgdigit_rt.errors import AddressUnusable

_GRACE_S = 5
_NOWHERE = ("192.0.2.1", 9)  # documentation's own network (RFC 5737): nothing is sent there


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises AddressUnusable."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AddressUnusable(host, port, reason) from error


def address_in_browser(listener: socket.socket) -> str:
    """The URL to open. Where the service listens on every address, the one by which a phone reaches it."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 compared, not bound
        host = _own_address()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run_until_stopped(app: FastAPI, listener: socket.socket, timeout_s: float) -> None:
    """Serve until Ctrl-C or SIGTERM; then no request is taken any more, and those in work are answered."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=round(timeout_s) + _GRACE_S,
    )
    with _signals_kept_quiet():
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _signals_kept_quiet() -> Iterator[None]:
    """uvicorn ends on these signals and then raises them again: an end that was asked for is no failure."""
    asked = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _own_address() -> str:
    """This machine's address in its network, as the way out tells; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOWHERE)
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address
