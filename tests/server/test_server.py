"""HTTP API of a real server: uploads, downloads, errors, metrics and access control."""

from __future__ import annotations

import io
import json
import re
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
from serving import EXAMPLES, Server, blank_page, upload_form

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_rt import Digitizer
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.pipeline import STEPS
from ecgdigit_rt.results import LEADS, Digitized
from ecgdigit_rt.server.downloads import json_from_page
from ecgdigit_rt.server.settings import workers_and_threads

PAGE = EXAMPLES / "000001_colour_scan.jpg"
Encoder = Callable[[list[Image.Image]], bytes]
FIELD_WITHOUT_FILE = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--'
SECRET = "Jane-Doe-1961"


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def local() -> Digitized:
    """Digitize the page in this process."""
    return Digitizer(threads=workers_and_threads(usable_cpus(), None, None)[1]).digitize(PAGE)


def events(response: httpx.Response) -> list[tuple[str, Any]]:
    matches = re.findall(r"^event: (.*)\ndata: (.*)$", response.text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in matches]


def test_responses_equal_local_results_bit_for_bit(client: httpx.Client, local: Digitized) -> None:
    response = client.post("/v1/digitize", files=upload_form(PAGE))
    assert response.status_code == 200, response.text
    received, expected = response.json(), json.loads(json_from_page(local))
    assert received["source"] == PAGE.name
    assert {**received, "seconds": 0} == {**expected, "seconds": 0, "source": PAGE.name}
    streamed = events(client.post("/v1/digitize/stream", files=upload_form(PAGE), params={"previews": True}))
    assert {**streamed[-1][1], "seconds": 0} == {**received, "seconds": 0}
    steps = [data["step"] for name, data in streamed if name == "step"]
    assert steps == ["decode", *(step.name for step in STEPS)]
    previews = {data["kind"]: data for name, data in streamed if name == "preview"}
    assert list(previews) == ["image", "locate", "rectify", "layout", "traces"]
    curve = np.array(previews["traces"]["curves"]["V2"]).reshape(-1, 2)
    assert np.abs(curve - local.leads["V2"].curve_px).max() <= 0.051


def test_downloads_can_be_opened(client: httpx.Client, local: Digitized, tmp_path: Path) -> None:
    def fetch(format_name: str) -> bytes:
        response = client.post("/v1/digitize", files=upload_form(PAGE), params={"format": format_name})
        assert response.status_code == 200, response.text
        assert response.headers["content-disposition"].startswith(
            "attachment; filename*=UTF-8''000001_colour"
        )
        return response.content

    assert fetch("csv").decode() == csv_from_page(local)
    zipfile.ZipFile(io.BytesIO(fetch("wfdb"))).extractall(tmp_path)
    record = wfdb.rdrecord(str(tmp_path / PAGE.stem))
    assert record.sig_name == list(LEADS)
    assert np.allclose(record.p_signal[:1000, 1], local.leads["II"].mv[:1000], atol=0.001)
    table = parquet.read_table(io.BytesIO(fetch("parquet"))).to_pylist()
    assert table[1]["mv"] == local.leads["II"].mv.tolist()
    waveform = pydicom.dcmread(io.BytesIO(fetch("dicom"))).waveform_array(0)
    assert waveform.shape == (5000, 12)
    with np.load(io.BytesIO(fetch("npz"))) as arrays:
        assert np.array_equal(arrays["V6"], local.leads["V6"].mv)
    with pypdfium2.PdfDocument(fetch("pdf")) as printed:
        width, height = printed[0].get_size()
        text = printed[0].get_textpage().get_text_bounded()
    assert (round(width), round(height)) == (842, 595)  # A4
    assert all(lead in text.split() for lead in LEADS)


def test_query_parameters_override_the_page(client: httpx.Client) -> None:
    overrides = {"speed": "50", "gain": "20", "layout": "3x4+1"}
    page = client.post("/v1/digitize", files=upload_form(PAGE), params=overrides).json()
    assert page["layout"] == {"name": "3x4+1", "speed_mm_s": 50.0, "gain_mm_mv": 20.0}
    response = client.post("/v1/digitize", files=upload_form(PAGE), params={"min_quality": "90"})
    assert (response.status_code, response.json()["error_id"]) == (422, "E-QUALITY-01")


def encode_pdf(pages: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=200)
    return out.getvalue()


def encode_tiff(pages: list[Image.Image]) -> bytes:
    return bytes(cv2.imencodemulti(".tif", [np.asarray(page)[..., ::-1] for page in pages])[1])


@pytest.mark.parametrize(("name", "encode"), [("visit.pdf", encode_pdf), ("visit.tif", encode_tiff)])
def test_pages_of_a_file_are_selected_by_number(client: httpx.Client, name: str, encode: Encoder) -> None:
    pages = [Image.new("RGB", (400, 300), "white"), Image.open(PAGE).convert("RGB")]
    file = {"file": (name, encode(pages))}
    page = client.post("/v1/digitize", files=file, params={"page": 2}).json()
    assert (page["id"], page["page"], len(page["leads"])) == ("visit_p2", 2, 12)
    streamed = events(client.post("/v1/digitize/stream", files=file))
    assert streamed[1] == ("step", {**streamed[1][1], "step": "decode", "pages": 2})
    assert (streamed[-1][0], streamed[-1][1]["status"]) == ("problem", 422)
    response = client.post("/v1/digitize", files=file, params={"page": 3})
    assert (response.status_code, response.json()["error_id"]) == (422, "E-INPUT-03")
    assert name in response.json()["detail"]


