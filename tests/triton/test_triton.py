"""Model `ecgdigit` on a real Triton server: pages, batches, invalid requests, and recovery."""

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
from ecgdigit_rt.formats.metadata import page_metadata
from ecgdigit_rt.formats.signal_table import lead_names, signal_table
from ecgdigit_rt.triton.ports import OUTPUTS
from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

grpc = pytest.importorskip("tritonclient.grpc", reason="the extra `dev` has tritonclient")
http = pytest.importorskip("tritonclient.http", reason="the extra `dev` has tritonclient")
CLIENTS = {"http": http, "grpc": grpc}
RequestError = pytest.importorskip("tritonclient.utils").InferenceServerException

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "examples").glob("*.jpg"))
UNAVAILABLE = triton_server.unavailable_reason()

Tensors = dict[str, NDArray[Any]]


def infer(
    server: triton_server.Server,
    images: list[bytes],
    protocol: str = "grpc",
    options: dict[str, list[Any]] | None = None,
    output_names: list[str] | None = None,
) -> Tensors:
    """Send one request. `options` maps inputs to one value per image. Raises InferenceServerException."""
    kind = CLIENTS[protocol]
    inputs = []
    for name, values in {"image": images, **(options or {})}.items():
        is_text = isinstance(values[0], bytes)
        array = np.array(values, object if is_text else np.float32)[:, None]
        inputs.append(kind.InferInput(name, list(array.shape), "BYTES" if is_text else "FP32"))
        inputs[-1].set_data_from_numpy(array)
    with kind.InferenceServerClient(server.http if protocol == "http" else server.grpc) as client:
        outputs = [kind.InferRequestedOutput(name) for name in output_names] if output_names else None
        response = client.infer("ecgdigit", inputs, outputs=outputs)
        return {name: response.as_numpy(name) for name in output_names or [port.name for port in OUTPUTS]}


def error_message(server: triton_server.Server, image: bytes, **options: list[Any]) -> str:
    """Return the error message of a request with one image."""
    with pytest.raises(RequestError) as caught:
        infer(server, [image], options=options)
    return str(caught.value.message())


