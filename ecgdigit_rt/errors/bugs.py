"""Error that reports an unexpected exception."""

from __future__ import annotations

from ecgdigit_engine.errors import EcgDigitError


class InternalError(EcgDigitError, RuntimeError):
    """An unexpected exception occurred. `error_type` is the name of its class."""

    id = "E-BUG-01"

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"Unexpected {type(error).__name__}: {error}",
            "This is a bug in ecgdigit-rt. Please report it, with the page if you may share it.",
        )
        self.error_type = type(error).__name__
