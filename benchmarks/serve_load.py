"""Throughput and response time of the service with 1, 4 and 16 clients.

    python benchmarks/serve_load.py RESULT.json [PAGE ...] [--seconds 20] [--clients 1 4 16]
        [--options "--workers 1"] [--attack 1000]

The script starts `ecgdigit-rt serve` as a process. Every client uses one persistent connection, and sends its
next page as soon as the previous response has arrived. With `--attack`, each load is repeated while
`slow_clients.py` holds this number of connections with incomplete requests.
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

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_rt.bench.provenance import write_result

EXAMPLES = Path(__file__).parent.parent / "examples"
TIMEOUT_S = 300.0
POLL_S = 0.2
NO_RESPONSE = 0
"""Status of a request whose connection was closed before the response."""
WARM_UP_S = 5.0
"""Time from the start of an attack to the first page, so that its connections are open."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response: the time of its arrival, its duration, and its status."""

    at_s: float
    duration_s: float
    status: int


def client_loop(address: str, pages: list[Path], offset: int, until_s: float) -> list[Response]:
    """Send one page after another until the end time."""
    responses: list[Response] = []
    with httpx.Client(base_url=address, timeout=TIMEOUT_S, trust_env=False) as client:
        while time.perf_counter() < until_s:
            page = pages[(offset + len(responses)) % len(pages)]
            started = time.perf_counter()
            try:
                status = client.post(
                    "/v1/digitize", files={"file": (page.name, page.read_bytes())}
                ).status_code
            except httpx.TransportError:
                status = NO_RESPONSE
            ended = time.perf_counter()
            responses.append(Response(ended, ended - started, status))
    return responses


def measure(address: str, pages: list[Path], clients: int, seconds: float) -> dict[str, Any]:
    """Measure throughput and response times with this number of clients."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        loops = [
            pool.submit(client_loop, address, pages, number, started + seconds) for number in range(clients)
        ]
        responses = [response for loop in loops for response in loop.result()]
    good = [response for response in responses if response.status == httpx.codes.OK]
    durations = [response.duration_s for response in good]
    span = max(response.at_s for response in responses) - started
    return {
        "clients": clients,
        "pages": len(good),
        "failed": len(responses) - len(good),
        "pages_per_s": round(len(good) / span, 3),
        "p50_s": round(float(np.quantile(durations, 0.5)), 3),
        "p95_s": round(float(np.quantile(durations, 0.95)), 3),
    }


def measure_during_attack(
    address: str, pages: list[Path], clients: int, seconds: float, connections: int
) -> dict[str, Any]:
    """Measure as `measure` does, while other clients send incomplete requests."""
    script = Path(__file__).with_name("slow_clients.py")
    options = ["--connections", str(connections), "--interval", str(WARM_UP_S)]
    command = [sys.executable, str(script), address, *options, "--seconds", str(seconds + WARM_UP_S)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attack:
        time.sleep(WARM_UP_S)
        load = measure(address, pages, clients, seconds)
        output, _ = attack.communicate()
    return {**load, "attack_connections": connections, "attack_connections_opened": int(output)}


def peak_mb(process: subprocess.Popen[str]) -> float | None:
    """Return the peak memory of the service, or None on systems other than Linux."""
    status = Path(f"/proc/{process.pid}/status")
    match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return round(int(match[1]) / 1024, 1) if match else None


def start_service(options: list[str]) -> tuple[subprocess.Popen[str], str, list[str]]:
    """Start a service and wait until it is ready. Return the process, its URL and its first log lines."""
    command = [sys.executable, "-m", "ecgdigit_rt", "serve", "--port", "0", "--timeout", "300", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    lines = iter(process.stderr.readline, "") if process.stderr else iter(())
    for line in lines:
        log.append(line.strip())
        if line.startswith("serving"):
            break
    threading.Thread(target=lambda: [None for _ in lines], daemon=True).start()
    address = log[-1].split()[1]
    while httpx.get(f"{address}health/ready", trust_env=False).status_code != httpx.codes.OK:
        time.sleep(POLL_S)
    return process, address, log[:-1]


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--options", default="", help="options of `ecgdigit-rt serve`")
    parser.add_argument("--attack", type=int, help="number of connections with incomplete requests")
    parser.add_argument("--note", default="", help="other load of the machine, for the result")
    arguments = parser.parse_args()
    pages = arguments.pages or sorted(EXAMPLES.glob("*.jpg"))
    process, address, log = start_service(shlex.split(arguments.options))
    try:
        loads = [measure(address, pages, clients, arguments.seconds) for clients in arguments.clients]
        attacked = [
            measure_during_attack(address, pages, clients, arguments.seconds, arguments.attack)
            for clients in (arguments.clients if arguments.attack else ())
        ]
        figures = {
            "service": log,
            "options": arguments.options,
            "pages": [page.name for page in pages],
            "note": arguments.note,
            "seconds": arguments.seconds,
            "loads": loads,
            "loads_during_attack": attacked,
            "p95_ratios": [
                round(during["p95_s"] / quiet["p95_s"], 3)
                for quiet, during in zip(loads, attacked, strict=False)
            ],
            "peak_mb": peak_mb(process),
        }
    finally:
        process.terminate()
        process.wait()
    write_result(arguments.result, "serve_load", usable_cpus(), figures)


if __name__ == "__main__":
    main()
