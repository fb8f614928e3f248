"""Digitizer shared by the tests of the pipeline."""

from __future__ import annotations

import pytest

from ecgdigit_rt import Digitizer


@pytest.fixture(scope="session")
def digitizer() -> Digitizer:
    """Return a digitizer with two threads and default options."""
    return Digitizer(threads=2)
