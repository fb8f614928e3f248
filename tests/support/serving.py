"""A real `ecgdigit-rt serve` in a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 240.0
"""Machines that run tests may be busy; nothing here is about speed."""


@dataclass
class Server:
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def said(self, pattern: str) -> str:
        """The first group of a line that it says, sooner or later."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for line in list(self.lines):
                found = re.search(pattern, line)
                if found:
                    return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in:\n{self.log}")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.said(r'serving  http://.*:([0-9]+)/')}"

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def stop(self) -> int:
        """Ask it to end, as a service manager does, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    """A server that is ready to read pages, until the block ends."""
    command = [sys.executable, "-m", "ecgdigit_rt", "serve", "--port", "0", *options]
    environment = {name: value for name, value in os.environ.items() if name != "ECGDIGIT_TOKEN"}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    server = Server(process)

    def collect() -> None:
        assert process.stderr is not None
        for line in iter(process.stderr.readline, ""):
            server.lines.append(line.rstrip("\n"))

    reader = threading.Thread(target=collect)
    reader.start()
    try:
        with server.client() as client:
            end = time.monotonic() + PATIENCE_S
            while client.get("/health/ready").status_code != 200:
                assert time.monotonic() < end, server.log
                time.sleep(0.1)
        yield server
    finally:
        server.stop()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()


def form(path: Path, name: str | None = None) -> dict[str, tuple[str, bytes]]:
    """A page as a client's form."""
    return {"file": (name or path.name, path.read_bytes())}
