"""Digitizer that the tests of the pipeline share."""

from __future__ import annotations

import pytest

from ecgdigit_rt import Digitizer


@pytest.fixture(scope="session")
def digitizer() -> Digitizer:
    """Return a digitizer with two threads and default options."""
    return Digitizer(threads=2)
