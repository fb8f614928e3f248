"""Liveness probe of docs/howto/triton.md: it notices a dead Python backend, which Triton reports as ready."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import triton_server

from ecgdigit_rt.cli.app import exit_code

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "triton.md"
WAIT_S = 60


def probe() -> str:
    """Return the probe, a shell script of the guide."""
    scripts: list[str] = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (script,) = [script for script in scripts if "PROBE_STATUS" in script]
    return script


def is_live(server: triton_server.Server) -> bool:
    script = probe().replace("localhost:8000", server.http)
    return subprocess.run(["bash", "-c", script], check=False, timeout=WAIT_S).returncode == 0


@pytest.mark.slow
def test_the_probe_notices_a_dead_python_backend(tmp_path: Path) -> None:
    if reason := triton_server.unavailable_reason():
        pytest.skip(reason)
    environment = triton_server.create_environment(tmp_path / "environment")
    command = ["deploy", "triton", "--out", str(tmp_path / "models"), "--environment", str(environment)]
    assert exit_code(command) == 0
    with triton_server.serve(tmp_path / "models", tmp_path, ["ecgdigit"]) as server:
        assert is_live(server)
        (backend,) = psutil.Process(server.process.pid).children(recursive=True)
        backend.kill()
        end = time.monotonic() + WAIT_S
        while is_live(server):
            assert time.monotonic() < end
        assert server.is_ready() and server.is_ready("ecgdigit"), "Triton itself does not notice it"
        server.process.kill()  # it would wait for the dead backend
