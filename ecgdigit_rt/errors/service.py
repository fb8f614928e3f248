"""`serve` refuses a request, or cannot take its address."""

from __future__ import annotations

from ecgdigit_engine.errors import EcgDigitError


class ServiceError(EcgDigitError):
    """The service refuses a request, or cannot take the address that it was given."""

    exit_code = 1


class FormMalformed(ServiceError, ValueError):
    id = "E-SERVE-01"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the request cannot be understood: {problem}",
            "Send a form with the page in its field `file`; /docs has every parameter.",
        )
        self.problem = problem


class UploadTooLarge(ServiceError, ValueError):
    id = "E-SERVE-02"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(
            f"the file is larger than {most_bytes / 1e6:g} MB",
            "Send a smaller one, or start the service with a larger --max-upload-mb.",
        )
        self.most_bytes = most_bytes


class ServiceBusy(ServiceError, RuntimeError):
    id = "E-SERVE-03"

    def __init__(self, places: int) -> None:
        super().__init__(
            f"all {places} places for pages are taken",
            "Come back in a few seconds, or start the service with more --workers or a longer --queue.",
        )
        self.places = places


class PageTookTooLong(ServiceError, TimeoutError):
    id = "E-SERVE-04"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the page was not done after {seconds:g} s",
            "Send a smaller picture, come back when it is quieter, or start with a longer --timeout.",
        )
        self.seconds = seconds


class TokenWrong(ServiceError, PermissionError):
    id = "E-SERVE-05"

    def __init__(self) -> None:
        super().__init__(
            "the token is missing or wrong",
            "Send `Authorization: Bearer TOKEN` with the token that the service was started with.",
        )


class ForeignRequest(ServiceError, PermissionError):
    """Another site's page asks, or the service is called by a name that it does not have."""

    id = "E-SERVE-06"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the request is refused: {reason}",
            "Call the service by its address, or name its host with --allow-host.",
        )
        self.reason = reason


class AddressUnusable(ServiceError, OSError):
    id = "E-SERVE-07"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host}, port {port}: {reason}",
            "Choose another --port (0 takes a free one) or another --host.",
        )
        self.host = host
        self.port = port
