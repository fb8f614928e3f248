"""What the service may take and whom it answers."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field

LOOPBACK_NAMES = ("localhost",)


@dataclass(frozen=True, slots=True)
class Settings:
    """workers: pages in work at once, on `threads` CPU threads each. queue: requests that may wait beyond.

    timeout_s: from a request's first byte to its answer. token: what every request for data must carry;
    None where only this machine can reach the service. names: host names by which it is reached; numeric
    addresses need none.
    """

    workers: int = 1
    threads: int = 1
    queue: int = 32
    timeout_s: float = 60.0
    max_upload_mb: float = 50.0
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = LOOPBACK_NAMES

    @property
    def max_upload_bytes(self) -> int:
        return round(self.max_upload_mb * 1_000_000)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a service that is bound to `host`."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_for(host: str, given: str | None) -> tuple[str | None, bool]:
    """The token that clients must send, and whether it was made here.

    Only a service that this machine alone reaches does without; an empty one is none. A new one has 192
    random bits, in letters that a URL's fragment and a header can hold.
    """
    if given or is_loopback(host):
        return given or None, False
    return secrets.token_urlsafe(24), True


def workers_and_threads(cpus: int, workers: int | None, threads: int | None) -> tuple[int, int]:
    """Pages at once and threads a page: two threads each, unless told otherwise."""
    chosen = workers or max(1, cpus // (threads or 2))
    return chosen, threads or max(1, cpus // chosen)
