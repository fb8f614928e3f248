"""The service from outside: a real server, real uploads, real refusals."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pydicom
import pypdfium2
import pytest
import wfdb
from PIL import Image
from pyarrow import parquet
from serving import EXAMPLES, PATIENCE_S, Server, form, serving

from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt import Digitizer
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.results import LEADS, Digitized
from ecgdigit_rt.server.downloads import json_from_page
from ecgdigit_rt.server.settings import workers_and_threads

PAGE = EXAMPLES / "000001_colour_scan.jpg"
Written = Callable[[list[Image.Image]], bytes]
FIELD_WITHOUT_FILE = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--'
SECRET = "Jane-Doe-1961"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as one:
        yield one


@pytest.fixture(scope="module")
def local() -> Digitized:
    """The page as this process reads it."""
    return Digitizer(threads=workers_and_threads(usable_cpus(), None, None)[1]).digitize(PAGE)


def events(answer: httpx.Response) -> list[tuple[str, Any]]:
    found = re.findall(r"^event: (.*)\ndata: (.*)$", answer.text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in found]


def page_of(width: int = 400, height: int = 300, kind: str = "PNG") -> bytes:
    """An empty sheet."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, kind)
    return out.getvalue()


def test_a_page_is_read_as_here_bit_for_bit(client: httpx.Client, local: Digitized) -> None:
    answer = client.post("/v1/digitize", files=form(PAGE))
    assert answer.status_code == 200, answer.text
    got, expected = answer.json(), json.loads(json_from_page(local))
    assert got["source"] == PAGE.name
    assert {**got, "seconds": 0} == {**expected, "seconds": 0, "source": PAGE.name}
    streamed = events(client.post("/v1/digitize/stream", files=form(PAGE), params={"sketches": True}))
    assert {**streamed[-1][1], "seconds": 0} == {**got, "seconds": 0}
    assert [data["step"] for name, data in streamed if name == "step"] == [
        "decode", "locate", "grid", "rectify", "closer", "layout", "trace", "trace", "assemble",
    ]  # fmt: skip
    sketches = {data["of"]: data for name, data in streamed if name == "sketch"}
    assert list(sketches) == ["picture", "locate", "rectify", "layout", "traces"]
    curve = np.array(sketches["traces"]["curves"]["V2"]).reshape(-1, 2)
    assert np.abs(curve - local.leads["V2"].curve_px).max() <= 0.051


def test_every_download_opens(client: httpx.Client, local: Digitized, tmp_path: Path) -> None:
    def fetched(form_name: str) -> bytes:
        answer = client.post("/v1/digitize", files=form(PAGE), params={"format": form_name})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''000001_colour")
        return answer.content

    assert fetched("csv").decode() == csv_from_page(local)
    zipfile.ZipFile(io.BytesIO(fetched("wfdb"))).extractall(tmp_path)
    record = wfdb.rdrecord(str(tmp_path / PAGE.stem))
    assert record.sig_name == list(LEADS)
    assert np.allclose(record.p_signal[:1000, 1], local.leads["II"].mv[:1000], atol=0.001)
    table = parquet.read_table(io.BytesIO(fetched("parquet"))).to_pylist()
    assert table[1]["mv"] == local.leads["II"].mv.tolist()
    waveform = pydicom.dcmread(io.BytesIO(fetched("dicom"))).waveform_array(0)
    assert waveform.shape == (5000, 12)
    with np.load(io.BytesIO(fetched("npz"))) as arrays:
        assert np.array_equal(arrays["V6"], local.leads["V6"].mv)
    with pypdfium2.PdfDocument(fetched("pdf")) as printed:
        width, height = printed[0].get_size()
        text = printed[0].get_textpage().get_text_bounded()
    assert (round(width), round(height)) == (842, 595)  # A4
    assert all(lead in text.split() for lead in LEADS)


