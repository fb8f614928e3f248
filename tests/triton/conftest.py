"""Session fixtures: a Triton server, and the example pages digitized locally."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import triton_server

from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.cli.app import exit_code

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton_server.Server]:
    """Start a real server of the model `ecgdigit`."""
    if why_not := triton_server.unavailable_reason():
        pytest.skip(why_not)
    work = tmp_path_factory.mktemp("triton")
    environment = triton_server.create_environment(work / "environment")
    command = ["deploy", "triton", "--out", str(work / "models"), "--environment", str(environment)]
    assert exit_code(command) == 0
    with triton_server.serve(work / "models", work, ["ecgdigit"]) as running:
        yield running


@pytest.fixture(scope="session")
def local_results() -> dict[str, Digitized]:
    """Digitize the example pages in this process. The results are by file name."""
    digitizer = Digitizer()
    return {path.name: digitizer.digitize(path) for path in sorted((ROOT / "examples").glob("*.jpg"))}
