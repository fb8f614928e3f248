"""The model `ecgdigit` on a real Triton server: pages, batches, garbage, and a server that lives on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import triton_server
from numpy.typing import NDArray

from ecgdigit_rt import Digitized, Digitizer
from ecgdigit_rt.formats.metadata import page_facts
from ecgdigit_rt.formats.signal_table import lead_names, signal_table
from ecgdigit_rt.triton.ports import OUTPUTS
from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

grpc = pytest.importorskip("tritonclient.grpc", reason="the extra `dev` has tritonclient")
http = pytest.importorskip("tritonclient.http", reason="the extra `dev` has tritonclient")
CLIENTS = {"http": http, "grpc": grpc}
Refused = pytest.importorskip("tritonclient.utils").InferenceServerException

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "examples").glob("*.jpg"))
WHY_NOT = triton_server.why_not()

Tensors = dict[str, NDArray[Any]]


def ask(
    server: triton_server.Server,
    images: list[bytes],
    protocol: str = "grpc",
    told: dict[str, list[Any]] | None = None,
    wanted: list[str] | None = None,
) -> Tensors:
    """One request. told: by input, one value an image. Raises InferenceServerException."""
    kind = CLIENTS[protocol]
    inputs = []
    for name, values in {"image": images, **(told or {})}.items():
        is_text = isinstance(values[0], bytes)
        array = np.array(values, object if is_text else np.float32)[:, None]
        inputs.append(kind.InferInput(name, list(array.shape), "BYTES" if is_text else "FP32"))
        inputs[-1].set_data_from_numpy(array)
    with kind.InferenceServerClient(server.http if protocol == "http" else server.grpc) as client:
        outputs = [kind.InferRequestedOutput(name) for name in wanted] if wanted else None
        answer = client.infer("ecgdigit", inputs, outputs=outputs)
        return {name: answer.as_numpy(name) for name in wanted or [port.name for port in OUTPUTS]}


def refusal(server: triton_server.Server, image: bytes, **told: list[Any]) -> str:
    """Why a request of one image was refused."""
    with pytest.raises(Refused) as caught:
        ask(server, [image], told=told)
    return str(caught.value.message())


def assert_is_page(found: Tensors, place: int, page: Digitized) -> None:
    """The page's values, and nothing where a wider page of the batch has more."""
    names, table = lead_names(page), signal_table(page).T
    count, samples = table.shape
    assert found["lead_names"][place].tolist() == [one.encode() for one in names] + [b""] * (
        found["lead_names"].shape[1] - count
    )
    signals = found["signals_mv"][place]
    np.testing.assert_allclose(signals[:count, :samples], table, rtol=0, atol=1e-6)
    assert np.isnan(signals[count:]).all()
    assert np.isnan(signals[:, samples:]).all()
    leads = [page.leads[name] for name in names]
    windows = [[lead.start_s, lead.end_s] for lead in leads]
    np.testing.assert_allclose(found["windows_s"][place][:count], windows, rtol=0, atol=1e-6)
    for name in ("confidence", "expected_error_mv"):
        want = [getattr(lead, name) for lead in leads]
        np.testing.assert_allclose(found[name][place][:count], want, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["expected_db"][place], [page.expected_db], rtol=1e-6)
    assert found["rate_hz"][place] == [500]
    assert found["error_id"][place] == [b""]


@pytest.mark.parametrize(
    ("path", "protocol"),
    [*((path, "grpc") for path in PAGES), (PAGES[0], "http"), (PAGES[3], "http")],
    ids=lambda value: value if isinstance(value, str) else value.stem,
)
def test_the_server_gives_what_is_read_here(
    path: Path, protocol: str, server: triton_server.Server, read_here: dict[str, Digitized]
) -> None:
    page = read_here[path.name]
    found = ask(server, [path.read_bytes()], protocol)
    assert_is_page(found, 0, page)
    report = json.loads(found["report"][0, 0])
    facts = page_facts(page)
    assert {key: report[key] for key in ("layout", "models", "expected_db", "quality", "status")} == {
        key: facts[key] for key in ("layout", "models", "expected_db", "quality", "status")
    }
    assert report["leads"]["II"]["mv"] == pytest.approx(page.leads["II"].mv, abs=1e-5)


