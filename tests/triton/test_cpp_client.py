"""C++ client, built with sanitizers, with a real server and with a stub."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path

import cpp_build
import numpy as np
import pytest
import triton_server
from cpp_build import run_client
from kserve_stub import (
    OUTPUT_NAMES,
    Header,
    KServeStub,
    StubResponse,
    response_parts,
    stub_response,
)

from ecgdigit_rt import Digitized
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.triton.ports import outputs_from_results

pytestmark = pytest.mark.slow  # the build takes half a minute

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "examples").glob("*.jpg"))
PAGE = PAGES[0]


# A real server


def cells(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


def assert_equal_tables(actual: str, expected: str) -> None:
    """Compare tables. A different order of summation may change values by one unit of 10 nanovolts."""
    tables = cells(actual), cells(expected)
    headers, times, empty_cells = (
        [table[0] for table in tables],
        [[line[0] for line in table] for table in tables],
        [[[not cell for cell in line] for line in table] for table in tables],
    )
    assert headers[0] == headers[1]
    assert times[0] == times[1]
    assert empty_cells[0] == empty_cells[1]
    mv = [np.array([float(cell or "nan") for line in table[1:] for cell in line]) for table in tables]
    np.testing.assert_allclose(mv[0], mv[1], rtol=0, atol=1.2e-5)


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
def test_options_that_the_server_rejects(
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
    completed = cpp_build.run(built / "ecgdigit-client", *words)
    assert (completed.code, completed.out) == (code, "")
    assert message in completed.err


def test_help(built: Path) -> None:
    completed = cpp_build.run(built / "ecgdigit-client", "--help")
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
    prefix = f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}"
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
