"""A server on the loopback that answers every page with what it was told to, true or not."""

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
LENGTH = "Inference-Header-Content-Length"


def answer_parts(tensors: Mapping[str, NDArray[Any]]) -> tuple[Header, bytes]:
    """The JSON header, and all tensors' bytes, as Triton writes them."""
    outputs, data = [], b""
    for name, values in tensors.items():
        own = _bytes(values)
        datatype = "BYTES" if values.dtype == object else "FP32"
        size = {"binary_data_size": len(own)}
        outputs.append({"name": name, "datatype": datatype, "shape": list(values.shape), "parameters": size})
        data += own
    return {"model_name": "ecgdigit", "model_version": "1", "outputs": outputs}, data


def _bytes(values: NDArray[Any]) -> bytes:
    if values.dtype != object:
        return bytes(values.astype("<f4").tobytes())
    return b"".join(len(text).to_bytes(4, "little") + text for text in values.ravel().tolist())


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send. says: the length that HTTP states; the connection is closed behind the body."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    says: int | None = None
    times: int = 1
    waits: threading.Event | None = None


def reply(header: Header | bytes, data: bytes, **headers: str) -> Reply:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return Reply(text + data, {LENGTH: str(len(text)), **headers})


@dataclass
class Told:
    """An address, what it answers next, and what it was asked last."""

    url: str
    reply: Reply = field(default_factory=Reply)
    path: str = ""
    asked: bytes = b""
    header_length: int = 0


@contextmanager
def answering() -> Iterator[Told]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told.path, told.header_length = self.path, int(self.headers[LENGTH])
            told.asked = self.rfile.read(int(self.headers["Content-Length"]))
            reply = told.reply
            if reply.waits is not None:
                reply.waits.wait(60)
            self.close_connection = True
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = len(reply.body) * reply.times if reply.says is None else reply.says
            self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                for _ in range(reply.times):
                    self.wfile.write(reply.body)
            except OSError:
                pass  # the client has heard enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name in the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told = Told(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
