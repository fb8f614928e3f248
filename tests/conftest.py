"""What files of tests share because it is slow to make: a Triton server, the example pages read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import triton_server

from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.cli.app import exit_code

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton_server.Server]:
    """A real server of the model `ecgdigit`."""
    if why_not := triton_server.why_not():
        pytest.skip(why_not)
    work = tmp_path_factory.mktemp("triton")
    environment = triton_server.environment(work / "environment")
    command = ["deploy", "triton", "--out", str(work / "models"), "--environment", str(environment)]
    assert exit_code(command) == 0
    with triton_server.serving(work / "models", work, ["ecgdigit"]) as running:
        yield running


@pytest.fixture(scope="session")
def read_here() -> dict[str, Digitized]:
    """By the file's name."""
    digitizer = Digitizer()
    return {path.name: digitizer.digitize(path) for path in sorted((ROOT / "examples").glob("*.jpg"))}