def test_what_is_told_is_believed(client: httpx.Client) -> None:
    told = {"speed": "50", "gain": "20", "layout": "3x4+1"}
    found = client.post("/v1/digitize", files=form(PAGE), params=told).json()
    assert found["layout"] == {"name": "3x4+1", "speed_mm_s": 50.0, "gain_mm_mv": 20.0}
    answer = client.post("/v1/digitize", files=form(PAGE), params={"min_quality": "90"})
    assert (answer.status_code, answer.json()["error_id"]) == (422, "E-QUALITY-01")


def pdf_of(pages: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=200)
    return out.getvalue()


def tiff_of(pages: list[Image.Image]) -> bytes:
    return bytes(cv2.imencodemulti(".tif", [np.asarray(page)[..., ::-1] for page in pages])[1])


@pytest.mark.parametrize(("name", "written"), [("visit.pdf", pdf_of), ("visit.tif", tiff_of)])
def test_one_page_of_several(client: httpx.Client, name: str, written: Written) -> None:
    pages = [Image.new("RGB", (400, 300), "white"), Image.open(PAGE).convert("RGB")]
    file = {"file": (name, written(pages))}
    found = client.post("/v1/digitize", files=file, params={"page": 2}).json()
    assert (found["id"], found["page"], len(found["leads"])) == ("visit_p2", 2, 12)
    told = events(client.post("/v1/digitize/stream", files=file))
    assert told[1] == ("step", {**told[1][1], "step": "decode", "pages": 2})
    assert (told[-1][0], told[-1][1]["status"]) == ("problem", 422)
    answer = client.post("/v1/digitize", files=file, params={"page": 3})
    assert (answer.status_code, answer.json()["error_id"]) == (422, "E-INPUT-03")
    assert name in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "data", "params", "status", "error_id"),
    [
        ("note.txt", b"Dear colleague, " * 9, {}, 415, "E-INPUT-04"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, 415, "E-INPUT-04"),
        ("cut.png", page_of()[:200], {}, 422, "E-INPUT-03"),
        ("tiny.png", page_of(20, 20), {}, 422, "E-INPUT-05"),
        ("white.png", page_of(), {}, 422, "E-GRID-01"),
        ("page.png", page_of(), {"layout": "5x5"}, 422, "E-INPUT-10"),
        ("page.png", page_of(), {"speed": "fast"}, 422, "E-SERVE-01"),
        ("page.png", page_of(), {"gain": "0"}, 422, "E-SERVE-01"),
        ("page.png", page_of(), {"format": "docx"}, 422, "E-SERVE-01"),
        ("page.png", page_of(), {"colour": "red"}, 422, "E-SERVE-01"),
    ],
)
def test_what_cannot_be_read_is_a_problem(
    client: httpx.Client, name: str, data: bytes, params: dict[str, str], status: int, error_id: str
) -> None:
    answer = client.post("/v1/digitize", files={"file": (name, data)}, params=params)
    problem = answer.json()
    assert (answer.status_code, problem.get("error_id")) == (status, error_id), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status and problem["hint"] and problem["detail"]
    assert "/proc/" not in answer.text


def test_a_body_that_is_no_form(client: httpx.Client) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answers = [
        client.post("/v1/digitize", content=PAGE.read_bytes(), headers={"content-type": "image/jpeg"}),
        client.post("/v1/digitize", files={"picture": ("a.png", page_of())}),
        client.post("/v1/digitize", content=b"nothing", headers=kind),
        client.post("/v1/digitize", content=b"", headers={"content-type": "multipart/form-data"}),
        client.post("/v1/digitize", content=FIELD_WITHOUT_FILE, headers=kind),
    ]  # fmt: skip
    assert [(one.status_code, one.json()["error_id"]) for one in answers] == [(422, "E-SERVE-01")] * 5
    assert client.get("/nowhere").json() == {
        "type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found"
    }  # fmt: skip
    assert client.get("/v1/digitize").status_code == 405


