"""Malformed responses and rejections from a stub, received by the C++ client, built with sanitizers."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpp_build import Completed, run_client
from kserve_stub import (
    LENGTH_HEADER,
    OUTPUT_NAMES,
    Header,
    KServeStub,
    StubResponse,
    response_parts,
    stub_response,
)
from numpy.typing import NDArray

from ecgdigit_rt import Digitized
from ecgdigit_rt.triton.ports import outputs_from_results

pytestmark = pytest.mark.slow  # the build takes half a minute

PAGE = min((Path(__file__).parents[2] / "examples").glob("*.jpg"))


def output(header: Header, name: str) -> dict[str, Any]:
    return next(entry for entry in header["outputs"] if entry["name"] == name)


def set_shape(name: str, shape: list[Any]) -> Callable[[Header], None]:
    return lambda header: output(header, name).update(shape=shape)


def set_size(name: str, size: object) -> Callable[[Header], None]:
    return lambda header: output(header, name)["parameters"].update(binary_data_size=size)


def move_bytes(header: Header) -> None:
    for name, change in (("lead_names", 4), ("signals_mv", -4)):
        output(header, name)["parameters"]["binary_data_size"] += change


HEADER_CHANGES: dict[str, tuple[Callable[[Header], object], str]] = {
    "a size too large": (set_size("report", 10**7), "the body ends inside report"),
    "a size beyond 64 bit": (set_size("report", 2**64), "a size is not a whole number"),
    "a size near 64 bit": (set_size("lead_names", 2**64 - 1), "the body ends inside lead_names"),
    "a negative size": (set_size("signals_mv", -4), "a size is not a whole number"),
    "a size that is a string": (set_size("signals_mv", "4"), "a size is not a whole number"),
    "a size too small": (set_size("lead_names", 8), "longer than the header declares"),
    "bytes moved to another output": (move_bytes, "the size of signals_mv does not match"),
    "a shape too large": (set_shape("signals_mv", [1, 12, 10**6]), "does not match its shape"),
    "a shape that overflows": (set_shape("signals_mv", [1, 2**40, 2**40]), "a shape is too large"),
    "a shape that wraps around to its bytes": (
        set_shape("signals_mv", [1, 2**62, 4]),
        "a shape is too large",
    ),
    "a shape with a zero": (set_shape("signals_mv", [1, 0, 2**63]), "does not match its shape"),
    "a shape of fractions": (set_shape("signals_mv", [1, 12, 2.5]), "a size is not a whole number"),
    "two axes": (set_shape("signals_mv", [12, 5000]), "does not have 3 axes"),
    "two pages": (set_shape("rate_hz", [2, 1]), "shape of rate_hz"),
    "too few names": (set_shape("lead_names", [1, 11]), "shape of lead_names"),
    "another type": (lambda header: output(header, "signals_mv").update(datatype="FP16"), "has type FP16"),
    "strings as numbers": (lambda header: output(header, "report").update(datatype="FP32"), "has type FP32"),
    "no type": (lambda header: output(header, "report").pop("datatype"), "no datatype"),
    "no name": (lambda header: output(header, "report").update(name=7), "no name"),
    "no shape": (lambda header: output(header, "report").pop("shape"), "no shape"),
    "no binary data": (lambda header: output(header, "report").pop("parameters"), "not sent as binary data"),
    "a missing output": (lambda header: header["outputs"].pop(), "longer than the header declares"),
    "a repeated output": (
        lambda header: output(header, "confidence").update(name="windows_s"),
        "occurs twice",
    ),
    "an output that is not an object": (lambda header: header["outputs"].append([]), "no name"),
    "outputs that are not a list": (lambda header: header.update(outputs={"name": 1}), "lists no outputs"),
}


@pytest.mark.parametrize("case", HEADER_CHANGES)
def test_malformed_headers_are_rejected(
    case: str, built: Path, stub: KServeStub, parts: tuple[Header, bytes]
) -> None:
    change, reason = HEADER_CHANGES[case]
    header = json.loads(json.dumps(parts[0]))
    change(header)
    stub.response = stub_response(header, parts[1])
    assert_malformed(run_client(built, stub.url, PAGE), reason)


def assert_malformed(completed: Completed, reason: str) -> None:
    assert (completed.code, completed.out) == (3, "")
    assert completed.err.startswith("error    The response cannot be used: ")
    assert "[E-CLIENT-03]" in completed.err
    assert reason in completed.err


Change = Callable[[dict[str, NDArray[Any]]], object]


def put(name: str, index: tuple[int, ...], value: object) -> Change:
    return lambda tensors: tensors[name].__setitem__(index, value)


VALUE_CHANGES: dict[str, tuple[Change, str]] = {
    "an unknown lead": (put("lead_names", (0, 0), b"I,II\n"), "unknown name"),
    "a repeated lead": (put("lead_names", (0, 0), b"II"), "lead II occurs twice"),
    "an infinite sample": (put("signals_mv", (0, 1, 300), np.inf), "samples that are not finite"),
    "a gap": (put("signals_mv", (0, 1, 300), np.nan), "samples that are not finite"),
    "no samples": (put("signals_mv", (0, 1), np.nan), "has no samples"),
    "another window": (put("windows_s", (0, 0, 0), 1.5), "does not start at its window"),
    "no window": (put("windows_s", (0, 0, 0), np.nan), "does not start at its window"),
    "an endless window": (put("windows_s", (0, 0, 0), -np.inf), "does not start at its window"),
    "a window that ends first": (put("windows_s", (0, 0, 1), -1), "does not start at its window"),
    "a rate of zero": (put("rate_hz", (0, 0), 0), "the sampling rate is not a positive number"),
    "an infinite rate": (put("rate_hz", (0, 0), np.inf), "the sampling rate is not a positive number"),
    "a huge rate": (put("rate_hz", (0, 0), 1e30), "the sampling rate is too high"),
    "a report that is not JSON": (put("report", (0, 0), b"[" * 200_000), "does not list the missing leads"),
    "a report of numbers": (put("report", (0, 0), b'{"missing": [1]}'), "not a string"),
}


@pytest.mark.parametrize("case", VALUE_CHANGES)
def test_impossible_values_are_rejected(
    case: str, built: Path, stub: KServeStub, local_results: dict[str, Digitized]
) -> None:
    change, reason = VALUE_CHANGES[case]
    tensors = outputs_from_results([local_results[PAGE.name]], OUTPUT_NAMES)
    change(tensors)
    stub.response = stub_response(*response_parts(tensors))
    assert_malformed(run_client(built, stub.url, PAGE), reason)


@pytest.mark.parametrize(
    ("body", "length", "reason"),
    [
        (b"", "0", "not JSON"),
        (b"{", "1", "not JSON"),
        (b"\xff\xfe{}", "4", "not JSON"),
        (b"[" * 300_000, "300000", "not JSON"),
        (b"[]", "2", "lists no outputs"),
        (b'{"outputs": 3}', "14", "lists no outputs"),
        (b"{}", "99999999", "the header is longer than the body"),
        (b"{}", "18446744073709551615", "the header is longer than the body"),
        (b"{}", "18446744073709551618", "not a number"),
        (b"{}", "-2", "not a number"),
        (b"{}", "2 or so", "not a number"),
        (b"{}", "9" * 5000, "Inference-Header-Content-Length is missing"),
        (b"{}", "", "Inference-Header-Content-Length is missing"),
        (b'{"outputs": []}', "15", "output signals_mv is missing"),
    ],
)
def test_malformed_bodies_are_rejected(
    body: bytes, length: str, reason: str, built: Path, stub: KServeStub
) -> None:
    stub.response = StubResponse(body, {LENGTH_HEADER: length})
    assert_malformed(run_client(built, stub.url, PAGE), reason)


@pytest.mark.parametrize(
    "answer", [b"garbage\r\n", b"\0" * 5000, b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/9.9 x\r\n\r\n"]
)
def test_answers_that_are_not_http_are_rejected(built: Path, answer: bytes) -> None:
    """The server is at fault, and not the URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        completed = run_client(built, f"http://127.0.0.1:{server.server_address[1]}", PAGE)
        server.shutdown()
        thread.join()
    assert_malformed(completed, "")


