"""Errors of `serve`: rejected requests, and a host or port that cannot be bound."""

from __future__ import annotations

from ecgdigit_engine.errors import EcgDigitError


class ServiceError(EcgDigitError):
    """Base class of errors of the service that `ecgdigit-rt serve` starts."""

    exit_code = 1


class FormMalformed(ServiceError, ValueError):
    """The form or the parameters of a request are invalid."""

    id = "E-SERVE-01"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"Invalid request: {problem}",
            "Send a form with the page in the field `file`. All parameters are documented at /docs.",
        )
        self.problem = problem


class UploadTooLarge(ServiceError, ValueError):
    """An uploaded file is larger than `--max-upload-mb`."""

    id = "E-SERVE-02"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The file is larger than {max_bytes / 1e6:g} MB",
            "Send a smaller file, or start the service with a larger --max-upload-mb.",
        )
        self.max_bytes = max_bytes


class ServiceBusy(ServiceError, RuntimeError):
    """A request arrived while all workers were busy and the queue was full."""

    id = "E-SERVE-03"

    def __init__(self, capacity: int) -> None:
        super().__init__(
            f"The service is busy: all {capacity} page slots are in use",
            "Retry in a few seconds, or start the service with more --workers or a longer --queue.",
        )
        self.capacity = capacity


class RequestTimedOut(ServiceError, TimeoutError):
    """A page was not digitized within the `--timeout` of the service."""

    id = "E-SERVE-04"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The page was not digitized within {seconds:g} s",
            "Send a smaller image, retry at a quieter time, or start the service with a longer --timeout.",
        )
        self.seconds = seconds


class InvalidToken(ServiceError, PermissionError):
    """A request has no token, or another token than that of the service."""

    id = "E-SERVE-05"

    def __init__(self) -> None:
        super().__init__(
            "The token is missing or wrong",
            "Send the header `Authorization: Bearer TOKEN` with the token of this service.",
        )


class RequestForbidden(ServiceError, PermissionError):
    """A request comes from another origin, or is addressed to a host name that is not allowed."""

    id = "E-SERVE-06"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Request rejected: {reason}",
            "Use the URL that the service printed, or allow the host name with --allow-host.",
        )
        self.reason = reason


class AddressUnusable(ServiceError, OSError):
    """The service cannot listen on the host and port."""

    id = "E-SERVE-07"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on {host}, port {port}: {reason}",
            "Choose another --port (0 selects a free port) or another --host.",
        )
        self.host = host
        self.port = port


class UploadStalled(ServiceError, TimeoutError):
    """A client stopped sending its upload, and kept the connection open."""

    id = "E-SERVE-08"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The upload paused for more than {seconds:g} s",
            "Check the connection, and send the page again.",
        )
        self.seconds = seconds