def assert_is_page(outputs: Tensors, index: int, page: Digitized) -> None:
    """Check the values of a page and their padding."""
    names, table = lead_names(page), signal_table(page).T
    count, samples = table.shape
    assert outputs["lead_names"][index].tolist() == [name.encode() for name in names] + [b""] * (
        outputs["lead_names"].shape[1] - count
    )
    signals = outputs["signals_mv"][index]
    np.testing.assert_allclose(signals[:count, :samples], table, rtol=0, atol=1e-6)
    assert np.isnan(signals[count:]).all()
    assert np.isnan(signals[:, samples:]).all()
    leads = [page.leads[name] for name in names]
    windows = [[lead.start_s, lead.end_s] for lead in leads]
    np.testing.assert_allclose(outputs["windows_s"][index][:count], windows, rtol=0, atol=1e-6)
    for name in ("confidence", "expected_error_mv"):
        expected = [getattr(lead, name) for lead in leads]
        np.testing.assert_allclose(outputs[name][index][:count], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(outputs["expected_db"][index], [page.expected_db], rtol=1e-6)
    assert outputs["rate_hz"][index] == [500]
    assert outputs["error_id"][index] == [b""]


@pytest.mark.parametrize(
    ("path", "protocol"),
    [*((path, "grpc") for path in PAGES), (PAGES[0], "http"), (PAGES[3], "http")],
    ids=lambda value: value if isinstance(value, str) else value.stem,
)
def test_responses_equal_local_results(
    path: Path, protocol: str, server: triton_server.Server, local_results: dict[str, Digitized]
) -> None:
    page = local_results[path.name]
    outputs = infer(server, [path.read_bytes()], protocol)
    assert_is_page(outputs, 0, page)
    report = json.loads(outputs["report"][0, 0])
    metadata = page_metadata(page)
    assert {key: report[key] for key in ("layout", "models", "expected_db", "quality", "status")} == {
        key: metadata[key] for key in ("layout", "models", "expected_db", "quality", "status")
    }
    assert report["leads"]["II"]["mv"] == pytest.approx(page.leads["II"].mv, abs=1e-5)


def test_pages_of_one_request_have_their_own_errors(
    server: triton_server.Server, local_results: dict[str, Digitized]
) -> None:
    files = [PAGES[0].read_bytes(), b"no image", PAGES[2].read_bytes()]
    outputs = infer(server, files, options={"layout": [b"", b"", b""], "speed_mm_s": [0, 25, float("nan")]})
    assert_is_page(outputs, 0, local_results[PAGES[0].name])
    assert_is_page(outputs, 2, local_results[PAGES[2].name])
    assert outputs["error_id"].tolist() == [[b""], [b"E-INPUT-03"], [b""]]
    assert np.isnan(outputs["signals_mv"][1]).all()
    report = json.loads(outputs["report"][1, 0])
    assert (report["status"], report["error_id"], report["id"]) == ("failed", "E-INPUT-03", "image-2")
    assert report["message"] == "Cannot read image-2: it is a text file, not an image"


def test_a_request_whose_pages_all_fail(server: triton_server.Server) -> None:
    outputs = infer(server, [b"one", b"two"])
    assert outputs["error_id"].tolist() == [[b"E-INPUT-03"]] * 2
    assert np.isnan(outputs["signals_mv"]).all()
    assert set(outputs["lead_names"].ravel()) == {b""}


def test_waiting_requests_are_batched_and_fail_separately(
    server: triton_server.Server, local_results: dict[str, Digitized]
) -> None:
    files = [path.read_bytes() for path in PAGES[:4]]
    files[1] = files[1][: len(files[1]) // 2]

    def outputs_or_error(image: bytes) -> Tensors | str:
        try:
            return infer(server, [image])
        except RequestError as error:
            return str(error.message())

    before = execution_count(server)
    with ThreadPoolExecutor(8) as clients:
        responses = list(clients.map(outputs_or_error, files))
    assert execution_count(server) - before < len(responses), "no two requests were batched"
    for index, response in enumerate(responses):
        if index == 1:
            assert isinstance(response, str)
            assert response.startswith("E-INPUT-03 ")
        else:
            assert not isinstance(response, str)
            assert_is_page(response, 0, local_results[PAGES[index].name])


def execution_count(server: triton_server.Server) -> int:
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
        (blank(600), "E-PAGE-01"),
    ],
    ids=["empty", "text", "cut short", "bytes", "svg", "tiny", "blank"],
)
def test_images_without_a_page_have_an_error_id(
    image: bytes, error_id: str, server: triton_server.Server
) -> None:
    message = error_message(server, image)
    assert message.startswith(f"{error_id} ")
    assert "/tmp" not in message, "paths of the server must not be disclosed"
    assert server.is_ready("ecgdigit")


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        ({"layout": [b"3x5"]}, "E-INPUT-10"),
        ({"layout": [b"\xff"]}, "E-TRITON-02"),
        ({"speed_mm_s": [1000.0]}, "E-TRITON-02"),
        ({"gain_mm_mv": [-1.0]}, "E-TRITON-02"),
        ({"gain_mm_mv": [float("inf")]}, "E-TRITON-02"),
    ],
)
def test_invalid_options_are_rejected(
    options: dict[str, list[Any]], error_id: str, server: triton_server.Server
) -> None:
    assert error_message(server, PAGES[0].read_bytes(), **options).startswith(f"{error_id} ")


def test_options_override_the_page(server: triton_server.Server, local_results: dict[str, Digitized]) -> None:
    """Send the same page twice, once with options."""
    expected = Digitizer(layout="3x4", speed_mm_s=50, gain_mm_mv=5).digitize(PAGES[0])
    options: dict[str, list[Any]] = {
        "layout": [b"", b"3x4"],
        "speed_mm_s": [0.0, 50.0],
        "gain_mm_mv": [float("nan"), 5.0],
    }
    outputs = infer(server, [PAGES[0].read_bytes()] * 2, options=options)
    assert_is_page(outputs, 0, local_results[PAGES[0].name])
    assert_is_page(outputs, 1, expected)
    assert expected.layout.speed_mm_s == 50


