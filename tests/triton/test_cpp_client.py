"""The C++ client, asking a real server and one that lies, and the OpenVINO example; with sanitizers."""

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
from cpp_build import Ended
from kserve_answers import LENGTH, Header, Reply, Told, answer_parts, answering, reply
from numpy.typing import NDArray

from ecgdigit_engine.backends.backend import ExecutionOptions
from ecgdigit_engine.backends.openvino import OpenVinoRunner
from ecgdigit_engine.device import CPU
from ecgdigit_rt import Digitized
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.models import load_models
from ecgdigit_rt.triton.ports import outputs_from_results

pytestmark = pytest.mark.slow  # the build takes half a minute

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "examples").glob("*.jpg"))
PAGE = PAGES[0]
WANTED = (
    "lead_names",
    "signals_mv",
    "windows_s",
    "rate_hz",
    "confidence",
    "expected_error_mv",
    "expected_db",
    "report",
)
WHY_NOT = cpp_build.why_not()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = tmp_path_factory.mktemp("cpp")
    cpp_build.build(folder)
    return folder


@pytest.fixture(scope="session")
def stand_in() -> Iterator[Told]:
    with answering() as told:
        yield told


@pytest.fixture(scope="session")
def parts(read_here: dict[str, Digitized]) -> tuple[Header, bytes]:
    """What a server answers of the first page."""
    return answer_parts(outputs_from_results([read_here[PAGE.name]], WANTED))


def client(built: Path, *words: str | Path) -> Ended:
    return cpp_build.run(built / "ecgdigit-client", *words)


def ask(built: Path, url: str, *words: str | Path) -> Ended:
    return client(built, "--url", url, *words)


# A real server


