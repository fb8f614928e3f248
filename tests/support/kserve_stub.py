"""Stub of a KServe server on the loopback interface, which sends prepared responses, valid or invalid."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from numpy.typing import NDArray

Header = dict[str, Any]
LENGTH_HEADER = "Inference-Header-Content-Length"
OUTPUT_NAMES = (
    "lead_names",
    "signals_mv",
    "windows_s",
    "rate_hz",
    "confidence",
    "expected_error_mv",
    "expected_db",
    "report",
)
"""Outputs that the C++ client requests."""


def response_parts(tensors: Mapping[str, NDArray[Any]]) -> tuple[Header, bytes]:
    """Return the JSON header and the bytes of all tensors, as Triton writes them."""
    outputs, data = [], b""
    for name, tensor in tensors.items():
        encoded = _bytes_from_tensor(tensor)
        datatype = "BYTES" if tensor.dtype == object else "FP32"
        size = {"binary_data_size": len(encoded)}
        outputs.append({"name": name, "datatype": datatype, "shape": list(tensor.shape), "parameters": size})
        data += encoded
    return {"model_name": "ecgdigit", "model_version": "1", "outputs": outputs}, data


def _bytes_from_tensor(tensor: NDArray[Any]) -> bytes:
    if tensor.dtype != object:
        return bytes(tensor.astype("<f4").tobytes())
    return b"".join(len(text).to_bytes(4, "little") + text for text in tensor.ravel().tolist())


@dataclass(frozen=True, slots=True)
class StubResponse:
    """Response of the stub. The connection is closed after the body.

    `body` is sent `times` times. `content_length` replaces the true length. `release` delays the response
    until the event is set.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    content_length: int | None = None
    times: int = 1
    release: threading.Event | None = None


def stub_response(header: Header | bytes, data: bytes, **headers: str) -> StubResponse:
    """Return a response with a JSON header followed by the tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return StubResponse(text + data, {LENGTH_HEADER: str(len(text)), **headers})


@dataclass
class KServeStub:
    """Running stub, with its URL, its next response and the last request."""

    url: str
    response: StubResponse = field(default_factory=StubResponse)
    path: str = ""
    request_body: bytes = b""
    header_length: int = 0


@contextmanager
def running_stub() -> Iterator[KServeStub]:
    """Run a stub until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            stub.path, stub.header_length = self.path, int(self.headers[LENGTH_HEADER])
            stub.request_body = self.rfile.read(int(self.headers["Content-Length"]))
            response = stub.response
            if response.release is not None:
                response.release.wait(60)
            self.close_connection = True
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            length = len(response.body) * response.times
            if response.content_length is not None:
                length = response.content_length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                for _ in range(response.times):
                    self.wfile.write(response.body)
            except OSError:
                pass  # the client has closed the connection

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 name in the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub = KServeStub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
