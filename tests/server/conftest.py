"""Fixtures for the tests of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import Server, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server that only this machine can reach."""
    with running_server() as running:
        yield running