def cells(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


def assert_same_table(found: str, wanted: str) -> None:
    """Equal but for numbers that another order of summation rounds to the next 10 nanovolt."""
    got, want = cells(found), cells(wanted)
    assert got[0] == want[0]
    assert [line[0] for line in got] == [line[0] for line in want]
    assert [[not cell for cell in line] for line in got] == [[not cell for cell in line] for line in want]
    values = [
        np.array([float(cell or "nan") for line in table[1:] for cell in line]) for table in (got, want)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=0, atol=1.2e-5)


def test_a_server_gives_the_tables_that_run_writes(
    built: Path, server: triton_server.Server, read_here: dict[str, Digitized], tmp_path: Path
) -> None:
    garbage = tmp_path / "letter.jpg"
    garbage.write_bytes(b"a letter, and no picture")
    pages = [PAGES[0], garbage, PAGES[3]]
    ended = ask(built, f"http://{server.http}", "--out", tmp_path / "out", *pages)
    assert ended.code == 2
    assert ended.out == ""
    assert re.search(
        rf"^failed   {re.escape(str(garbage))}   cannot read letter: it holds text.*\[E-INPUT-03\]$",
        ended.err,
        re.MULTILINE,
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{PAGES[0].stem}.csv",
        f"{PAGES[3].stem}.csv",
    ]
    for page in (PAGES[0], PAGES[3]):
        found = (tmp_path / "out" / f"{page.stem}.csv").read_text()
        assert_same_table(found, csv_from_page(read_here[page.name]))


@pytest.mark.parametrize(
    ("words", "error_id"), [(["--layout", "3x5"], "E-INPUT-10"), (["--speed", "1000"], "E-TRITON-02")]
)
def test_what_is_told_must_make_sense(
    words: list[str], error_id: str, built: Path, server: triton_server.Server
) -> None:
    ended = ask(built, f"http://{server.http}", *words, PAGE)
    assert (ended.code, ended.out) == (1, "")
    assert f"[{error_id}]" in ended.err


def test_a_model_that_is_not_there(built: Path, server: triton_server.Server) -> None:
    ended = ask(built, f"http://{server.http}/elsewhere", PAGE)
    assert (ended.code, ended.out) == (3, "")
    assert "[E-CLIENT-04]" in ended.err


# What is sent, and what is written


def test_the_table_is_the_same_text(
    built: Path, stand_in: Told, parts: tuple[Header, bytes], read_here: dict[str, Digitized]
) -> None:
    stand_in.reply = reply(*parts)
    ended = ask(built, stand_in.url + "/", PAGE)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == csv_from_page(read_here[PAGE.name])


def test_what_is_told_of_a_page_is_sent(built: Path, stand_in: Told, parts: tuple[Header, bytes]) -> None:
    stand_in.reply = reply(*parts)
    words = ["--layout", "3x4+1", "--speed", "50", "--gain", "5.5"]
    assert ask(built, stand_in.url, *words, PAGE).code == 0
    assert stand_in.path == "/v2/models/ecgdigit/infer"
    header = json.loads(stand_in.asked[: stand_in.header_length])
    image = PAGE.read_bytes()
    sent = [len(image).to_bytes(4, "little") + image, b"\x05\0\0\x003x4+1"]
    sent += [np.float32(value).tobytes() for value in (50, 5.5)]
    assert stand_in.asked[stand_in.header_length :] == b"".join(sent)
    names = ["image", "layout", "speed_mm_s", "gain_mm_mv"]
    assert header == {
        "id": PAGE.stem,
        "inputs": [
            {"name": name, "shape": [1, 1], "datatype": kind, "parameters": {"binary_data_size": len(data)}}
            for name, kind, data in zip(names, ["BYTES", "BYTES", "FP32", "FP32"], sent, strict=True)
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in WANTED],
    }


def test_missing_leads_are_told(built: Path, stand_in: Told, read_here: dict[str, Digitized]) -> None:
    tensors = outputs_from_results([read_here[PAGE.name]], WANTED)
    tensors["report"] = np.array([[b'{"missing": ["V5", "V6"]}']], object)
    stand_in.reply = reply(*answer_parts(tensors))
    ended = ask(built, stand_in.url, PAGE)
    assert ended.code == 2
    assert f"partial  {PAGE}   not found: V5, V6   [E-LEADS-01]" in ended.err
    assert ended.out.startswith("time_s,I,")


def test_a_name_that_is_no_utf8_is_sent_and_told(
    built: Path, stand_in: Told, parts: tuple[Header, bytes], tmp_path: Path
) -> None:
    page = tmp_path / "p\udcff\x1b[2J\u202e.jpg"
    page.write_bytes(PAGE.read_bytes())
    stand_in.reply = reply(*parts)
    assert ask(built, stand_in.url, page).code == 0
    assert json.loads(stand_in.asked[: stand_in.header_length])["id"] == "p\ufffd\x1b[2J\u202e"
    page.unlink()
    said = ask(built, stand_in.url, tmp_path / "p\x1b[2J\u202e.jpg").err
    assert "p\\x1b[2J\\xe2\\x80\\xae.jpg" in said
    assert "\x1b" not in said


# Without a server, and with wrong arguments


def test_no_server_says_what_to_do(built: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        ended = ask(built, url, PAGE, PAGES[1], "--out", "nowhere")
    assert (ended.code, ended.out) == (3, "")
    said, hint = ended.err.splitlines()
    assert said.startswith(f"error    no server can be reached at {url} (")
    assert said.endswith("[E-CLIENT-01]")
    assert f"curl -f {url}/v2/health/ready" in hint


def test_a_server_that_takes_too_long(built: Path, stand_in: Told) -> None:
    waits = threading.Event()
    stand_in.reply = Reply(waits=waits)
    try:
        ended = ask(built, stand_in.url, "--timeout", "0.3", PAGE)
    finally:
        waits.set()
    assert (ended.code, ended.out) == (3, "")
    assert "[E-CLIENT-02]" in ended.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 1, "no PAGE is given"),
        (["--nonsense", PAGE], 1, "no option --nonsense"),
        (["--speed"], 1, "--speed needs a value"),
        (["--speed", "fast", PAGE], 1, "--speed cannot be fast"),
        (["--gain", "-5", PAGE], 1, "--gain cannot be -5"),
        (["--gain", "1e400", PAGE], 1, "--gain cannot be 1e400"),
        (["--timeout", "nan", PAGE], 1, "--timeout cannot be nan"),
        ([PAGE, PAGES[1]], 1, "several pages need a folder"),
        (["--out", "x", PAGE, "other/" + PAGE.name], 1, f"two pages would be written to {PAGE.stem}.csv"),
        (["--out", "x", PAGE, "nowhere.jpg"], 1, "nowhere.jpg does not exist   [E-INPUT-01]"),
        (["--url", "ftp://x", PAGE], 1, "[E-CLIENT-05]"),
        (["--url", "file:///etc", PAGE], 1, "[E-CLIENT-05]"),
        ([ROOT], 2, "[E-INPUT-03]"),
    ],
)
def test_wrong_arguments(words: list[str | Path], code: int, said: str, built: Path) -> None:
    ended = client(built, *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_help(built: Path) -> None:
    ended = client(built, "--help")
    assert (ended.code, ended.err) == (0, "")
    for option in ("--url", "--out", "--layout", "--speed", "--gain", "--timeout"):
        assert option in ended.out


def test_output_that_cannot_be_written(
    built: Path, stand_in: Told, parts: tuple[Header, bytes], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "taken" / f"{PAGE.stem}.csv").mkdir(parents=True)
    stand_in.reply = reply(*parts)
    for out in (tmp_path / "file", tmp_path / "taken"):
        ended = ask(built, stand_in.url, "--out", out, PAGE)
        assert ended.code == 4
        assert "[E-OUTPUT-01]" in ended.err
    assert [path.name for path in (tmp_path / "taken").iterdir()] == [f"{PAGE.stem}.csv"]


# A server that lies


def output(header: Header, name: str) -> dict[str, Any]:
    return next(one for one in header["outputs"] if one["name"] == name)


def told_shape(name: str, shape: list[Any]) -> Callable[[Header], None]:
    return lambda header: output(header, name).update(shape=shape)


def told_size(name: str, size: object) -> Callable[[Header], None]:
    return lambda header: output(header, name)["parameters"].update(binary_data_size=size)


def lent(header: Header) -> None:
    for name, change in (("lead_names", 4), ("signals_mv", -4)):
        output(header, name)["parameters"]["binary_data_size"] += change


HEADER_LIES: dict[str, tuple[Callable[[Header], object], str]] = {
    "a size too large": (told_size("report", 10**7), "it ends inside of report"),
    "a size beyond 64 bit": (told_size("report", 2**64), "a size is no whole number"),
    "a size near 64 bit": (told_size("lead_names", 2**64 - 1), "it ends inside of lead_names"),
    "a negative size": (told_size("signals_mv", -4), "a size is no whole number"),
    "a size that is text": (told_size("signals_mv", "4"), "a size is no whole number"),
    "a size too small": (told_size("lead_names", 8), "more bytes follow"),
    "a size that another one lends": (lent, "signals_mv has not as many bytes"),
    "a shape too large": (told_shape("signals_mv", [1, 12, 10**6]), "not as many bytes"),
    "a shape that overflows": (told_shape("signals_mv", [1, 2**40, 2**40]), "larger than any memory"),
    "a shape that wraps to its bytes": (told_shape("signals_mv", [1, 2**62, 4]), "larger than any memory"),
    "a shape of nothing": (told_shape("signals_mv", [1, 0, 2**63]), "not as many bytes"),
    "a shape of fractions": (told_shape("signals_mv", [1, 12, 2.5]), "a size is no whole number"),
    "two axes": (told_shape("signals_mv", [12, 5000]), "has not 3 axes"),
    "two pages": (told_shape("rate_hz", [2, 1]), "shape of rate_hz"),
    "fewer names": (told_shape("lead_names", [1, 11]), "shape of lead_names"),
    "another type": (lambda header: output(header, "signals_mv").update(datatype="FP16"), "type FP16"),
    "text as numbers": (lambda header: output(header, "report").update(datatype="FP32"), "type FP32"),
    "no type": (lambda header: output(header, "report").pop("datatype"), "no datatype"),
    "no name": (lambda header: output(header, "report").update(name=7), "no name"),
    "no shape": (lambda header: output(header, "report").pop("shape"), "no shape"),
    "no binary data": (lambda header: output(header, "report").pop("parameters"), "not come as binary data"),
    "an output less": (lambda header: header["outputs"].pop(), "more bytes follow"),
    "an output twice": (lambda header: output(header, "confidence").update(name="windows_s"), "twice"),
    "an output that is none": (lambda header: header["outputs"].append([]), "no name"),
    "outputs that are none": (lambda header: header.update(outputs={"name": 1}), "lists no outputs"),
}


@pytest.mark.parametrize("lie", HEADER_LIES)
def test_a_header_that_lies_is_named(
    lie: str, built: Path, stand_in: Told, parts: tuple[Header, bytes]
) -> None:
    change, reason = HEADER_LIES[lie]
    header = json.loads(json.dumps(parts[0]))
    change(header)
    stand_in.reply = reply(header, parts[1])
    assert_malformed(ask(built, stand_in.url, PAGE), reason)


def assert_malformed(ended: Ended, reason: str) -> None:
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("error    the answer cannot be used: ")
    assert "[E-CLIENT-03]" in ended.err
    assert reason in ended.err


Change = Callable[[dict[str, NDArray[Any]]], object]


def put(name: str, place: tuple[int, ...], value: object) -> Change:
    return lambda tensors: tensors[name].__setitem__(place, value)


VALUE_LIES: dict[str, tuple[Change, str]] = {
    "an unknown lead": (put("lead_names", (0, 0), b"I,II\n"), "unknown name"),
    "a lead twice": (put("lead_names", (0, 0), b"II"), "II is there twice"),
    "infinite": (put("signals_mv", (0, 1, 300), np.inf), "samples that are no numbers"),
    "a hole": (put("signals_mv", (0, 1, 300), np.nan), "samples that are no numbers"),
    "no samples": (put("signals_mv", (0, 1), np.nan), "has no samples"),
    "another window": (put("windows_s", (0, 0, 0), 1.5), "does not begin where"),
    "no window": (put("windows_s", (0, 0, 0), np.nan), "does not begin where"),
    "an endless window": (put("windows_s", (0, 0, 0), -np.inf), "does not begin where"),
    "a window that ends first": (put("windows_s", (0, 0, 1), -1), "does not begin where"),
    "a rate of nothing": (put("rate_hz", (0, 0), 0), "its rate is no rate"),
    "an infinite rate": (put("rate_hz", (0, 0), np.inf), "its rate is no rate"),
    "a report that is none": (put("report", (0, 0), b"[" * 200_000), "does not say which leads"),
    "a report of numbers": (put("report", (0, 0), b'{"missing": [1]}'), "no text"),
}


@pytest.mark.parametrize("lie", VALUE_LIES)
def test_values_that_cannot_be_are_named(
    lie: str, built: Path, stand_in: Told, read_here: dict[str, Digitized]
) -> None:
    change, reason = VALUE_LIES[lie]
    tensors = outputs_from_results([read_here[PAGE.name]], WANTED)
    change(tensors)
    stand_in.reply = reply(*answer_parts(tensors))
    assert_malformed(ask(built, stand_in.url, PAGE), reason)


@pytest.mark.parametrize(
    ("body", "length", "reason"),
    [
        (b"", "0", "no JSON"),
        (b"{", "1", "no JSON"),
        (b"\xff\xfe{}", "4", "no JSON"),
        (b"[" * 300_000, "300000", "no JSON"),
        (b"[]", "2", "lists no outputs"),
        (b'{"outputs": 3}', "14", "lists no outputs"),
        (b"{}", "99999999", "its header is longer than all of it"),
        (b"{}", "18446744073709551615", "its header is longer than all of it"),
        (b"{}", "18446744073709551618", "no number"),
        (b"{}", "-2", "no number"),
        (b"{}", "2 or so", "no number"),
        (b"{}", "9" * 5000, "says no Inference-Header-Content-Length"),
        (b"{}", "", "says no Inference-Header-Content-Length"),
        (b'{"outputs": []}', "15", "no output signals_mv"),
    ],
)
def test_a_body_that_is_no_answer_is_named(
    body: bytes, length: str, reason: str, built: Path, stand_in: Told
) -> None:
    stand_in.reply = Reply(body, {LENGTH: length})
    assert_malformed(ask(built, stand_in.url, PAGE), reason)


@pytest.mark.parametrize("kept", [0, 100, 1500, 60_000])
def test_an_answer_that_breaks_off_is_named(
    kept: int, built: Path, stand_in: Told, parts: tuple[Header, bytes]
) -> None:
    """Once HTTP itself says that more was to come, once only the header's sizes do."""
    whole = reply(*parts)
    for says in (len(whole.body), None):
        stand_in.reply = Reply(whole.body[:kept], whole.headers, says=says)
        assert_malformed(ask(built, stand_in.url, PAGE), "")


def test_texts_longer_than_their_bytes_are_named(
    built: Path, stand_in: Told, parts: tuple[Header, bytes]
) -> None:
    header, data = parts
    for length in (2**32 - 1, 2**31, 200):
        stand_in.reply = reply(header, length.to_bytes(4, "little") + data[4:])
        assert_malformed(ask(built, stand_in.url, PAGE), "lead_names")


def test_an_answer_without_end_is_given_up(built: Path, stand_in: Told) -> None:
    stand_in.reply = Reply(b"x" * 2**20, {LENGTH: "2"}, times=100)
    assert_malformed(ask(built, stand_in.url, PAGE), "larger than any page")


def test_no_answer_with_changed_bytes_is_mistaken(
    built: Path, stand_in: Told, parts: tuple[Header, bytes]
) -> None:
    """Every end is a named one; what a sanitizer would find, `run` raises."""
    rng = np.random.default_rng(7)
    whole = reply(*parts)
    header_length = int(whole.headers[LENGTH])
    for turn in range(30):
        body = np.frombuffer(whole.body, np.uint8).copy()
        reach = header_length if turn % 2 else header_length + 200
        for place in rng.integers(0, reach, 1 + turn % 3):
            body[place] = rng.integers(0, 256)
        stand_in.reply = Reply(body.tobytes(), whole.headers)
        ended = ask(built, stand_in.url, PAGE)
        assert ended.code == 0 or "[E-CLIENT-03]" in ended.err, ended.err


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
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
            "the server refuses: Exceeds maximum queue size",
        ),
        (404, b'{"error": 7}', 3, "HTTP status 404"),
        (502, b"<html>Bad gateway</html>", 3, "HTTP status 502   [E-CLIENT-04]"),
        (302, b"", 3, "HTTP status 302   [E-CLIENT-04]"),
        (400, b'{"error": "\\u001b[2J\\u202e gone\\n"}', 3, "\\x1b[2J\\xe2\\x80\\xae gone\\x0a"),
    ],
)
def test_refusals_are_told(
    status: int, body: bytes, code: int, said: str, built: Path, stand_in: Told
) -> None:
    stand_in.reply = Reply(body, {"Location": "file:///etc/passwd"}, status)
    ended = ask(built, stand_in.url, PAGE)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2
    assert "\x1b" not in ended.err


