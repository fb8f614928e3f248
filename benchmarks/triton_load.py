"""How many pages a second a Triton server reads, and how long a client waits, under load.

    python benchmarks/triton_load.py RESULT.json PAGE... [--grpc ADDRESS] [--clients 1 4 16] [--requests 16]

Every client sends one page after another over gRPC, each page on a connection of its own client. Without
--grpc a server is started here (see `triton_server.py`), once with one instance of `ecgdigit` on all threads,
and once with an instance per CPU on one thread each. The same pages are read in this process, too:
--requests of them in a row, for the speed that a server can reach at most, and each for its signals, which
must not differ. `load_average` tells what else the machine was doing when a server's turn began.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import triton_server
import tritonclient.grpc as grpc
from numpy.typing import NDArray

from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.formats.signal_table import signal_table
from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

WANTED = ("lead_names", "signals_mv", "windows_s", "expected_error_mv", "expected_db")


def request(image: bytes) -> grpc.InferInput:
    tensor = grpc.InferInput("image", [1, 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[image]], object))
    return tensor


def answer(client: grpc.InferenceServerClient, image: bytes) -> NDArray[np.float32]:
    outputs = [grpc.InferRequestedOutput(name) for name in WANTED]
    found = client.infer("ecgdigit", [request(image)], outputs=outputs).as_numpy("signals_mv")
    return np.asarray(found[0], np.float32)


def load(address: str, images: Sequence[bytes], clients: int, requests: int) -> dict[str, float]:
    """Throughput and waiting time with so many clients, each sending requests / clients pages."""
    each = max(2, requests // clients)

    def one(number: int) -> list[float]:
        waits = []
        with grpc.InferenceServerClient(address) as client:
            for image in itertools.islice(itertools.cycle(images), number, number + each):
                started = time.perf_counter()
                answer(client, image)
                waits.append(time.perf_counter() - started)
        return waits

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        waits = [wait for found in pool.map(one, range(clients)) for wait in found]
    seconds = time.perf_counter() - started
    return {
        "pages": len(waits),
        "pages_per_s": round(len(waits) / seconds, 3),
        "p50_s": round(float(np.percentile(waits, 50)), 3),
        "p95_s": round(float(np.percentile(waits, 95)), 3),
    }


def measured(address: str, pages: Sequence[Path], clients: Sequence[int], requests: int) -> dict[str, Any]:
    images = [page.read_bytes() for page in pages]
    digitizer, busy = Digitizer(), os.getloadavg()[0]
    largest = 0.0
    with grpc.InferenceServerClient(address) as client:
        for page, image in zip(pages, images, strict=True):  # this warms the server up, too
            here = signal_table(digitizer.digitize(page)).T
            found = answer(client, image)
            largest = max(largest, float(np.nanmax(np.abs(found - here))))
    row = list(itertools.islice(itertools.cycle(pages), requests))
    started = time.perf_counter()
    read = sum(isinstance(one, Digitized) for one in digitizer.digitize_many(row))
    return {
        "load_average": round(busy, 1),
        "largest_difference_mv": largest,
        "networks": digitizer.device,
        "in_this_process_pages_per_s": round(read / (time.perf_counter() - started), 3),
        "by_clients": {str(count): load(address, images, count, requests) for count in clients},
    }


@contextmanager
def served(order: RepositoryRequest) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_repository(order, work / "models")
        with triton_server.serving(work / "models", work, ["ecgdigit"]) as server:
            yield server.grpc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--grpc")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--requests", type=int, default=16)
    given = parser.parse_args()
    told = given.pages, given.clients, given.requests
    figures: dict[str, Any] = {}
    if given.grpc:
        figures["given server"] = measured(given.grpc, *told)
    else:
        with tempfile.TemporaryDirectory() as folder:
            place = str(triton_server.environment(Path(folder) / "environment"))
            for instances in sorted({1, usable_cpus()}):
                order = RepositoryRequest(instances=instances, environment=place)
                name = f"{instances} x {usable_cpus() // instances} threads"
                with served(order) as address:
                    figures[name] = measured(address, *told)
    write_result(given.result, "triton_load", usable_cpus(), figures)


if __name__ == "__main__":
    main()
