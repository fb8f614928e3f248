"""Access control, limits and shutdown of the service, with real servers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serving import EXAMPLES, TIMEOUT_S, Server, blank_page, running_server, upload_form

PAGE = EXAMPLES / "000001_colour_scan.jpg"
SECRET = "Jane-Doe-1961"


@pytest.fixture(scope="module")
def limited_server() -> Iterator[Server]:
    """Run a server with a token, two slots, a short time limit and a small upload limit."""
    options = ("--workers", "1", "--queue", "1", "--timeout", "6", "--max-upload-mb", "1")
    with running_server("--host", "0.0.0.0", *options) as running:
        yield running


def stalled_upload(server: Server, token: str) -> socket.socket:
    """Return a connection that has sent the beginning of a page and sends no more."""
    host, port = server.address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), TIMEOUT_S)
    headers = [
        "POST /v1/digitize HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Content-Length: 900",
    ]
    headers.append("Content-Type: multipart/form-data; boundary=x")
    connection.sendall("\r\n".join([*headers, "", "--x\r\n"]).encode())
    return connection


def wait_for_in_flight(client: httpx.Client, count: int) -> bool:
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        if f"ecgdigit_requests_in_flight {count}.0\n" in client.get("/metrics").text:
            return True
        time.sleep(0.05)
    return False


def test_a_generated_token_is_printed_once_and_required(limited_server: Server) -> None:
    token = limited_server.token
    assert len(token) >= 32
    assert limited_server.wait_for("open     (.*)").endswith(f"/#token={token}")
    with limited_server.client() as client:
        assert client.get("/").status_code == client.get("/health/ready").status_code == 200
        for path in ("/v1/about", "/metrics"):
            for value in (None, "Bearer", f"Bearer {token}x", f"Basic {token}", "Bearer \x7f"):
                headers = {} if value is None else {"authorization": value}
                response = client.get(path, headers=headers)
                assert (response.status_code, response.json()["error_id"]) == (401, "E-SERVE-05")
                assert response.headers["www-authenticate"] == "Bearer"
        assert client.post("/v1/digitize", files=upload_form(PAGE)).status_code == 401
        assert client.get("/v1/about", params={"token": token}).status_code == 401
    with limited_server.client(token) as client:
        assert client.get("/v1/about").status_code == 200
    assert limited_server.log.count(token) == 2


def test_limits_on_size_queue_and_time(limited_server: Server) -> None:
    token = limited_server.token
    with limited_server.client(token) as client:
        large = {"file": ("large.png", bytes(3_000_000))}
        response = client.post("/v1/digitize", files=large)
        assert (response.status_code, response.json()["error_id"]) == (413, "E-SERVE-02")

        def chunks() -> Iterator[bytes]:  # without Content-Length
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            yield from (bytes(100_000) for _ in range(20))

        kind = {"content-type": "multipart/form-data; boundary=x"}
        response = client.post("/v1/digitize", content=chunks(), headers=kind)
        assert (response.status_code, response.json()["error_id"]) == (413, "E-SERVE-02")

        stalled = stalled_upload(limited_server, token), stalled_upload(limited_server, token)
        assert wait_for_in_flight(client, 2)
        response = client.post("/v1/digitize", files={"file": ("white.png", blank_page())})
        assert (response.status_code, response.json()["error_id"]) == (503, "E-SERVE-03")
        assert int(response.headers["retry-after"]) > 0
        assert client.get("/health/ready").status_code == 503
        stalled[0].close()  # a disconnected client releases its slot
        assert wait_for_in_flight(client, 1)
        assert client.post("/v1/digitize", files={"file": ("white.png", blank_page())}).status_code == 422
        with stalled[1]:
            assert b"504 Gateway Timeout" in stalled[1].recv(4096)
        assert wait_for_in_flight(client, 0)


def test_disconnected_clients_release_their_slots(limited_server: Server) -> None:
    token = limited_server.token
    with limited_server.client(token) as client:
        hasty_client = limited_server.client(token)
        with pytest.raises(httpx.ReadTimeout):
            hasty_client.post("/v1/digitize", files=upload_form(PAGE), timeout=0.15)
        hasty_client.close()
        with (
            limited_server.client(token) as other,
            other.stream("POST", "/v1/digitize/stream", files=upload_form(PAGE)) as response,
        ):
            assert response.status_code == 200  # the client then disconnects
        assert wait_for_in_flight(client, 0)
        assert 'outcome="cancelled"' in client.get("/metrics").text


def test_pages_in_progress_are_finished_on_shutdown() -> None:
    with running_server("--timeout", "200", "--token", SECRET) as server, server.client(SECRET) as client:
        assert client.get("/metrics", headers={"authorization": ""}).status_code == 401
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(client.post, "/v1/digitize", files=upload_form(PAGE))
            with server.client(SECRET) as other:
                assert wait_for_in_flight(other, 1)
            assert server.stop() == 0
            assert pending.result().status_code == 200
    assert server.lines[-1] == "stopped"
    assert SECRET not in server.log, "a specified token is not printed"


def test_an_address_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = [sys.executable, "-m", "ecgdigit_rt", "serve", "--port", str(other.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "[E-SERVE-07]" in done.stderr
