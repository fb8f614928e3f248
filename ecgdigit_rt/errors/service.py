"""Errors of `serve`: rejected requests, and an address that cannot be bound."""

from __future__ import annotations

from ecgdigit_engine.errors import EcgDigitError


class ServiceError(EcgDigitError):
    """Base class of errors of the service."""

    exit_code = 1


class FormMalformed(ServiceError, ValueError):
    """Request whose form or parameters are invalid."""

    id = "E-SERVE-01"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"Invalid request: {problem}",
            "Send a form with the page in its field `file`. All parameters are documented at /docs.",
        )
        self.problem = problem


class UploadTooLarge(ServiceError, ValueError):
    """Uploaded file that is larger than `--max-upload-mb`."""

    id = "E-SERVE-02"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The file is larger than {max_bytes / 1e6:g} MB",
            "Send a smaller file, or start the service with a larger --max-upload-mb.",
        )
        self.max_bytes = max_bytes


class ServiceBusy(ServiceError, RuntimeError):
    """Request that arrived while all workers and the queue were full."""

    id = "E-SERVE-03"

    def __init__(self, capacity: int) -> None:
        super().__init__(
            f"The service is busy: all {capacity} slots for pages are in use",
            "Retry in a few seconds, or start the service with more --workers or a longer --queue.",
        )
        self.capacity = capacity


class RequestTimedOut(ServiceError, TimeoutError):
    """Request that was not answered within the service's `--timeout`."""

    id = "E-SERVE-04"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The page was not digitized within {seconds:g} s",
            "Send a smaller image, retry at a quieter time, or start the service with a longer --timeout.",
        )
        self.seconds = seconds


class InvalidToken(ServiceError, PermissionError):
    """Request without the service's token."""

    id = "E-SERVE-05"

    def __init__(self) -> None:
        super().__init__(
            "The token is missing or wrong",
            "Send the header `Authorization: Bearer TOKEN` with the token of this service.",
        )


class RequestForbidden(ServiceError, PermissionError):
    """Request from another origin, or to a host name that is not allowed."""

    id = "E-SERVE-06"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Request refused: {reason}",
            "Use the address that the service printed, or allow its host name with --allow-host.",
        )
        self.reason = reason


class AddressUnusable(ServiceError, OSError):
    """Host and port that the service cannot listen on."""

    id = "E-SERVE-07"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on {host}, port {port}: {reason}",
            "Choose another --port (0 selects a free one) or another --host.",
        )
        self.host = host
        self.port = port
