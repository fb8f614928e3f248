"""Before every request: is it for us, from us, and allowed. After it: a line, a count, safe headers."""

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

from ecgdigit_rt.errors import EcgDigitError, ForeignRequest, TokenWrong
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.problems import response_from_error
from ecgdigit_rt.server.settings import Settings

log = logging.getLogger("ecgdigit_rt.server")

_GUARDED = ("/v1/", "/metrics")
_PROBED = ("/health/", "/metrics")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
_DRAIN_S = 5.0
_UNKNOWN = "unknown"
LEFT = 499
"""The status under which a request is counted whose client left; none is sent."""

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


class Guard:
    """ASGI middleware around everything.

    A page of another site cannot use the service behind its user's back: the name under which it is called
    must be its own (a name that was bent to this address, DNS rebinding), and so must a request's origin.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        call = _Call(receive, send, self._settings.max_upload_bytes, Headers(scope=scope))
        try:
            refusal = self._refusal(scope)
            app = self._app if refusal is None else response_from_error(refusal)
            await app(scope, call.receive, call.send)
        finally:
            status = LEFT if call.status is None else call.status
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            method = scope["method"] if route != _UNKNOWN else "-"
            self._metrics.request(route, method, status)
            seconds = time.perf_counter() - started
            level = logging.DEBUG if status < 400 and route.startswith(_PROBED) else logging.INFO
            log.log(level, "%s %s %d %.2f s", method, route, status, seconds)

    def _refusal(self, scope: Scope) -> EcgDigitError | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_own_name(host, self._settings.names):
            return ForeignRequest("its Host is a name that this service does not go by")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return ForeignRequest("it comes from a page of another origin")
        token = self._settings.token
        path = scope["path"]
        if token is not None and path.startswith(_GUARDED) and not _carries(headers, token):
            return TokenWrong()
        return None


def is_own_name(host: str, names: tuple[str, ...]) -> bool:
    """Whether a Host header is one of the names, or a numeric address, which no one can bend."""
    parts = _HOST.fullmatch(host.lower())
    if parts is None:
        return False
    name = parts[1].strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True


def _carries(headers: Headers, token: str) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    is_same = hmac.compare_digest(given.strip().encode(), token.encode())
    return is_same and kind.lower() == "bearer"


class _Call:
    """A request's two channels. An answer that is sent before the body was read would be lost on a client
    that is still sending, so a refusal reads the rest first and throws it away."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, headers: Headers) -> None:
        self._receive, self._send, self._most = receive, send, most_bytes
        self._is_read = "expect" in headers  # curl waits for a 100 before it sends: then nothing is coming
        self.status: int | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._is_read = True
        return message

    async def send(self, message: Message) -> None:
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
                while not self._is_read and size <= 2 * self._most:
                    size += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