def test_sixteen_clients_at_once(server: Server, local: Digitized) -> None:
    small = {"file": ("white.png", page_of())}

    def ask(number: int) -> tuple[int, object]:
        with server.client() as client:
            if number % 8:
                return client.post("/v1/digitize", files=small).status_code, None
            answer = client.post("/v1/digitize", files=form(PAGE))
            return answer.status_code, answer.json()["leads"]["V1"]["mv"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    assert [status for status, _ in answers] == [200, *[422] * 7] * 2
    expected = json.loads(json_from_page(local))["leads"]["V1"]["mv"]
    assert all(mv == expected for _, mv in answers[::8])


def test_it_can_be_watched_and_logs_nothing_of_a_page(server: Server, client: httpx.Client) -> None:
    client.post("/v1/digitize", files=form(PAGE, f"{SECRET}.jpg"), params={"format": "csv"})
    client.post("/v1/digitize", files={"file": (f"{SECRET}.txt", b"text")}, params={"layout": SECRET})
    client.get(f"/{SECRET}", params={"q": SECRET})
    metrics = client.get("/metrics").text
    assert re.search(r'ecgdigit_pages_total\{error_id="",outcome="digitized"\} [1-9]', metrics)
    assert 'ecgdigit_pages_total{error_id="E-INPUT-04",outcome="failed"}' in metrics
    assert 'ecgdigit_requests_total{method="POST",route="/v1/digitize",status="200"}' in metrics
    for step in ("wait", "decode", "locate", "trace", "write"):
        assert f'ecgdigit_step_seconds_count{{step="{step}"}}' in metrics
    assert re.search(r"^ecgdigit_pages_in_flight 0.0$", metrics, re.MULTILINE)
    assert client.get("/health/live").json() == {"status": "live"}
    server.said("(POST /v1/digitize 415)")
    assert SECRET not in server.log
    assert SECRET not in metrics
    facts = client.get("/v1/about").json()
    assert facts["formats"]["pdf"] and "3x4+1" in facts["layouts"] and "HEIC" in facts["inputs"]


def test_other_sites_are_refused(server: Server, client: httpx.Client) -> None:
    port = server.address.rpartition(":")[2]
    for headers, status in (
        ({"host": f"localhost:{port}"}, 200),
        ({"host": f"[::1]:{port}"}, 200),
        ({"host": f"bent.example:{port}"}, 403),
        ({"host": ""}, 403),
        ({"origin": f"http://127.0.0.1:{port}"}, 200),
        ({"origin": f"http://127.0.0.1:{int(port) + 1}"}, 403),
        ({"origin": "https://site.example"}, 403),
        ({"origin": "null"}, 403),
    ):
        answer = client.get("/v1/about", headers=headers)
        assert answer.status_code == status, headers
        if status == 403:
            assert answer.json()["error_id"] == "E-SERVE-06"
    sent = client.get("/").headers
    assert "default-src 'none'" in sent["content-security-policy"]
    assert "unsafe" not in sent["content-security-policy"]
    assert sent["x-content-type-options"] == "nosniff"


def test_nothing_comes_from_another_host(client: httpx.Client) -> None:
    for place in (
        "/",
        "/docs",
        *(f"/web/{name}" for name in ("app.js", "client.js", "style.css", "docs.js")),
    ):
        answer = client.get(place)
        assert answer.status_code == 200
        elsewhere = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", answer.text)
        assert [one for one in elsewhere if "www.w3.org" not in one] == [], place


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """Open to the network, with two places, little patience, and small uploads."""
    options = ("--workers", "1", "--queue", "1", "--timeout", "6", "--max-upload-mb", "1")
    with serving("--host", "0.0.0.0", *options) as one:
        yield one


def begun(server: Server, token: str) -> socket.socket:
    """A client that sends the beginning of a page, and then nothing more."""
    host, port = server.address.removeprefix("http://").split(":")
    one = socket.create_connection((host, int(port)), PATIENCE_S)
    head = [
        "POST /v1/digitize HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Content-Length: 900",
    ]
    head.append("Content-Type: multipart/form-data; boundary=x")
    one.sendall("\r\n".join([*head, "", "--x\r\n"]).encode())
    return one


def in_flight(client: httpx.Client, count: int) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if f"ecgdigit_pages_in_flight {count}.0\n" in client.get("/metrics").text:
            return True
        time.sleep(0.05)
    return False


def test_a_token_is_made_shown_once_and_asked_for(narrow: Server) -> None:
    token = narrow.said("token    (.*)")
    assert len(token) >= 32
    assert narrow.said("open     (.*)").endswith(f"/#token={token}")
    with narrow.client() as client:
        assert client.get("/").status_code == client.get("/health/ready").status_code == 200
        for path in ("/v1/about", "/metrics"):
            for given in (None, "Bearer", f"Bearer {token}x", f"Basic {token}", "Bearer \x7f"):
                headers = {} if given is None else {"authorization": given}
                answer = client.get(path, headers=headers)
                assert (answer.status_code, answer.json()["error_id"]) == (401, "E-SERVE-05")
                assert answer.headers["www-authenticate"] == "Bearer"
        assert client.post("/v1/digitize", files=form(PAGE)).status_code == 401
        assert client.get("/v1/about", params={"token": token}).status_code == 401
    with narrow.client(token) as client:
        assert client.get("/v1/about").status_code == 200
    assert narrow.log.count(token) == 2


def test_too_large_too_many_too_slow(narrow: Server) -> None:
    token = narrow.said("token    (.*)")
    with narrow.client(token) as client:
        large = {"file": ("large.png", bytes(3_000_000))}
        answer = client.post("/v1/digitize", files=large)
        assert (answer.status_code, answer.json()["error_id"]) == (413, "E-SERVE-02")

        def pieces() -> Iterator[bytes]:  # without Content-Length
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            yield from (bytes(100_000) for _ in range(20))

        kind = {"content-type": "multipart/form-data; boundary=x"}
        answer = client.post("/v1/digitize", content=pieces(), headers=kind)
        assert (answer.status_code, answer.json()["error_id"]) == (413, "E-SERVE-02")

        slow = begun(narrow, token), begun(narrow, token)
        assert in_flight(client, 2)
        answer = client.post("/v1/digitize", files={"file": ("white.png", page_of())})
        assert (answer.status_code, answer.json()["error_id"]) == (503, "E-SERVE-03")
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/health/ready").status_code == 503
        slow[0].close()  # who leaves makes room
        assert in_flight(client, 1)
        assert client.post("/v1/digitize", files={"file": ("white.png", page_of())}).status_code == 422
        with slow[1]:
            assert b"504 Gateway Timeout" in slow[1].recv(4096)
        assert in_flight(client, 0)


def test_who_leaves_does_not_hold_the_queue(narrow: Server) -> None:
    token = narrow.said("token    (.*)")
    with narrow.client(token) as client:
        leaving = narrow.client(token)
        with pytest.raises(httpx.ReadTimeout):
            leaving.post("/v1/digitize", files=form(PAGE), timeout=0.15)
        leaving.close()
        with (
            narrow.client(token) as other,
            other.stream("POST", "/v1/digitize/stream", files=form(PAGE)) as answer,
        ):
            assert answer.status_code == 200  # and away
        assert in_flight(client, 0)
        assert 'outcome="given_up"' in client.get("/metrics").text


def test_it_finishes_what_it_began_and_ends_well() -> None:
    with serving("--timeout", "200", "--token", SECRET) as server, server.client(SECRET) as client:
        assert client.get("/metrics", headers={"authorization": ""}).status_code == 401
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.post, "/v1/digitize", files=form(PAGE))
            with server.client(SECRET) as other:
                assert in_flight(other, 1)
            assert server.stop() == 0
            assert asked.result().status_code == 200
    assert server.lines[-1] == "stopped"
    assert SECRET not in server.log, "a token that was given is not shown"


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "ecgdigit_rt", "serve", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "[E-SERVE-07]" in done.stderr