def test_an_invalid_url_is_the_fault_of_the_caller(built: Path) -> None:
    completed = run_client(built, "ftp://localhost", PAGE)
    assert (completed.code, "[E-CLIENT-05]" in completed.err) == (1, True)


@pytest.mark.parametrize("received", [0, 100, 1500, 60_000])
def test_truncated_responses_are_rejected(
    received: int, built: Path, stub: KServeStub, parts: tuple[Header, bytes]
) -> None:
    """Truncate the body, with the Content-Length of the whole body and with its own."""
    whole = stub_response(*parts)
    for content_length in (len(whole.body), None):
        stub.response = StubResponse(whole.body[:received], whole.headers, content_length=content_length)
        assert_malformed(run_client(built, stub.url, PAGE), "")


def test_strings_longer_than_their_bytes_are_rejected(
    built: Path, stub: KServeStub, parts: tuple[Header, bytes]
) -> None:
    header, data = parts
    for length in (2**32 - 1, 2**31, 200):
        stub.response = stub_response(header, length.to_bytes(4, "little") + data[4:])
        assert_malformed(run_client(built, stub.url, PAGE), "lead_names")


def test_responses_that_are_too_large_are_aborted(built: Path, stub: KServeStub) -> None:
    stub.response = StubResponse(b"x" * 2**20, {LENGTH_HEADER: "2"}, times=100)
    assert_malformed(run_client(built, stub.url, PAGE), "larger than 64 MB")