def test_pages_of_one_request_speak_for_themselves(
    server: triton_server.Server, read_here: dict[str, Digitized]
) -> None:
    files = [PAGES[0].read_bytes(), b"no image", PAGES[2].read_bytes()]
    found = ask(server, files, told={"layout": [b"", b"", b""], "speed_mm_s": [0, 25, float("nan")]})
    assert_is_page(found, 0, read_here[PAGES[0].name])
    assert_is_page(found, 2, read_here[PAGES[2].name])
    assert found["error_id"].tolist() == [[b""], [b"E-INPUT-03"], [b""]]
    assert np.isnan(found["signals_mv"][1]).all()
    report = json.loads(found["report"][1, 0])
    assert (report["status"], report["error_id"], report["id"]) == ("failed", "E-INPUT-03", "image-2")
    assert report["message"] == "cannot read image-2: it holds text, no image"


def test_all_pages_of_a_request_may_fail(server: triton_server.Server) -> None:
    found = ask(server, [b"one", b"two"])
    assert found["error_id"].tolist() == [[b"E-INPUT-03"]] * 2
    assert np.isnan(found["signals_mv"]).all()
    assert set(found["lead_names"].ravel()) == {b""}


def test_requests_that_wait_go_together_and_one_costs_itself_only(
    server: triton_server.Server, read_here: dict[str, Digitized]
) -> None:
    files = [path.read_bytes() for path in PAGES[:4]]
    files[1] = files[1][: len(files[1]) // 2]

    def one(image: bytes) -> Tensors | str:
        try:
            return ask(server, [image])
        except Refused as error:
            return str(error.message())

    before = executions(server)
    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(one, files))
    assert executions(server) - before < len(found), "no two requests were taken together"
    for place, answer in enumerate(found):
        if place == 1:
            assert isinstance(answer, str)
            assert answer.startswith("E-INPUT-03 ")
        else:
            assert not isinstance(answer, str)
            assert_is_page(answer, 0, read_here[PAGES[place].name])


def executions(server: triton_server.Server) -> int:
    with http.InferenceServerClient(server.http) as client:
        (model,) = client.get_inference_statistics("ecgdigit")["model_stats"]
        return int(model["execution_count"])


