"""HTTP connections with limits on their number and their time, so that slow clients cannot stop the service.

A client may open many connections, and send a request slowly or never. Such a connection is closed after
a time limit, or as soon as another client needs its place.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("ecgdigit_rt.server.connections")

HEADER_S = 10.0
"""Time limit in seconds for the header of a request, from the start of the connection or from the end of the
previous response. Hand-picked, not tuned: proxies have 5 to 60 s."""

_RESPONSE_S = 30.0
"""Seconds for receiving a response, in addition to the time limit of a page. Hand-picked, not tuned: the
response to a page has about 0.5 MB, which takes 30 s at 17 kB per second."""

_MIN_CONNECTIONS = 256
"""Maximum number of connections of a service with a short queue. Hand-picked, not tuned: a browser opens up
to six, and a proxy one per request in progress."""

_ADMITTED = "ecgdigit_rt.admitted"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Maximum number of connections, and time limit in seconds from the header to the end of a response."""

    connections: int
    exchange_s: float


def connection_limits(page_slots: int, timeout_s: float) -> ConnectionLimits:
    """Return the limits of a service with `page_slots` workers and places in its queue.

    At most half of the file descriptors of the process are used for connections.
    """
    connections = max(_MIN_CONNECTIONS, 2 * page_slots)
    descriptors = _max_file_descriptors()
    if descriptors is not None:
        connections = min(connections, descriptors // 2)
    return ConnectionLimits(connections, timeout_s + _RESPONSE_S)


def mark_admitted(scope: Scope) -> None:
    """Protect the connection of a request from being closed for another client. It has a page slot."""
    scope[_ADMITTED] = True


class LimitedConnection(H11Protocol):
    """HTTP/1.1 connection of one client.

    If there are too many connections, the one that has waited longest for its request is closed. If all have
    sent a request, the oldest request without a page slot is closed, and otherwise the new connection.
    """

    def __init__(self, *arguments: Any, limits: ConnectionLimits, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **keywords)
        self._limits = limits
        self._since = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._is_requesting = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request, and close another connection if there are too many."""
        super().connection_made(transport)
        self._await_request()
        open_connections = [
            cast("LimitedConnection", connection)
            for connection in self.connections
            if not connection.transport.is_closing()
        ]
        if len(open_connections) > self._limits.connections:
            _least_useful(open_connections, self)._abort("there were too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._cancel_timer()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Handle received data. If they complete the header of a request, its response has a time limit."""
        previous = self.cycle
        super().handle_events()
        if self.cycle is not previous and not self.cycle.response_complete:
            self._is_requesting, self._since = False, self.loop.time()
            self._start_timer(self._limits.exchange_s, "their response took too long")

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._await_request()
        super().on_response_complete()

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Order in which connections are closed: without request, without page slot, oldest."""
        is_admitted = not self._is_requesting and _ADMITTED in self.scope
        return is_admitted, not self._is_requesting, self._since

    def _await_request(self) -> None:
        self._is_requesting, self._since = True, self.loop.time()
        self._start_timer(HEADER_S, "their request was incomplete")

    def _start_timer(self, seconds: float, reason: str) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_later(seconds, self._abort, reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _abort(self, reason: str) -> None:
        if not self.transport.is_closing():
            log.warning("closed connections because %s", reason)
            self.transport.abort()


def _least_useful(connections: list[LimitedConnection], newest: LimitedConnection) -> LimitedConnection:
    """Return the connection to close: the newest only if all others are requests with page slots."""
    found = min((connection for connection in connections if connection is not newest), key=lambda c: c.rank)
    return newest if found.rank[0] else found


def _max_file_descriptors() -> int | None:
    """Return the maximum number of open files of this process, or None if it is unlimited or unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