@pytest.mark.parametrize("protocol", CLIENTS)
def test_wrong_types_and_shapes_are_rejected(protocol: str, server: triton_server.Server) -> None:
    kind = CLIENTS[protocol]
    image = np.array([[PAGES[0].read_bytes()]], object)
    with kind.InferenceServerClient(server.http if protocol == "http" else server.grpc) as client:
        number = kind.InferInput("image", [1, 1], "FP32")
        number.set_data_from_numpy(np.zeros((1, 1), np.float32))
        wide = kind.InferInput("image", [1, 2], "BYTES")
        wide.set_data_from_numpy(np.repeat(image, 2, axis=1))
        many = kind.InferInput("image", [9, 1], "BYTES")
        many.set_data_from_numpy(np.repeat(np.array([[b"x"]], object), 9, axis=0))
        for invalid, pattern in ((number, "FP32"), (wide, "shape"), (many, "<= 8")):
            with pytest.raises(RequestError, match=pattern):
                client.infer("ecgdigit", [invalid])
        with pytest.raises(RequestError):
            client.infer("ecgdigit", [])
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("ecgdigit")


def post(server: triton_server.Server, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send a request without a client library and return status and JSON."""
    url = f"http://{server.http}/v2/models/ecgdigit/infer"
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def raw_request(image: bytes, length: int | None = None) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers that `curl` would send. `length` is the length prefix of the image."""
    data = (len(image) if length is None else length).to_bytes(4, "little") + image
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
    server: triton_server.Server, local_results: dict[str, Digitized]
) -> None:
    body, headers = raw_request(PAGES[0].read_bytes())
    status, response = post(server, body, **headers)
    assert status == 200
    (output,) = response["outputs"]
    report = json.loads(output["data"][0])
    assert report["leads"]["V2"]["mv"] == pytest.approx(local_results[PAGES[0].name].leads["V2"].mv, abs=1e-5)
    body, headers = raw_request(b"no image")
    status, response = post(server, body, **headers)
    assert (status, response["error"][:10]) == (400, "E-INPUT-03")


@pytest.mark.parametrize("length", [0, 3, 4000, 2**31, 2**32 - 1])
def test_wrong_lengths_are_rejected(length: int, server: triton_server.Server) -> None:
    body, headers = raw_request(b"0123456789", length)
    status, response = post(server, body, **headers)
    assert status in (400, 500)
    assert response["error"]
    assert server.is_ready("ecgdigit")
    assert error_message(server, b"text").startswith("E-INPUT-03 ")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"inputs": 3}', b"\x00" * 100])
def test_invalid_bodies_are_rejected(body: bytes, server: triton_server.Server) -> None:
    status, response = post(server, body)
    assert status in (400, 500)  # Triton itself answers invalid JSON with 500
    assert response["error"]
    assert server.is_ready("ecgdigit")


def test_a_backend_that_corrupts_arrays_is_rejected_at_start(tmp_path: Path) -> None:
    """Start a server that does not support NumPy 2: its first request would crash it."""
    if UNAVAILABLE:
        pytest.skip(UNAVAILABLE)
    environment = str(triton_server.create_environment(tmp_path / "environment", numpy_2=True))
    write_repository(RepositoryRequest(environment=environment), tmp_path / "models")
    pattern = r"E-BACKEND-01 Triton's Python backend cannot be used: it was built for NumPy 1"
    with (
        pytest.raises(RuntimeError, match=pattern),
        triton_server.serve(tmp_path / "models", tmp_path, ["ecgdigit"]),
    ):
        pass


def test_metadata_lists_the_outputs(server: triton_server.Server) -> None:
    with http.InferenceServerClient(server.http) as client:
        metadata = client.get_model_metadata("ecgdigit")
        assert {output["name"]: output["datatype"] for output in metadata["outputs"]} == {
            port.name: "BYTES" if port.dtype == "bytes" else "FP32" for port in OUTPUTS
        }
    assert server.process.poll() is None