def blank(size: int) -> bytes:
    return cv2.imencode(".png", np.full((size, size, 3), 255, np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ("image", "error_id"),
    [
        (b"", "E-INPUT-03"),
        (b"a letter, and no picture", "E-INPUT-03"),
        (PAGES[0].read_bytes()[:40_000], "E-INPUT-03"),
        (bytes(range(256)) * 40, "E-INPUT-03"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "E-INPUT-04"),
        (blank(20), "E-INPUT-05"),
        (blank(600), "E-GRID-01"),
    ],
    ids=["empty", "text", "cut short", "bytes", "svg", "tiny", "blank"],
)
def test_no_page_is_refused_by_name(image: bytes, error_id: str, server: triton_server.Server) -> None:
    said = refusal(server, image)
    assert said.startswith(f"{error_id} ")
    assert "/tmp" not in said, "the server's own files are no one's business"
    assert server.is_ready("ecgdigit")


@pytest.mark.parametrize(
    ("told", "error_id"),
    [
        ({"layout": [b"3x5"]}, "E-INPUT-10"),
        ({"layout": [b"\xff"]}, "E-TRITON-02"),
        ({"speed_mm_s": [1000.0]}, "E-TRITON-02"),
        ({"gain_mm_mv": [-1.0]}, "E-TRITON-02"),
        ({"gain_mm_mv": [float("inf")]}, "E-TRITON-02"),
    ],
)
def test_what_is_told_of_a_page_must_make_sense(
    told: dict[str, list[Any]], error_id: str, server: triton_server.Server
) -> None:
    assert refusal(server, PAGES[0].read_bytes(), **told).startswith(f"{error_id} ")


def test_what_is_told_of_a_page_is_believed(
    server: triton_server.Server, read_here: dict[str, Digitized]
) -> None:
    """The same page twice, of which something is told once."""
    here = Digitizer(layout="3x4", speed_mm_s=50, gain_mm_mv=5).digitize(PAGES[0])
    told: dict[str, list[Any]] = {
        "layout": [b"", b"3x4"],
        "speed_mm_s": [0.0, 50.0],
        "gain_mm_mv": [float("nan"), 5.0],
    }
    found = ask(server, [PAGES[0].read_bytes()] * 2, told=told)
    assert_is_page(found, 0, read_here[PAGES[0].name])
    assert_is_page(found, 1, here)
    assert here.layout.speed_mm_s == 50


@pytest.mark.parametrize("protocol", CLIENTS)
def test_wrong_types_and_shapes_are_refused(protocol: str, server: triton_server.Server) -> None:
    kind = CLIENTS[protocol]
    image = np.array([[PAGES[0].read_bytes()]], object)
    with kind.InferenceServerClient(server.http if protocol == "http" else server.grpc) as client:
        number = kind.InferInput("image", [1, 1], "FP32")
        number.set_data_from_numpy(np.zeros((1, 1), np.float32))
        wide = kind.InferInput("image", [1, 2], "BYTES")
        wide.set_data_from_numpy(np.repeat(image, 2, axis=1))
        many = kind.InferInput("image", [9, 1], "BYTES")
        many.set_data_from_numpy(np.repeat(np.array([[b"x"]], object), 9, axis=0))
        for wrong, words in ((number, "FP32"), (wide, "shape"), (many, "<= 8")):
            with pytest.raises(Refused, match=words):
                client.infer("ecgdigit", [wrong])
        with pytest.raises(Refused):
            client.infer("ecgdigit", [])
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("ecgdigit")


def post(server: triton_server.Server, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """What a program without a client library does: one POST."""
    url = f"http://{server.http}/v2/models/ecgdigit/infer"
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def raw_image(image: bytes, says: int | None = None) -> tuple[bytes, dict[str, str]]:
    """A page behind its JSON header, as `curl` sends it. says: the length that stands before the image."""
    data = (len(image) if says is None else says).to_bytes(4, "little") + image
    header = {
        "inputs": [
            {
                "name": "image",
                "shape": [1, 1],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(data)},
            }
        ],
        "outputs": [{"name": "report"}],
    }
    text = json.dumps(header).encode()
    return text + data, {"Inference-Header-Content-Length": str(len(text))}


def test_a_page_posted_without_a_client_library(
    server: triton_server.Server, read_here: dict[str, Digitized]
) -> None:
    body, headers = raw_image(PAGES[0].read_bytes())
    status, answer = post(server, body, **headers)
    assert status == 200
    (output,) = answer["outputs"]
    report = json.loads(output["data"][0])
    assert report["leads"]["V2"]["mv"] == pytest.approx(read_here[PAGES[0].name].leads["V2"].mv, abs=1e-5)
    body, headers = raw_image(b"no image")
    status, answer = post(server, body, **headers)
    assert (status, answer["error"][:10]) == (400, "E-INPUT-03")


@pytest.mark.parametrize("says", [0, 3, 4000, 2**31, 2**32 - 1])
def test_a_length_that_lies_is_refused(says: int, server: triton_server.Server) -> None:
    body, headers = raw_image(b"0123456789", says)
    status, answer = post(server, body, **headers)
    assert status in (400, 500)
    assert answer["error"]
    assert server.is_ready("ecgdigit")
    assert refusal(server, b"text").startswith("E-INPUT-03 ")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"inputs": 3}', b"\x00" * 100])
def test_a_body_that_is_no_request_is_refused(body: bytes, server: triton_server.Server) -> None:
    status, answer = post(server, body)
    assert status in (400, 500)  # 500 is what Triton itself says of JSON that is none
    assert answer["error"]
    assert server.is_ready("ecgdigit")


def test_a_backend_that_garbles_arrays_is_refused_when_it_starts(tmp_path: Path) -> None:
    """The server of these tests does not know NumPy 2: without the check its first request ends it."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    place = str(triton_server.environment(tmp_path / "environment", numpy_2=True))
    write_repository(RepositoryRequest(environment=place), tmp_path / "models")
    said = r"E-BACKEND-01 Triton's Python backend cannot be used: it was built for NumPy 1"
    with (
        pytest.raises(RuntimeError, match=said),
        triton_server.serving(tmp_path / "models", tmp_path, ["ecgdigit"]),
    ):
        pass


def test_the_server_tells_what_it_takes_and_gives(server: triton_server.Server) -> None:
    with http.InferenceServerClient(server.http) as client:
        facts = client.get_model_metadata("ecgdigit")
        assert {one["name"]: one["datatype"] for one in facts["outputs"]} == {
            port.name: "BYTES" if port.dtype == "bytes" else "FP32" for port in OUTPUTS
        }
    assert server.process.poll() is None
