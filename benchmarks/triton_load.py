"""Throughput and response time of a Triton server under load.

    python benchmarks/triton_load.py RESULT.json PAGE... [--grpc ADDRESS] [--clients 1 4 16] [--requests 16]
        [--soak 300]

Every client sends one page after another over a separate gRPC connection. Without --grpc a server is started
here (see `triton_server.py`), once with one instance of `ecgdigit` on all threads, and once with an instance
per CPU on one thread each. The same pages are also digitized in this process: each page once, to compare the
signals, and then --requests pages in a row, to measure the maximum speed that a server can reach.
`load_average` is the load of the machine before the measurement of a server. With --soak, the resident memory
of the process of each instance is also sampled while the largest number of clients sends pages for this time,
in seconds. This needs a server that is started here.
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
import psutil
import triton_server
import tritonclient.grpc as grpc
from numpy.typing import NDArray

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.formats.signal_table import signal_table
from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

SAMPLE_S = 10.0
OUTPUTS = ("lead_names", "signals_mv", "windows_s", "expected_error_mv", "expected_db")


def image_input(image: bytes) -> grpc.InferInput:
    """Return the input tensor of one image file."""
    tensor = grpc.InferInput("image", [1, 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[image]], object))
    return tensor


def infer(client: grpc.InferenceServerClient, image: bytes) -> NDArray[np.float32]:
    """Return the signals of one image in mV, (leads, samples)."""
    outputs = [grpc.InferRequestedOutput(name) for name in OUTPUTS]
    signals = client.infer("ecgdigit", [image_input(image)], outputs=outputs).as_numpy("signals_mv")
    return np.asarray(signals[0], np.float32)


def measure_load(address: str, images: Sequence[bytes], clients: int, requests: int) -> dict[str, float]:
    """Measure throughput and response times with `clients` clients, each sending requests / clients pages."""
    requests_per_client = max(2, requests // clients)

    def run_client(number: int) -> list[float]:
        durations = []
        with grpc.InferenceServerClient(address) as client:
            for image in itertools.islice(itertools.cycle(images), number, number + requests_per_client):
                started = time.perf_counter()
                infer(client, image)
                durations.append(time.perf_counter() - started)
        return durations

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        durations = list(itertools.chain.from_iterable(pool.map(run_client, range(clients))))
    seconds = time.perf_counter() - started
    return {
        "pages": len(durations),
        "pages_per_s": round(len(durations) / seconds, 3),
        "p50_s": round(float(np.percentile(durations, 50)), 3),
        "p95_s": round(float(np.percentile(durations, 95)), 3),
    }


def measure(address: str, pages: Sequence[Path], clients: Sequence[int], requests: int) -> dict[str, Any]:
    """Compare the signals of a server with those of this process, and measure the speed of both."""
    images = [page.read_bytes() for page in pages]
    digitizer, load_average = Digitizer(), os.getloadavg()[0]
    max_difference = 0.0
    with grpc.InferenceServerClient(address) as client:
        for page, image in zip(pages, images, strict=True):  # also the warm-up of the server
            local = signal_table(digitizer.digitize(page)).T
            signals = infer(client, image)
            max_difference = max(max_difference, float(np.nanmax(np.abs(signals - local))))
    repeated = list(itertools.islice(itertools.cycle(pages), requests))
    started = time.perf_counter()
    digitized = sum(isinstance(result, Digitized) for result in digitizer.digitize_many(repeated))
    return {
        "load_average": round(load_average, 1),
        "largest_difference_mv": max_difference,
        "networks": digitizer.device,
        "in_this_process_pages_per_s": round(digitized / (time.perf_counter() - started), 3),
        "by_clients": {str(count): measure_load(address, images, count, requests) for count in clients},
    }


def soak(
    server: triton_server.Server, images: Sequence[bytes], clients: int, seconds: float
) -> dict[str, Any]:
    """Sample the resident memory of the instances in MB while clients send pages for this time."""
    backends = psutil.Process(server.process.pid).children(recursive=True)
    end = time.perf_counter() + seconds

    def run_client(number: int) -> int:
        pages = 0
        with grpc.InferenceServerClient(server.grpc) as client:
            while time.perf_counter() < end:
                infer(client, images[(number + pages) % len(images)])
                pages += 1
        return pages

    def memory_mb() -> list[int]:
        return [round(backend.memory_info().rss / 1e6) for backend in backends]

    samples = [memory_mb()]
    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(run_client, number) for number in range(clients)]
        while time.perf_counter() < end:
            time.sleep(SAMPLE_S)
            samples.append(memory_mb())
        pages = sum(client.result() for client in running)
    figures = {"clients": clients, "seconds": seconds, "pages": pages, "sample_s": SAMPLE_S}
    return {**figures, "resident_mb": samples, "resident_mb_afterwards": memory_mb()}


@contextmanager
def serve_repository(repository: RepositoryRequest) -> Iterator[triton_server.Server]:
    """Serve a model repository inside the block."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_repository(repository, work / "models")
        with triton_server.serve(work / "models", work, ["ecgdigit"]) as server:
            yield server


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--grpc")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--soak", type=float, help="seconds in which the memory is sampled")
    arguments = parser.parse_args()
    load = arguments.pages, arguments.clients, arguments.requests
    figures: dict[str, Any] = {}
    if arguments.grpc:
        figures["given server"] = measure(arguments.grpc, *load)
    else:
        with tempfile.TemporaryDirectory() as folder:
            environment = str(triton_server.create_environment(Path(folder) / "environment"))
            for instances in sorted({1, usable_cpus()}):
                repository = RepositoryRequest(instances=instances, environment=environment)
                name = f"{instances} x {usable_cpus() // instances} threads"
                with serve_repository(repository) as server:
                    figures[name] = measure(server.grpc, *load)
                    if arguments.soak:
                        images = [page.read_bytes() for page in arguments.pages]
                        figures[name]["soak"] = soak(server, images, max(arguments.clients), arguments.soak)
    write_result(arguments.result, "triton_load", usable_cpus(), figures)


if __name__ == "__main__":
    main()
