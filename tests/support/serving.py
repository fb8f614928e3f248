"""Real `ecgdigit-rt serve` process on a free port."""

from __future__ import annotations

import io
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
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"

TIMEOUT_S = 240.0
"""Time limit of every wait. It is generous because machines may be busy and no test here measures speed."""


@dataclass
class Server:
    """Process of the service, with the lines of its log."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        """All lines that the process has written to stderr."""
        return "\n".join(self.lines)

    def wait_for(self, pattern: str) -> str:
        """Wait for a log line that matches the pattern, and return its first group."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            for line in list(self.lines):
                match = re.search(pattern, line)
                if match:
                    return match[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in:\n{self.log}")

    @property
    def address(self) -> str:
        """URL on the loopback interface, without a final slash."""
        return f"http://127.0.0.1:{self.wait_for(r'serving  http://.*:([0-9]+)/')}"

    @property
    def token(self) -> str:
        """Token that the service has generated."""
        return self.wait_for("token    (.*)")

    def client(self, token: str | None = None) -> httpx.Client:
        """Return a client of the service."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def stop(self) -> int:
        """Send SIGTERM, as a service manager does, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)


@contextmanager
def running_server(*options: str) -> Iterator[Server]:
    """Run a server until the end of the block, which starts as soon as the server is ready."""
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
            end = time.monotonic() + TIMEOUT_S
            while client.get("/health/ready").status_code != 200:
                assert time.monotonic() < end, server.log
                time.sleep(0.1)
        yield server
    finally:
        server.stop()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()


def upload_form(path: Path, name: str | None = None) -> dict[str, tuple[str, bytes]]:
    """Return the form of a request that uploads a file."""
    return {"file": (name or path.name, path.read_bytes())}


def blank_page(width: int = 400, height: int = 300) -> bytes:
    """Return a white image as PNG."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "PNG")
    return out.getvalue()
