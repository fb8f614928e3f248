"""Limits and access control of the service."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field

LOOPBACK_NAMES = ("localhost",)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the service.

    - `workers` pages are processed simultaneously, each with `threads` CPU threads.
    - `queue` further requests may wait.
    - `timeout_s` limits the seconds from the receipt of the headers of a request until its page is digitized.
    - `token` must be sent with requests to `/v1/` and `/metrics`. With None, no token is required.
    - `allowed_hosts` are the host names of the service. Numeric addresses are always allowed.
    """

    workers: int = 1
    threads: int = 1
    queue: int = 32
    timeout_s: float = 60.0
    max_upload_mb: float = 50.0
    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = LOOPBACK_NAMES

    @property
    def max_upload_bytes(self) -> int:
        """Maximum size of an upload in bytes."""
        return round(self.max_upload_mb * 1_000_000)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a service that is bound to `host`.

    Host names other than `localhost` are not resolved. They count as reachable from other machines.
    """
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_for_host(host: str, specified: str | None) -> tuple[str | None, bool]:
    """Return the token that clients must send, and whether it was generated.

    A token is generated if other machines can reach `host` and `specified` is None or empty. It has 192
    random bits, in characters that are valid in a URL fragment and in a header.
    """
    if specified or is_loopback(host):
        return specified or None, False
    return secrets.token_urlsafe(24), True


def workers_and_threads(cpus: int, workers: int | None, threads: int | None) -> tuple[int, int]:
    """Return the number of workers and the number of threads per worker.

    A value of None is chosen so that the workers share the CPUs. If both values are None, there is one worker
    for every two CPUs, and at least one worker.
    """
    worker_count = workers or max(1, cpus // (threads or 2))
    return worker_count, threads or max(1, cpus // worker_count)
