"""Error about a limit of the process that is too low to load the libraries."""

from __future__ import annotations

from ecgdigit_engine.errors import SetupError


class MemoryLimitTooLow(SetupError, MemoryError):
    """The address space of the process is limited (`ulimit -v`) to less than the libraries need.

    `limit` and `minimum` are in bytes.
    """

    id = "E-MEMORY-01"

    def __init__(self, limit: int, minimum: int) -> None:
        super().__init__(
            f"The address space of the process is limited to {limit / 1e9:.1f} GB, and the libraries need "
            f"{minimum / 1e9:.1f} GB",
            "Raise the limit (ulimit -v), or remove it and limit the memory of a container instead.",
        )
        self.limit = limit
        self.minimum = minimum
