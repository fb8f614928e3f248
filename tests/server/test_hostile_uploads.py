"""Uploads that exhaust memory or time affect only their request, with a real server."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import bombs
import cv2
import psutil
import pytest
from serving import EXAMPLES, Server, blank_page, running_server

from ecgdigit_rt.decode.limits import MAX_PIXELS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory")

TIMEOUT_S = 20.0
DECODER_MB = 2300
"""Limit of a decoding process: 2 GB for the page, and the process itself with less than 200 MB."""
SERVICE_GROWTH_MB = 150
"""Maximum growth of the service itself while a decoding process fails. The upload has up to 3 MB."""

LARGEST_PAGE_MB = 1600
"""Maximum growth of the service for a page of 150 megapixels. Measured are 1350 MB."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("--workers", "1", "--timeout", f"{TIMEOUT_S:g}") as running:
        yield running


@contextmanager
def watched_memory(server: Server) -> Iterator[dict[str, float]]:
    """Yield the peak memory in MB of the service and of its decoding processes, filled in at the end."""
    service, peaks, done = psutil.Process(server.process.pid), {"service": 0.0, "decoder": 0.0}, False

    def watch() -> None:
        while not done:
            try:
                decoders = [child.memory_info().rss for child in service.children()]
                peaks["service"] = max(peaks["service"], service.memory_info().rss / 1e6)
                peaks["decoder"] = max(peaks["decoder"], max(decoders, default=0) / 1e6)
            except psutil.NoSuchProcess:  # a decoding process has ended between two lines
                pass
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        done = True
        watcher.join()


@pytest.mark.parametrize(
    ("name", "error_id"),
    [("rgba.png", "E-PAGE-05"), ("content.pdf", "E-PAGE-03"), ("spaces.pdf", "E-PAGE-03")],
)
def test_the_memory_of_a_hostile_upload_is_limited(server: Server, name: str, error_id: str) -> None:
    files = {
        "rgba.png": lambda: bombs.deep_png(12_000, 16, 6),
        "content.pdf": lambda: bombs.content_pdf(b"0 0 m 9 9 l S ", 800),
        "spaces.pdf": lambda: bombs.content_pdf(b" ", 2000),
    }
    before = psutil.Process(server.process.pid).memory_info().rss / 1e6
    with server.client() as client, watched_memory(server) as peaks:
        response = client.post("/v1/digitize", files={"file": (name, files[name]())})
    assert (response.status_code, response.json()["error_id"]) == (422, error_id)
    assert peaks["decoder"] < DECODER_MB
    assert peaks["service"] < before + SERVICE_GROWTH_MB
    with server.client() as client, watched_memory(server) as peaks:
        response = client.post("/v1/digitize", files={"file": ("white.png", blank_page())})
    assert response.status_code == 422 and response.json()["error_id"] != error_id
    assert peaks["decoder"] < 200, "the memory of the hostile upload is free again"


def test_the_worker_of_an_endless_upload_is_free_after_the_time_limit(server: Server) -> None:
    with server.client() as client:
        response = client.post("/v1/digitize", files={"file": ("endless.pdf", bombs.endless_pdf())})
        assert (response.status_code, response.json()["error_id"]) == (504, "E-SERVE-04")
        started = time.monotonic()
        response = client.post("/v1/digitize", files={"file": ("white.png", blank_page())})
    assert response.status_code == 422
    assert time.monotonic() - started < TIMEOUT_S


def test_an_endless_upload_does_not_delay_the_stop() -> None:
    with running_server("--timeout", "4") as server, server.client() as client:
        sender = threading.Thread(
            target=client.post,
            args=("/v1/digitize",),
            kwargs={"files": {"file": ("a.pdf", bombs.endless_pdf())}},
        )
        sender.start()
        with server.client() as other:
            while "in_flight 1.0" not in other.get("/metrics").text:
                time.sleep(0.05)
        children = psutil.Process(server.process.pid).children(recursive=True)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 5 + 4
        sender.join()
    assert not psutil.wait_procs(children, timeout=10)[1], "no decoding process is left behind"


@pytest.mark.slow
def test_memory_of_the_largest_page(server: Server) -> None:
    page = cv2.imread(str(EXAMPLES / "000001_colour_scan.jpg"))
    assert page is not None
    scale = math.sqrt(0.99 * MAX_PIXELS / (page.shape[0] * page.shape[1]))
    large = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(".jpg", large)[1].tobytes()
    del large
    before = psutil.Process(server.process.pid).memory_info().rss / 1e6
    with server.client() as client, watched_memory(server) as peaks:
        response = client.post("/v1/digitize", files={"file": ("large.jpg", data)}, params={"speed": 25})
    assert response.status_code in (200, 504)
    assert peaks["decoder"] < DECODER_MB
    assert peaks["service"] < before + LARGEST_PAGE_MB
