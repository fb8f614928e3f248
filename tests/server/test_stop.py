"""Signals end the service within its time, at every moment."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from serving import EXAMPLES

HANG_S = 60
"""Time limit of processes that end within a few seconds unless they hang."""

_SERVER = """
import asyncio, logging, os, signal, sys, threading, time
from contextlib import asynccontextmanager
import uvicorn
from fastapi import FastAPI
from ecgdigit_rt.server import server
from ecgdigit_rt.server.settings import Settings

logging.basicConfig(format="%(message)s")
server._SHUTDOWN_GRACE_S, server._CLOSE_S = 1, 0

@asynccontextmanager
async def lifespan(app):
    yield
    if "hang" in sys.argv:
        await asyncio.to_thread(time.sleep, 600)

if "early" in sys.argv:  # a signal after the handlers are installed, and before uvicorn runs
    run = uvicorn.Server.run
    def run_after_signal(self, sockets=None):
        signal.raise_signal(signal.SIGTERM)
        run(self, sockets)
    uvicorn.Server.run = run_after_signal
else:
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
listener = server.listening_socket("127.0.0.1", 0)
server.run_until_stopped(FastAPI(lifespan=lifespan), listener, Settings(timeout_s=1))
print("stopped")
"""


def run_server(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a service without pages that receives SIGTERM."""
    command = [sys.executable, "-c", _SERVER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)


def test_a_signal_before_the_server_runs_is_not_lost() -> None:
    done = run_server("early")
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


def test_a_stop_ends_after_its_time_limit() -> None:
    started = time.monotonic()
    done = run_server("hang")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Pages in progress did not end in time" in done.stderr
    assert time.monotonic() - started < HANG_S / 2


@pytest.mark.parametrize("command", ["serve", "run"])
@pytest.mark.parametrize("delay_s", [0.0, 0.4])
def test_a_signal_at_the_start_ends_the_process(tmp_path: Path, command: str, delay_s: float) -> None:
    options = ["--port", "0"] if command == "serve" else [str(EXAMPLES), "--out", str(tmp_path / "out.csv")]
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgdigit_rt", command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(delay_s)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG_S)
    assert process.returncode in (-signal.SIGTERM, 130), "a shell reports -15 as 143"


def test_a_signal_ends_the_first_process_of_a_container() -> None:
    namespace = ["unshare", "--pid", "--fork", "--kill-child"]
    if sys.platform != "linux" or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("needs the right to create a namespace")
    service = [sys.executable, "-m", "ecgdigit_rt", "serve", "--port", "0"]
    process = subprocess.Popen([*namespace, *service], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        while not process.stderr.readline().startswith("device"):
            assert process.poll() is None
        psutil.Process(process.pid).children()[0].send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) in (0, 143)
    finally:
        process.kill()
        process.communicate()