# Linked into a program of one's own


def test_the_documented_program_builds_and_runs(
    built: Path,
    stand_in: Told,
    parts: tuple[Header, bytes],
    read_here: dict[str, Digitized],
    tmp_path: Path,
) -> None:
    """With what `cmake --install` leaves, and the two listings of the how-to."""
    text = (ROOT / "docs" / "howto" / "cpp.md").read_text()
    (tmp_path / "CMakeLists.txt").write_text(text.split("```cmake\n")[1].split("```")[0])
    (tmp_path / "read.cpp").write_text(text.split("```cpp\n")[1].split("```")[0])
    cpp_build.command(["cmake", "--install", str(built), "--prefix", str(tmp_path / "there")], tmp_path)
    prefix = f"-DCMAKE_PREFIX_PATH={tmp_path / 'there'}"
    flags = "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"
    cpp_build.command(["cmake", "-S", ".", "-B", "build", prefix, flags], tmp_path)
    cpp_build.command(["cmake", "--build", "build"], tmp_path)
    page = read_here[PAGE.name]
    stand_in.reply = reply(*parts)
    ended = cpp_build.run(tmp_path / "build" / "read", stand_in.url, PAGE)
    assert ended.code == 0
    assert ended.out.splitlines() == [
        f"{name}: {lead.mv.size} samples"
        for name, lead in sorted(page.leads.items(), key=lambda one: in_order(one[0]))
    ]
    ended = cpp_build.run(tmp_path / "build" / "read", "http://127.0.0.1:1", PAGE)
    assert ended.code == 1
    assert "E-CLIENT-01" in ended.err