def test_responses_with_random_changes(built: Path, stub: KServeStub, parts: tuple[Header, bytes]) -> None:
    """Every failure must be a known error. `cpp_build.run` raises if a sanitizer reports an error."""
    rng = np.random.default_rng(7)
    whole = stub_response(*parts)
    header_length = int(whole.headers[LENGTH_HEADER])
    for round_ in range(30):
        body = np.frombuffer(whole.body, np.uint8).copy()
        limit = header_length if round_ % 2 else header_length + 200
        for index in rng.integers(0, limit, 1 + round_ % 3):
            body[index] = rng.integers(0, 256)
        stub.response = StubResponse(body.tobytes(), whole.headers)
        completed = run_client(built, stub.url, PAGE)
        assert completed.code == 0 or "[E-CLIENT-03]" in completed.err, completed.err


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (
            400,
            b'{"error": "E-GRID-01 no grid found in x. Send more."}',
            2,
            f"failed   {PAGE}   no grid found in x. Send",
        ),
        (500, b'{"error": "E-DEVICE-02 a worker died. Start again."}', 3, "[E-DEVICE-02]"),
        (
            503,
            b'{"error": "Exceeds maximum queue size"}',
            3,
            "The server rejected the request: Exceeds maximum queue size",
        ),
        (404, b'{"error": 7}', 3, "HTTP status 404"),
        (502, b"<html>Bad gateway</html>", 3, "HTTP status 502   [E-CLIENT-04]"),
        (302, b"", 3, "HTTP status 302   [E-CLIENT-04]"),
        (400, b'{"error": "\\u001b[2J\\u202e gone\\n"}', 3, "\\x1b[2J\\xe2\\x80\\xae gone\\x0a"),
    ],
)
def test_rejections_are_reported(
    status: int, body: bytes, code: int, message: str, built: Path, stub: KServeStub
) -> None:
    stub.response = StubResponse(body, {"Location": "file:///etc/passwd"}, status)
    completed = run_client(built, stub.url, PAGE)
    assert (completed.code, completed.out) == (code, "")
    assert message in completed.err
    assert len(completed.err.splitlines()) <= 2
    assert "\x1b" not in completed.err
