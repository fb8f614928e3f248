"""Python model `ecgdigit` of a Triton server.

A request contains one or several images. Triton passes waiting requests together, up to the maximum batch
size.

- If the only image of a request fails, or if a layout is not UTF-8, the response is an error. The message
  begins with the error id.
- In a request with several images, `error_id` and `report` describe each image that fails.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_engine.memory import release_freed_memory
from ecgdigit_engine.triton.stage_runner import triton_stages
from ecgdigit_rt.errors import BackendUnusable, EcgDigitError, RequestMalformed
from ecgdigit_rt.models import STAGES
from ecgdigit_rt.results import Failed, PageRef, Result, failed_from_error
from ecgdigit_rt.triton.page_service import EncodedImage, PageOptions, PageService
from ecgdigit_rt.triton.ports import GAIN, IMAGE, LAYOUT, SPEED, outputs_from_results

STAGE_MODELS = {stage: f"ecgdigit_{stage}" for stage in STAGES}
"""Names of the Triton models that serve the stages."""

_CLIENT_ERRORS = ("E-INPUT-", "E-PAGE-", "E-GRID-", "E-ROWS-", "E-LAYOUT-", "E-QUALITY-", RequestMalformed.id)
"""Prefixes of the ids of errors in the image or the request. All other errors are server errors."""


class Tensor(Protocol):
    """Input tensor of a request."""

    def name(self) -> str:
        """Return the name of the input."""

    def as_numpy(self) -> NDArray[Any]:
        """Return the values. A tensor of strings is an object array of bytes."""


class Request(Protocol):
    """Methods of the request class of Triton's Python backend that this module uses."""

    def request_id(self) -> str:
        """Return the id that the client assigned to the request, or an empty string."""

    def inputs(self) -> Sequence[Tensor]:
        """Return the input tensors."""

    def requested_output_names(self) -> Sequence[str]:
        """Return the names of the requested outputs."""

    def get_response_sender(self) -> Any:  # noqa: ANN401 has no type outside the server
        """Return the object that sends the response."""


class TritonPythonModel:
    """Model class that Triton's Python backend instantiates."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Open the networks as configured by the parameters in config.pbtxt.

        `args["model_config"]` is the configuration as JSON. Raises TritonModelException if the model cannot
        be served. The message begins with the error id.
        """
        self._server = importlib.import_module("triton_python_backend_utils")
        try:
            _check_arrays(self._server)
            self._service = self._page_service(json.loads(args["model_config"]))
        except EcgDigitError as error:
            message = _error_text(error.id, error.message, error.hint)
            raise self._server.TritonModelException(message) from error
        self._server.Logger.log_info(f"ecgdigit: {self._service.description}")

    def _page_service(self, config: Mapping[str, Any]) -> PageService:
        parameters = {name: entry["string_value"] for name, entry in config.get("parameters", {}).items()}
        uses_stage_models = parameters.get("networks") == "stage-models"
        opener = triton_stages(self._server, STAGE_MODELS) if uses_stage_models else None
        instances = sum(group["count"] for group in config["instance_group"]) or 1
        return PageService(
            parameters["models"],
            int(parameters["threads"]) or max(1, usable_cpus() // instances),
            PageOptions(
                parameters["layout"] or None,
                _number_from_text(parameters["speed_mm_s"]),
                _number_from_text(parameters["gain_mm_mv"]),
            ),
            backend=parameters["backend"],
            device=parameters["device"],
            precision=parameters["precision"],
            opener=opener,
        )

    def execute(self, requests: Sequence[Request]) -> None:
        """Process a batch of requests. A response is sent as soon as the last page of its request is done."""
        accepted: list[tuple[Request, list[EncodedImage]]] = []
        for request in requests:
            images = self._images(request)
            if isinstance(images, Failed):
                self._send(request, [images])
            else:
                accepted.append((request, images))
        results = self._service.results([image for _, images in accepted for image in images])
        for request, images in accepted:
            self._send(request, [next(results) for _ in images])
        results.close()
        release_freed_memory()

    def _images(self, request: Request) -> list[EncodedImage] | Failed:
        """Return the images of a request, or a `Failed` if a layout is not UTF-8."""
        name = Path(request.request_id()).name or IMAGE
        inputs = {tensor.name(): tensor.as_numpy().reshape(-1).tolist() for tensor in request.inputs()}
        count = len(inputs[IMAGE])
        unspecified = [None] * count
        rows = zip(*(inputs.get(port, unspecified) for port in (LAYOUT, SPEED, GAIN)), strict=True)
        try:
            options = [
                PageOptions(_layout(layout), _specified(speed), _specified(gain))
                for layout, speed, gain in rows
            ]
        except RequestMalformed as error:
            return failed_from_error(PageRef(Path(name)), error)
        names = [name] if count == 1 else [f"{name}-{index + 1}" for index in range(count)]
        return [EncodedImage(*fields) for fields in zip(names, inputs[IMAGE], options, strict=True)]

    def _send(self, request: Request, results: Sequence[Result]) -> None:
        pb = self._server
        single = results[0] if len(results) == 1 else None
        if isinstance(single, Failed):
            response = pb.InferenceResponse(error=self._error(single))
        else:
            outputs = outputs_from_results(results, request.requested_output_names())
            response = pb.InferenceResponse([pb.Tensor(name, value) for name, value in outputs.items()])
        request.get_response_sender().send(response, flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _error(self, failed: Failed) -> object:
        error = self._server.TritonError
        is_client_error = failed.error_id.startswith(_CLIENT_ERRORS)
        code = error.INVALID_ARG if is_client_error else error.INTERNAL
        return error(_error_text(failed.error_id, failed.message, failed.hint), code)


def _error_text(error_id: str, message: str, hint: str) -> str:
    return f"{error_id} {message.removesuffix('.')}. {hint}"


def _check_arrays(server: Any) -> None:  # noqa: ANN401 has no type outside the server
    """Check that the backend is compatible with the installed NumPy. Raises BackendUnusable.

    Up to Triton 24.10, the backend is built for NumPy 1. If NumPy 2 is installed, every element of an array
    that the backend creates is a copy of the first value, and the first request crashes the process.
    """
    sent = np.arange(3, dtype=np.float32)
    received = server.Tensor.from_dlpack("x", server.Tensor("x", sent).to_dlpack()).as_numpy()
    if not np.array_equal(sent, received):
        reason = f"it was built for NumPy 1 and corrupts arrays of NumPy {np.__version__}"
        raise BackendUnusable("Triton's Python backend", reason, "Use Triton 24.12 or later.")


def _layout(value: bytes | None) -> str | None:
    """Return a layout name, or None if it is empty. Raises RequestMalformed."""
    try:
        return (value or b"").decode() or None
    except UnicodeDecodeError as error:
        raise RequestMalformed(LAYOUT, repr(value), "it must be UTF-8") from error


def _specified(value: float | None) -> float | None:
    """Return the value, or None for 0 and NaN.

    Clients send 0 or NaN for images without a value if other images of the request have one.
    """
    return None if value is None or value == 0 or math.isnan(value) else value


def _number_from_text(text: str) -> float | None:
    return float(text) if text else None