@pytest.mark.parametrize(
    ("name", "data", "params", "status", "error_id"),
    [
        ("note.txt", b"Dear colleague, " * 9, {}, 415, "E-INPUT-04"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, 415, "E-INPUT-04"),
        ("cut.png", blank_page()[:200], {}, 422, "E-INPUT-03"),
        ("empty.png", b"", {}, 422, "E-INPUT-03"),
        ("tiny.png", blank_page(20, 20), {}, 422, "E-INPUT-05"),
        ("white.png", blank_page(), {}, 422, "E-PAGE-01"),
        ("page.png", blank_page(), {"layout": "5x5"}, 422, "E-INPUT-10"),
        ("page.png", blank_page(), {"speed": "fast"}, 422, "E-SERVE-01"),
        ("page.png", blank_page(), {"gain": "0"}, 422, "E-SERVE-01"),
        ("page.png", blank_page(), {"format": "docx"}, 422, "E-SERVE-01"),
        ("page.png", blank_page(), {"colour": "red"}, 422, "E-SERVE-01"),
    ],
)
def test_invalid_requests_return_problem_details(
    client: httpx.Client, name: str, data: bytes, params: dict[str, str], status: int, error_id: str
) -> None:
    response = client.post("/v1/digitize", files={"file": (name, data)}, params=params)
    problem = response.json()
    assert (response.status_code, problem.get("error_id")) == (status, error_id), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status and problem["hint"] and problem["detail"]
    assert "/proc/" not in response.text


def test_bodies_that_are_not_forms(client: httpx.Client) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    responses = [
        client.post("/v1/digitize", content=PAGE.read_bytes(), headers={"content-type": "image/jpeg"}),
        client.post("/v1/digitize", files={"picture": ("a.png", blank_page())}),
        client.post("/v1/digitize", content=b"nothing", headers=kind),
        client.post("/v1/digitize", content=b"", headers={"content-type": "multipart/form-data"}),
        client.post("/v1/digitize", content=FIELD_WITHOUT_FILE, headers=kind),
    ]  # fmt: skip
    assert [(response.status_code, response.json()["error_id"]) for response in responses] == [
        (422, "E-SERVE-01")
    ] * 5
    assert client.get("/nowhere").json() == {
        "type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found"
    }  # fmt: skip
    assert client.get("/v1/digitize").status_code == 405


def test_sixteen_concurrent_clients(server: Server, local: Digitized) -> None:
    small = {"file": ("white.png", blank_page())}

    def post(number: int) -> tuple[int, object]:
        with server.client() as client:
            if number % 8:
                return client.post("/v1/digitize", files=small).status_code, None
            response = client.post("/v1/digitize", files=upload_form(PAGE))
            return response.status_code, response.json()["leads"]["V1"]["mv"]

    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(post, range(16)))
    assert [status for status, _ in responses] == [200, *[422] * 7] * 2
    expected = json.loads(json_from_page(local))["leads"]["V1"]["mv"]
    assert all(mv == expected for _, mv in responses[::8])


def test_metrics_and_log_contain_nothing_of_a_page(server: Server, client: httpx.Client) -> None:
    client.post("/v1/digitize", files=upload_form(PAGE, f"{SECRET}.jpg"), params={"format": "csv"})
    client.post("/v1/digitize", files={"file": (f"{SECRET}.txt", b"text")}, params={"layout": SECRET})
    client.get(f"/{SECRET}", params={"q": SECRET})
    metrics = client.get("/metrics").text
    assert re.search(r'ecgdigit_pages_total\{error_id="",outcome="digitized"\} [1-9]', metrics)
    assert 'ecgdigit_pages_total{error_id="E-INPUT-04",outcome="failed"}' in metrics
    assert 'ecgdigit_requests_total{method="POST",route="/v1/digitize",status="200"}' in metrics
    for step in ("wait", "decode", "locate", "trace", "write"):
        assert f'ecgdigit_step_seconds_count{{step="{step}"}}' in metrics
    assert re.search(r"^ecgdigit_requests_in_flight 0.0$", metrics, re.MULTILINE)
    assert client.get("/health/live").json() == {"status": "live"}
    server.wait_for("(POST /v1/digitize 415)")
    assert SECRET not in server.log
    assert SECRET not in metrics
    info = client.get("/v1/about").json()
    assert info["formats"]["pdf"] and "3x4+1" in info["layouts"] and "HEIC" in info["inputs"]


def test_foreign_hosts_and_origins_are_rejected(server: Server, client: httpx.Client) -> None:
    port = server.address.rpartition(":")[2]
    for headers, status in (
        ({"host": f"localhost:{port}"}, 200),
        ({"host": f"[::1]:{port}"}, 200),
        ({"host": f"rebound.example:{port}"}, 403),
        ({"host": ""}, 403),
        ({"origin": f"http://127.0.0.1:{port}"}, 200),
        ({"origin": f"http://127.0.0.1:{int(port) + 1}"}, 403),
        ({"origin": "https://site.example"}, 403),
        ({"origin": "null"}, 403),
    ):
        response = client.get("/v1/about", headers=headers)
        assert response.status_code == status, headers
        if status == 403:
            assert response.json()["error_id"] == "E-SERVE-06"
    response_headers = client.get("/").headers
    assert "default-src 'none'" in response_headers["content-security-policy"]
    assert "unsafe" not in response_headers["content-security-policy"]
    assert response_headers["x-content-type-options"] == "nosniff"


def test_web_pages_load_nothing_from_other_hosts(client: httpx.Client) -> None:
    for path in (
        "/",
        "/docs",
        *(f"/web/{name}" for name in ("app.js", "client.js", "style.css", "docs.js")),
    ):
        response = client.get(path)
        assert response.status_code == 200
        hosts = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", response.text)
        assert [host for host in hosts if "www.w3.org" not in host] == [], path
