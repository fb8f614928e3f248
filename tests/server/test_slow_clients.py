"""Clients that send slowly or never do not stop the service, with a real server."""

from __future__ import annotations

import asyncio
import logging
import re
import resource
import socket
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from serving import EXAMPLES, TIMEOUT_S, Server, blank_page, running_server
from starlette.requests import Request
from starlette.types import Message

from ecgdigit_rt.errors import UploadStalled
from ecgdigit_rt.server import uploads
from ecgdigit_rt.server.connections import HEADER_S, connection_limits
from ecgdigit_rt.server.rare_log import RareLogFilter
from ecgdigit_rt.server.uploads import upload_from_request

ATTACKERS = 1200
MAX_CONNECTIONS = 256
SERVER_FILES = 1024
"""Maximum number of open files of the server: the usual default, and fewer than there are attackers."""

HEAD = "POST /v1/digitize HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@contextmanager
def open_files(soft: int) -> Iterator[None]:
    """Set the maximum number of open files of this process and of the processes that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server that requires a token."""
    with ExitStack() as stack:
        with open_files(SERVER_FILES):
            running = stack.enter_context(running_server("--host", "0.0.0.0", "--workers", "1"))
        yield running


def connection(server: Server, data: str) -> socket.socket:
    """Return a connection that has sent this beginning of a request."""
    host, port = server.address.removeprefix("http://").split(":")
    opened = socket.create_connection((host, int(port)), TIMEOUT_S)
    opened.sendall(data.encode())
    return opened


def wait_until_closed(opened: socket.socket) -> None:
    with suppress(ConnectionResetError):
        while opened.recv(65_536):
            pass


def open_connections(server: Server) -> int:
    """Return the number of open sockets of the server on its port."""
    port = f":{int(server.address.rsplit(':', 1)[1]):04X}"
    table = Path(f"/proc/{server.process.pid}/net/tcp").read_text(encoding="ascii")
    lines = [line.split() for line in table.splitlines()]
    return sum(line[1].endswith(port) and line[3] == "01" and line[9] != "0" for line in lines[1:])


@pytest.mark.skipif(sys.platform != "linux", reason="reads the connections from /proc")
def test_half_sent_requests_do_not_stop_the_service(server: Server) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2 * ATTACKERS:
        pytest.skip("the system allows too few open files")
    page = blank_page()
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        + page
        + b"\r\n--x--\r\n"
    )
    upload = HEAD + f"Authorization: Bearer {server.token}\r\nContent-Length: {len(form)}\r\n"
    log_before = len(server.log)
    with open_files(2 * ATTACKERS), ExitStack() as stack:
        admitted = stack.enter_context(
            connection(server, upload + "Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        )
        with server.client(server.token) as client:
            while "in_flight 1.0" not in client.get("/metrics").text:
                time.sleep(0.02)
        for _ in range(ATTACKERS):
            stack.enter_context(connection(server, HEAD))
        with server.client(server.token) as client:
            for _ in range(5):
                assert client.get("/health/live", timeout=HEADER_S / 2).status_code == 200
                assert client.get("/v1/about", timeout=HEADER_S / 2).status_code == 200
        assert open_connections(server) <= MAX_CONNECTIONS + 1
        admitted.sendall(form)
        assert b"422 Unprocessable" in admitted.recv(4096), "a request with a slot keeps its connection"
    assert len(server.log) - log_before < 10_000
    assert len(re.findall("closed connections because there were too many", server.log)) == 1


INCOMPLETE_REQUESTS = {
    "nothing": "",
    "header": HEAD,
    "body": "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n",
    "body without token": HEAD + "Content-Length: 100\r\n\r\nhalf",
    "second header": "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /health",
}


def test_incomplete_requests_are_closed(server: Server) -> None:
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(connection(server, data)) for name, data in INCOMPLETE_REQUESTS.items()
        }
        started = time.monotonic()
        for _ in range(3):  # a trickle does not extend the time limit
            time.sleep(1)
            for one in opened.values():
                one.sendall(b"x")
        for name, one in opened.items():
            one.settimeout(HEADER_S + 10)
            wait_until_closed(one)
            assert time.monotonic() - started < HEADER_S + 10, name


def test_ordinary_clients_keep_their_connection(server: Server) -> None:
    with server.client(server.token) as client:
        for _ in range(3):
            response = client.post("/v1/digitize", files={"file": ("a.png", blank_page())})
            assert response.status_code == 422
            assert response.headers.get("connection") != "close"
        path = EXAMPLES / "000001_colour_scan.jpg"
        assert client.post("/v1/digitize", files={"file": (path.name, path.read_bytes())}).status_code == 200


def test_a_paused_upload_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MAX_PAUSE_S", 0.05)

    async def messages() -> AsyncGenerator[Message, None]:
        yield {"type": "http.request", "body": b"--x\r\n", "more_body": True}
        await asyncio.sleep(60)

    received = messages()
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, received.__anext__)
    with pytest.raises(UploadStalled, match=r"0\.05 s"):
        asyncio.run(upload_from_request(request, 1000))


def test_limits_leave_file_descriptors() -> None:
    with open_files(SERVER_FILES):
        assert connection_limits(33, 60).connections == MAX_CONNECTIONS
        assert connection_limits(400, 60).connections == SERVER_FILES // 2
    with open_files(256):
        assert connection_limits(33, 60).connections == 128


def test_repeated_messages_are_logged_once_an_hour() -> None:
    now = 0.0
    rare = RareLogFilter(lambda: now)

    def logged(name: str, message: str, error: Exception | None = None) -> str | None:
        raised = None if error is None else (type(error), error, error.__traceback__)
        record = logging.LogRecord(name, logging.ERROR, "", 1, message, (), raised)
        return record.getMessage() if rare.filter(record) else None

    first = logged("asyncio", "out of files\nsocket 1", OSError("24"))
    assert first == "out of files\nsocket 1 (logged at most once an hour)"
    assert [logged("asyncio", f"out of files\nsocket {n}", OSError("24")) for n in range(1000)] == [
        None
    ] * 1000
    assert logged("asyncio", "out of files", ValueError()) is not None, "another error"
    assert logged("uvicorn.error", "out of files", OSError("24")) is not None, "another logger"
    assert [logged("ecgdigit_rt.server", "GET 200") for _ in range(3)] == ["GET 200"] * 3
    now = 3600.0
    repeated = logged("asyncio", "out of files", OSError("24"))
    assert repeated == "out of files, 1000 more since the last message (logged at most once an hour)"
    assert sum(logged("asyncio", f"message {n}") is not None for n in range(1000)) < 250
