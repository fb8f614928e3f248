"""Middleware for every request: access control, security headers, metrics and logging."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecgdigit_rt.errors import EcgDigitError, InvalidToken, RequestForbidden
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.problems import response_from_error
from ecgdigit_rt.server.settings import Settings

log = logging.getLogger("ecgdigit_rt.server")

CLIENT_CLOSED_REQUEST = 499
"""Status that is recorded if a client disconnects before the response, as in nginx. No client receives it."""

_AUTHENTICATED_PATHS = ("/v1/", "/metrics")
_PROBED_PATHS = ("/health/", "/metrics")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
_UNKNOWN_ROUTE = "unknown"

_DRAIN_S = 5.0
"""Time limit in seconds for reading the rest of a request body before an error response. Hand-picked, not
tuned."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), interest-cohort=()",
}


class SecurityMiddleware:
    """ASGI middleware that checks host, origin and token, and that logs and counts every request.

    Pages of other sites must not use the service through a user's browser. Two checks prevent this:

    - The Host header must be an allowed host name or a numeric address, which prevents DNS rebinding.
    - The Origin header, if present, must match the Host header.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject the request, or pass it to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        exchange = _Exchange(receive, send, self._settings.max_upload_bytes, Headers(scope=scope))
        try:
            rejection = self._rejection(scope)
            app = self._app if rejection is None else response_from_error(rejection)
            await app(scope, exchange.receive, exchange.send)
        finally:
            status = CLIENT_CLOSED_REQUEST if exchange.status is None else exchange.status
            route = getattr(scope.get("route"), "path", _UNKNOWN_ROUTE)
            method = scope["method"] if route != _UNKNOWN_ROUTE else "-"
            self._metrics.count_request(route, method, status)
            seconds = time.perf_counter() - started
            level = logging.DEBUG if status < 400 and route.startswith(_PROBED_PATHS) else logging.INFO
            log.log(level, "%s %s %d %.2f s", method, route, status, seconds)

    def _rejection(self, scope: Scope) -> EcgDigitError | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_allowed_host(host, self._settings.allowed_hosts):
            return RequestForbidden("its Host header is not a name of this service")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return RequestForbidden("it comes from a page of another origin")
        token = self._settings.token
        path = scope["path"]
        if token is not None and path.startswith(_AUTHENTICATED_PATHS) and not _has_token(headers, token):
            return InvalidToken()
        return None


def is_allowed_host(host: str, host_names: tuple[str, ...]) -> bool:
    """Return whether a Host header contains one of `host_names` or a numeric address, with or without a port.

    Numeric addresses are safe, because DNS rebinding requires a host name.
    """
    match = _HOST.fullmatch(host.lower())
    if match is None:
        return False
    name = match[1].strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in host_names
    return True


def _has_token(headers: Headers, token: str) -> bool:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    is_equal = hmac.compare_digest(credentials.strip().encode(), token.encode())
    return is_equal and scheme.lower() == "bearer"


class _Exchange:
    """Receive and send channels of one request.

    A client that is still sending its request body could miss the response. Before an error response is sent,
    the rest of the body is therefore read and discarded, up to a size limit and a time limit.
    """

    def __init__(self, receive: Receive, send: Send, max_bytes: int, headers: Headers) -> None:
        self._receive, self._send, self._max_bytes = receive, send, max_bytes
        self._is_read = "expect" in headers  # with Expect, no body is sent before status 100
        self.status: int | None = None

    async def receive(self) -> Message:
        """Receive a message and record the end of the body."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._is_read = True
        return message

    async def send(self, message: Message) -> None:
        """Send a message. Add the security headers to the start of a response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if message["status"] >= 400:
                await self._drain()
        await self._send(message)

    async def _drain(self) -> None:
        size = 0
        try:
            async with asyncio.timeout(_DRAIN_S):
                while not self._is_read and size <= 2 * self._max_bytes:
                    size += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