def in_order(name: str) -> int:
    from ecgdigit_rt.results import LEADS

    return LEADS.index(name)


# OpenVINO in process


@pytest.fixture(scope="session")
def stage(built: Path) -> Path:
    if not cpp_build.has_openvino():
        pytest.skip("openvino is not installed: pip install 'ecgdigit-rt[openvino]'")
    return built / "ecgdigit-stage"


def example(stage: Path, *words: str | Path) -> Ended:
    return cpp_build.run(stage, *words, leaks=False)  # OpenVINO's own frontends keep some


@pytest.mark.parametrize(
    ("name", "shape"), [("locate", (2, 96, 160)), ("grid", (1, 96, 160)), ("trace", (2, 320, 96))]
)
def test_a_network_gives_what_python_gets(
    name: str, shape: tuple[int, int, int], stage: Path, tmp_path: Path
) -> None:
    """The same library, settings and graph: the very same numbers."""
    models = load_models()
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels.tofile(tmp_path / "pixels.raw")
    wanted = OpenVinoRunner(models.graphs[name], ExecutionOptions(CPU, "fp32", threads=1)).run(
        {"pixels": pixels}
    )
    graph = models.root / f"{name}.onnx"
    ended = example(stage, graph, *map(str, shape), tmp_path / "pixels.raw", tmp_path, "1")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"{port} {' '.join(map(str, value.shape))}" for port, value in wanted.items()
    ]
    for port, value in wanted.items():
        found = np.fromfile(tmp_path / f"{port}.f32", np.float32).reshape(value.shape)
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 1, "usage"),
        (["{graph}", "1", "64", "64", "{pixels}", "{out}"], 1, "as many bytes"),
        (["{graph}", "1", "-1", "64", "{pixels}", "{out}"], 1, "a size is no whole number"),
        (["{pixels}", "1", "32", "32", "{pixels}", "{out}"], 3, "pixels.raw"),
        (["{graph}", "1", "32", "32", "nowhere", "{out}"], 1, "nowhere"),
        (["{graph}", "1", "32", "32", "{pixels}", "{out}/nowhere"], 4, "cannot write"),
        (["{sampler}", "1", "32", "32", "{pixels}", "{out}"], 1, "something else than one tensor of bytes"),
    ],
)
def test_the_example_refuses_what_it_cannot_run(
    words: list[str], code: int, said: str, stage: Path, tmp_path: Path
) -> None:
    (tmp_path / "pixels.raw").write_bytes(bytes(32 * 32 * 3))
    root = load_models().root
    places = {"graph": root / "trace.onnx", "sampler": root / "sampler.onnx", "out": tmp_path}
    given = [word.format(pixels=tmp_path / "pixels.raw", **places) for word in words]
    ended = example(stage, *given)
    assert ended.code == code
    assert said in ended.err
