"""How many pages a service reads, and how long a client waits, with 1, 4 and 16 clients.

    python benchmarks/serve_load.py RESULT.json [PAGE ...] [--seconds 20] [--clients 1 4 16]
        [--options "--workers 1"]

Starts `ecgdigit-rt serve` as a process of its own. Every client sends its next page when the last one is
answered, over one kept connection. Answers are counted from the first page that each client has back.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt.bench.provenance import write_result

EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE_S = 300.0
READY_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when its answer was there, how long that took, and its status."""

    at_s: float
    took_s: float
    status: int


def client_loop(address: str, pages: list[Path], offset: int, until_s: float) -> list[Asked]:
    """Ask for one page after the other until the time is over."""
    asked: list[Asked] = []
    with httpx.Client(base_url=address, timeout=PATIENCE_S, trust_env=False) as client:
        while time.perf_counter() < until_s:
            page = pages[(offset + len(asked)) % len(pages)]
            started = time.perf_counter()
            answer = client.post("/v1/digitize", files={"file": (page.name, page.read_bytes())})
            ended = time.perf_counter()
            asked.append(Asked(ended, ended - started, answer.status_code))
    return asked


def measured(address: str, pages: list[Path], clients: int, seconds: float) -> dict[str, Any]:
    """Throughput and waiting times of so many clients."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        loops = [
            pool.submit(client_loop, address, pages, number, started + seconds) for number in range(clients)
        ]
        asked = [one for loop in loops for one in loop.result()]
    good = [one for one in asked if one.status == httpx.codes.OK]
    took = [one.took_s for one in good]
    span = max(one.at_s for one in asked) - started
    return {
        "clients": clients,
        "pages": len(good),
        "failed": len(asked) - len(good),
        "pages_per_s": round(len(good) / span, 3),
        "p50_s": round(float(np.quantile(took, 0.5)), 3),
        "p95_s": round(float(np.quantile(took, 0.95)), 3),
    }


def peak_mb(process: subprocess.Popen[str]) -> float | None:
    """The most memory that the service has held (Linux)."""
    status = Path(f"/proc/{process.pid}/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return round(int(found[1]) / 1024, 1) if found else None


def started(options: list[str]) -> tuple[subprocess.Popen[str], str, list[str]]:
    """A service that is ready, its address, and what it said."""
    command = [sys.executable, "-m", "ecgdigit_rt", "serve", "--port", "0", "--timeout", "300", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    lines = iter(process.stderr.readline, "") if process.stderr else iter(())
    for line in lines:
        said.append(line.strip())
        if line.startswith("serving"):
            break
    threading.Thread(target=lambda: [None for _ in lines], daemon=True).start()
    address = said[-1].split()[1]
    while httpx.get(f"{address}health/ready", trust_env=False).status_code != httpx.codes.OK:
        time.sleep(READY_EVERY_S)
    return process, address, said[:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--options", default="", help="for `ecgdigit-rt serve`")
    parser.add_argument("--note", default="", help="what else the machine was doing")
    given = parser.parse_args()
    pages = given.pages or sorted(EXAMPLES.glob("*.jpg"))
    process, address, said = started(shlex.split(given.options))
    try:
        loads = [measured(address, pages, clients, given.seconds) for clients in given.clients]
        figures = {
            "service": said,
            "options": given.options,
            "pages": [page.name for page in pages],
            "note": given.note,
            "loads": loads,
            "peak_mb": peak_mb(process),
        }
    finally:
        process.terminate()
        process.wait()
    write_result(given.result, "serve_load", usable_cpus(), figures)


if __name__ == "__main__":
    main()
