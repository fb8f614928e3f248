"""Session fixtures: a Triton server, the locally digitized example pages, and the C++ build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cpp_build
import pytest
import triton_server
from kserve_stub import OUTPUT_NAMES, Header, KServeStub, response_parts, running_stub

from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.triton.ports import outputs_from_results

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton_server.Server]:
    """Start a real server of the model `ecgdigit`."""
    if reason := triton_server.unavailable_reason():
        pytest.skip(reason)
    work = tmp_path_factory.mktemp("triton")
    environment = triton_server.create_environment(work / "environment")
    command = ["deploy", "triton", "--out", str(work / "models"), "--environment", str(environment)]
    assert exit_code(command) == 0
    with triton_server.serve(work / "models", work, ["ecgdigit"]) as running:
        yield running


@pytest.fixture(scope="session")
def local_results() -> dict[str, Digitized]:
    """Digitize the example pages in this process and return the results by file name."""
    digitizer = Digitizer()
    return {path.name: digitizer.digitize(path) for path in sorted((ROOT / "examples").glob("*.jpg"))}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build engine/cpp with sanitizers and return its build folder."""
    if reason := cpp_build.unavailable_reason():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("cpp")
    cpp_build.build(folder)
    return folder


@pytest.fixture(scope="session")
def stub() -> Iterator[KServeStub]:
    """Run a stub of a KServe server."""
    with running_stub() as running:
        yield running


@pytest.fixture(scope="session")
def parts(local_results: dict[str, Digitized]) -> tuple[Header, bytes]:
    """Return the header and the tensors of a valid response for the first page."""
    first = next(iter(local_results.values()))
    return response_parts(outputs_from_results([first], OUTPUT_NAMES))
