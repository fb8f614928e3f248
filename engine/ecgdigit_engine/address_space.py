"""Limit of the address space of this process (`ulimit -v`)."""

from __future__ import annotations

import sys

MIN_BYTES = 1_500_000_000
"""Address space that the libraries need to load and to open the networks.

Measured on two cores: with 1.3 GB, OpenVINO cannot open a network; with 0.85 GB, LLVM aborts the process; and
with 0.7 GB, OpenBLAS waits forever for memory while it is loaded. With 1.7 GB the networks are opened, and
pages fail if they need more. More cores need more.
"""


def address_space_limit() -> int | None:
    """Return the limit in bytes, or None if there is none or the system has no such limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
