"""The C++ client with a real server and a stub, and the OpenVINO example; built with sanitizers."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cpp_build
import numpy as np
import pytest
import triton_server
from cpp_build import Completed
from kserve_stub import (
    LENGTH_HEADER,
    Header,
    KServeStub,
    StubResponse,
    response_parts,
    running_stub,
    stub_response,
)
from numpy.typing import NDArray

from ecgdigit_engine.backends.backend import ExecutionOptions
from ecgdigit_engine.backends.openvino import OpenVinoRunner
from ecgdigit_engine.device import CPU
from ecgdigit_rt import Digitized
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.models import load_models
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.triton.ports import outputs_from_results

pytestmark = pytest.mark.slow  # the build takes half a minute

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "examples").glob("*.jpg"))
PAGE = PAGES[0]
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
UNAVAILABLE = cpp_build.unavailable_reason()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if UNAVAILABLE:
        pytest.skip(UNAVAILABLE)
    folder = tmp_path_factory.mktemp("cpp")
    cpp_build.build(folder)
    return folder


@pytest.fixture(scope="session")
def stub() -> Iterator[KServeStub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="session")
def parts(local_results: dict[str, Digitized]) -> tuple[Header, bytes]:
    """Return the response to the first page."""
    return response_parts(outputs_from_results([local_results[PAGE.name]], OUTPUT_NAMES))


def client(built: Path, *words: str | Path) -> Completed:
    return cpp_build.run(built / "ecgdigit-client", *words)


def run_client(built: Path, url: str, *words: str | Path) -> Completed:
    return client(built, "--url", url, *words)


# A real server


def cells(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


def assert_equal_tables(actual: str, expected: str) -> None:
    """Compare tables. Another order of summation may round values to the next 10 nanovolts."""
    got, want = cells(actual), cells(expected)
    assert got[0] == want[0]
    assert [line[0] for line in got] == [line[0] for line in want]
    assert [[not cell for cell in line] for line in got] == [[not cell for cell in line] for line in want]
    values = [
        np.array([float(cell or "nan") for line in table[1:] for cell in line]) for table in (got, want)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=0, atol=1.2e-5)


def test_tables_equal_those_of_run(
    built: Path, server: triton_server.Server, local_results: dict[str, Digitized], tmp_path: Path
) -> None:
    garbage = tmp_path / "letter.jpg"
    garbage.write_bytes(b"a letter, and no picture")
    pages = [PAGES[0], garbage, PAGES[3]]
    completed = run_client(built, f"http://{server.http}", "--out", tmp_path / "out", *pages)
    assert completed.code == 2
    assert completed.out == ""
    assert re.search(
        rf"^failed   {re.escape(str(garbage))}   Cannot read letter: it is a text file.*\[E-INPUT-03\]$",
        completed.err,
        re.MULTILINE,
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{PAGES[0].stem}.csv",
        f"{PAGES[3].stem}.csv",
    ]
    for page in (PAGES[0], PAGES[3]):
        table = (tmp_path / "out" / f"{page.stem}.csv").read_text()
        assert_equal_tables(table, csv_from_page(local_results[page.name]))


@pytest.mark.parametrize(
    ("words", "error_id"), [(["--layout", "3x5"], "E-INPUT-10"), (["--speed", "1000"], "E-TRITON-02")]
)
def test_invalid_options_are_refused(
    words: list[str], error_id: str, built: Path, server: triton_server.Server
) -> None:
    completed = run_client(built, f"http://{server.http}", *words, PAGE)
    assert (completed.code, completed.out) == (1, "")
    assert f"[{error_id}]" in completed.err


def test_an_unknown_model(built: Path, server: triton_server.Server) -> None:
    completed = run_client(built, f"http://{server.http}/elsewhere", PAGE)
    assert (completed.code, completed.out) == (3, "")
    assert "[E-CLIENT-04]" in completed.err


# Requests and tables


def test_tables_are_identical_text(
    built: Path, stub: KServeStub, parts: tuple[Header, bytes], local_results: dict[str, Digitized]
) -> None:
    stub.response = stub_response(*parts)
    completed = run_client(built, stub.url + "/", PAGE)
    assert (completed.code, completed.err) == (0, "")
    assert completed.out == csv_from_page(local_results[PAGE.name])


def test_options_are_sent(built: Path, stub: KServeStub, parts: tuple[Header, bytes]) -> None:
    stub.response = stub_response(*parts)
    words = ["--layout", "3x4+1", "--speed", "50", "--gain", "5.5"]
    assert run_client(built, stub.url, *words, PAGE).code == 0
    assert stub.path == "/v2/models/ecgdigit/infer"
    header = json.loads(stub.request_body[: stub.header_length])
    image = PAGE.read_bytes()
    sent = [len(image).to_bytes(4, "little") + image, b"\x05\0\0\x003x4+1"]
    sent += [np.float32(value).tobytes() for value in (50, 5.5)]
    assert stub.request_body[stub.header_length :] == b"".join(sent)
    names = ["image", "layout", "speed_mm_s", "gain_mm_mv"]
    assert header == {
        "id": PAGE.stem,
        "inputs": [
            {"name": name, "shape": [1, 1], "datatype": kind, "parameters": {"binary_data_size": len(data)}}
            for name, kind, data in zip(names, ["BYTES", "BYTES", "FP32", "FP32"], sent, strict=True)
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in OUTPUT_NAMES],
    }


def test_missing_leads_are_reported(
    built: Path, stub: KServeStub, local_results: dict[str, Digitized]
) -> None:
    tensors = outputs_from_results([local_results[PAGE.name]], OUTPUT_NAMES)
    tensors["report"] = np.array([[b'{"missing": ["V5", "V6"]}']], object)
    stub.response = stub_response(*response_parts(tensors))
    completed = run_client(built, stub.url, PAGE)
    assert completed.code == 2
    assert f"partial  {PAGE}   Leads not found: V5, V6   [E-LEADS-01]" in completed.err
    assert completed.out.startswith("time_s,I,")


def test_file_names_that_are_not_utf8(
    built: Path, stub: KServeStub, parts: tuple[Header, bytes], tmp_path: Path
) -> None:
    page = tmp_path / "p\udcff\x1b[2J\u202e.jpg"
    page.write_bytes(PAGE.read_bytes())
    stub.response = stub_response(*parts)
    assert run_client(built, stub.url, page).code == 0
    assert json.loads(stub.request_body[: stub.header_length])["id"] == "p\ufffd\x1b[2J\u202e"
    page.unlink()
    stderr = run_client(built, stub.url, tmp_path / "p\x1b[2J\u202e.jpg").err
    assert "p\\x1b[2J\\xe2\\x80\\xae.jpg" in stderr
    assert "\x1b" not in stderr


# Without a server, and with wrong arguments


def test_an_unreachable_server(built: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # does not listen
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        completed = run_client(built, url, PAGE, PAGES[1], "--out", "nowhere")
    assert (completed.code, completed.out) == (3, "")
    message, hint = completed.err.splitlines()
    assert message.startswith(f"error    Cannot connect to {url} (")
    assert message.endswith("[E-CLIENT-01]")
    assert f"curl -f {url}/v2/health/ready" in hint


def test_a_time_limit(built: Path, stub: KServeStub) -> None:
    release = threading.Event()
    stub.response = StubResponse(release=release)
    try:
        completed = run_client(built, stub.url, "--timeout", "0.3", PAGE)
    finally:
        release.set()
    assert (completed.code, completed.out) == (3, "")
    assert "[E-CLIENT-02]" in completed.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "No PAGE specified"),
        (["--nonsense", PAGE], 1, "Unknown option --nonsense"),
        (["--speed"], 1, "--speed requires a value"),
        (["--speed", "fast", PAGE], 1, "Invalid value for --speed: fast"),
        (["--gain", "-5", PAGE], 1, "Invalid value for --gain: -5"),
        (["--gain", "1e400", PAGE], 1, "Invalid value for --gain: 1e400"),
        (["--timeout", "nan", PAGE], 1, "Invalid value for --timeout: nan"),
        ([PAGE, PAGES[1]], 1, "Several pages require a folder"),
        (["--out", "x", PAGE, "other/" + PAGE.name], 1, f"Two pages would be written to {PAGE.stem}.csv"),
        (["--out", "x", PAGE, "nowhere.jpg"], 1, "No such file: nowhere.jpg   [E-INPUT-01]"),
        (["--url", "ftp://x", PAGE], 1, "[E-CLIENT-05]"),
        (["--url", "file:///etc", PAGE], 1, "[E-CLIENT-05]"),
        ([ROOT], 2, "[E-INPUT-03]"),
    ],
)
def test_invalid_arguments(words: list[str | Path], code: int, message: str, built: Path) -> None:
    completed = client(built, *words)
    assert (completed.code, completed.out) == (code, "")
    assert message in completed.err


def test_help(built: Path) -> None:
    completed = client(built, "--help")
    assert (completed.code, completed.err) == (0, "")
    for option in ("--url", "--out", "--layout", "--speed", "--gain", "--timeout"):
        assert option in completed.out


def test_outputs_that_cannot_be_written(
    built: Path, stub: KServeStub, parts: tuple[Header, bytes], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "taken" / f"{PAGE.stem}.csv").mkdir(parents=True)
    stub.response = stub_response(*parts)
    for out in (tmp_path / "file", tmp_path / "taken"):
        completed = run_client(built, stub.url, "--out", out, PAGE)
        assert completed.code == 4
        assert "[E-OUTPUT-01]" in completed.err
    assert [path.name for path in (tmp_path / "taken").iterdir()] == [f"{PAGE.stem}.csv"]


# Malformed responses


def output(header: Header, name: str) -> dict[str, Any]:
    return next(one for one in header["outputs"] if one["name"] == name)


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
def test_malformed_headers_are_refused(
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
    "a report that is not JSON": (put("report", (0, 0), b"[" * 200_000), "does not list the missing leads"),
    "a report of numbers": (put("report", (0, 0), b'{"missing": [1]}'), "not a string"),
}


@pytest.mark.parametrize("case", VALUE_CHANGES)
def test_impossible_values_are_refused(
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
def test_malformed_bodies_are_refused(
    body: bytes, length: str, reason: str, built: Path, stub: KServeStub
) -> None:
    stub.response = StubResponse(body, {LENGTH_HEADER: length})
    assert_malformed(run_client(built, stub.url, PAGE), reason)


@pytest.mark.parametrize("received", [0, 100, 1500, 60_000])
def test_truncated_responses_are_refused(
    received: int, built: Path, stub: KServeStub, parts: tuple[Header, bytes]
) -> None:
    """Truncate the body, with the Content-Length of the whole body and with its own."""
    whole = stub_response(*parts)
    for content_length in (len(whole.body), None):
        stub.response = StubResponse(whole.body[:received], whole.headers, content_length=content_length)
        assert_malformed(run_client(built, stub.url, PAGE), "")


def test_strings_longer_than_their_bytes_are_refused(
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
    """Every failure must be a known error. `cpp_build.run` raises for reports of the sanitizers."""
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
            "The server refused the request: Exceeds maximum queue size",
        ),
        (404, b'{"error": 7}', 3, "HTTP status 404"),
        (502, b"<html>Bad gateway</html>", 3, "HTTP status 502   [E-CLIENT-04]"),
        (302, b"", 3, "HTTP status 302   [E-CLIENT-04]"),
        (400, b'{"error": "\\u001b[2J\\u202e gone\\n"}', 3, "\\x1b[2J\\xe2\\x80\\xae gone\\x0a"),
    ],
)
def test_refusals_are_reported(
    status: int, body: bytes, code: int, message: str, built: Path, stub: KServeStub
) -> None:
    stub.response = StubResponse(body, {"Location": "file:///etc/passwd"}, status)
    completed = run_client(built, stub.url, PAGE)
    assert (completed.code, completed.out) == (code, "")
    assert message in completed.err
    assert len(completed.err.splitlines()) <= 2
    assert "\x1b" not in completed.err


# Use as a library


def test_the_documented_program_builds_and_runs(
    built: Path,
    stub: KServeStub,
    parts: tuple[Header, bytes],
    local_results: dict[str, Digitized],
    tmp_path: Path,
) -> None:
    """Build the two listings of the how-to against an installed library."""
    text = (ROOT / "docs" / "howto" / "cpp.md").read_text()
    (tmp_path / "CMakeLists.txt").write_text(text.split("```cmake\n")[1].split("```")[0])
    (tmp_path / "read.cpp").write_text(text.split("```cpp\n")[1].split("```")[0])
    cpp_build.run_command(
        ["cmake", "--install", str(built), "--prefix", str(tmp_path / "installed")], tmp_path
    )
    prefix = f"-DCMAKE_PREFIX_PATH={tmp_path / 'there'}"
    flags = "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"
    cpp_build.run_command(["cmake", "-S", ".", "-B", "build", prefix, flags], tmp_path)
    cpp_build.run_command(["cmake", "--build", "build"], tmp_path)
    page = local_results[PAGE.name]
    stub.response = stub_response(*parts)
    completed = cpp_build.run(tmp_path / "build" / "read", stub.url, PAGE)
    assert completed.code == 0
    assert completed.out.splitlines() == [
        f"{name}: {lead.mv.size} samples"
        for name, lead in sorted(page.leads.items(), key=lambda item: LEADS.index(item[0]))
    ]
    completed = cpp_build.run(tmp_path / "build" / "read", "http://127.0.0.1:1", PAGE)
    assert completed.code == 1
    assert "E-CLIENT-01" in completed.err


# OpenVINO in process


@pytest.fixture(scope="session")
def stage(built: Path) -> Path:
    if not cpp_build.has_openvino():
        pytest.skip("openvino is not installed: pip install 'ecgdigit-rt[openvino]'")
    return built / "ecgdigit-stage"


def run_stage(stage: Path, *words: str | Path) -> Completed:
    return cpp_build.run(stage, *words, leaks=False)  # OpenVINO's frontends leak some


@pytest.mark.parametrize(
    ("name", "shape"), [("locate", (2, 96, 160)), ("grid", (1, 96, 160)), ("trace", (2, 320, 96))]
)
def test_outputs_equal_those_of_python(
    name: str, shape: tuple[int, int, int], stage: Path, tmp_path: Path
) -> None:
    """Compare with the same library, settings and graph in Python: the numbers must be identical."""
    models = load_models()
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels.tofile(tmp_path / "pixels.raw")
    expected = OpenVinoRunner(models.graphs[name], ExecutionOptions(CPU, "fp32", threads=1)).run(
        {"pixels": pixels}
    )
    graph = models.root / f"{name}.onnx"
    completed = run_stage(stage, graph, *map(str, shape), tmp_path / "pixels.raw", tmp_path, "1")
    assert (completed.code, completed.err) == (0, "")
    assert completed.out.splitlines() == [
        f"{port} {' '.join(map(str, value.shape))}" for port, value in expected.items()
    ]
    for port, value in expected.items():
        actual = np.fromfile(tmp_path / f"{port}.f32", np.float32).reshape(value.shape)
        np.testing.assert_array_equal(actual, value)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "usage"),
        (["{graph}", "1", "64", "64", "{pixels}", "{out}"], 1, "does not match BATCH, HEIGHT and WIDTH"),
        (["{graph}", "1", "-1", "64", "{pixels}", "{out}"], 1, "not a positive whole number"),
        (["{pixels}", "1", "32", "32", "{pixels}", "{out}"], 3, "pixels.raw"),
        (["{graph}", "1", "32", "32", "nowhere", "{out}"], 1, "nowhere"),
        (["{graph}", "1", "32", "32", "{pixels}", "{out}/nowhere"], 4, "Cannot write"),
        (["{sampler}", "1", "32", "32", "{pixels}", "{out}"], 1, "does not have one input of bytes"),
    ],
)
def test_the_example_refuses_invalid_arguments(
    words: list[str], code: int, message: str, stage: Path, tmp_path: Path
) -> None:
    (tmp_path / "pixels.raw").write_bytes(bytes(32 * 32 * 3))
    root = load_models().root
    places = {"graph": root / "trace.onnx", "sampler": root / "sampler.onnx", "out": tmp_path}
    given = [word.format(pixels=tmp_path / "pixels.raw", **places) for word in words]
    completed = run_stage(stage, *given)
    assert completed.code == code
    assert message in completed.err
