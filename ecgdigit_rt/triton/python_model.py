"""The Python model `ecgdigit` of a Triton server: requests become pages, and pages become responses.

Each request holds one image or several; Triton hands over as many requests as wait, up to the largest batch.
A request of one image whose page fails is answered with an error that begins with the error's id. In a
request of several every page speaks for itself in `error_id` and `report`, so that one costs itself only.
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

from ecgdigit_engine.threads import usable_cpus
from ecgdigit_engine.triton.stage_runner import TritonStages
from ecgdigit_rt.errors import BackendUnusable, EcgDigitError, RequestMalformed
from ecgdigit_rt.models import STAGES
from ecgdigit_rt.results import Failed, PageRef, Result, failed_from_error
from ecgdigit_rt.triton.page_service import Image, Page, PageService
from ecgdigit_rt.triton.ports import GAIN, IMAGE, LAYOUT, SPEED, outputs_from_results

STAGE_MODELS = {stage: f"ecgdigit_{stage}" for stage in STAGES}
"""The models that serve the stages, beside this one."""

_CLIENTS_FAULT = ("E-INPUT-", "E-PAGE-", "E-GRID-", "E-ROWS-", "E-LAYOUT-", "E-QUALITY-", RequestMalformed.id)
"""Errors that another image or request would not have; all others are the server's."""


class Tensor(Protocol):
    """One input of a request."""

    def name(self) -> str: ...

    def as_numpy(self) -> NDArray[Any]: ...


class Request(Protocol):
    """What Triton's Python backend hands over, as far as it is used here."""

    def request_id(self) -> str: ...

    def inputs(self) -> Sequence[Tensor]: ...

    def requested_output_names(self) -> Sequence[str]: ...

    def get_response_sender(self) -> Any: ...  # noqa: ANN401 has no type outside of the server


class TritonPythonModel:
    """What Triton's Python backend asks for: `initialize`, then `execute` for every batch."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Open the networks as the parameters in config.pbtxt say. args: `model_config` as JSON, and more.

        Raises TritonModelException, with the id of the error that keeps the model from being served.
        """
        self._server = importlib.import_module("triton_python_backend_utils")
        try:
            _check_arrays(self._server)
            self._pages = self._opened(json.loads(args["model_config"]))
        except EcgDigitError as error:
            said = f"{error.id} {error.message}. {error.hint}"
            raise self._server.TritonModelException(said) from error
        self._server.Logger.log_info(f"ecgdigit: {self._pages.about}")

    def _opened(self, config: Mapping[str, Any]) -> PageService:
        given = {name: one["string_value"] for name, one in config.get("parameters", {}).items()}
        through_stages = given.get("networks") == "stage-models"
        opener = TritonStages(self._server, STAGE_MODELS) if through_stages else None
        instances = sum(group["count"] for group in config["instance_group"]) or 1
        return PageService(
            given["models"],
            int(given["threads"]) or max(1, usable_cpus() // instances),
            Page(given["layout"] or None, _number(given["speed_mm_s"]), _number(given["gain_mm_mv"])),
            backend=given["backend"],
            device=given["device"],
            precision=given["precision"],
            opener=opener,
        )

    def execute(self, requests: Sequence[Request]) -> None:
        """Answer every request, each as soon as its last page is read."""
        asked: list[tuple[Request, list[Image]]] = []
        for request in requests:
            images = self._images(request)
            if isinstance(images, Failed):
                self._send(request, [images])
            else:
                asked.append((request, images))
        results = self._pages.results([image for _, images in asked for image in images])
        for request, images in asked:
            self._send(request, [next(results) for _ in images])
        results.close()

    def _images(self, request: Request) -> list[Image] | Failed:
        """What a request asks for, or why it cannot be understood."""
        name = Path(request.request_id()).name or IMAGE
        given = {one.name(): one.as_numpy().reshape(-1).tolist() for one in request.inputs()}
        count = len(given[IMAGE])
        nothing = [None] * count
        told = zip(*(given.get(port, nothing) for port in (LAYOUT, SPEED, GAIN)), strict=True)
        try:
            pages = [Page(_text(layout), _told(speed), _told(gain)) for layout, speed, gain in told]
        except RequestMalformed as error:
            return failed_from_error(PageRef(Path(name)), error)
        names = [name] if count == 1 else [f"{name}-{place + 1}" for place in range(count)]
        return [Image(*one) for one in zip(names, given[IMAGE], pages, strict=True)]

    def _send(self, request: Request, results: Sequence[Result]) -> None:
        pb = self._server
        only = results[0] if len(results) == 1 else None
        if isinstance(only, Failed):
            response = pb.InferenceResponse(error=self._error(only))
        else:
            outputs = outputs_from_results(results, request.requested_output_names())
            response = pb.InferenceResponse([pb.Tensor(name, value) for name, value in outputs.items()])
        request.get_response_sender().send(response, flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _error(self, failed: Failed) -> object:
        kind = self._server.TritonError
        is_clients = failed.error_id.startswith(_CLIENTS_FAULT)
        code = kind.INVALID_ARG if is_clients else kind.INTERNAL
        return kind(f"{failed.error_id} {failed.message}. {failed.hint}", code)


def _check_arrays(server: Any) -> None:  # noqa: ANN401 has no type outside of the server
    """See that the backend and NumPy understand each other: until 24.10 it does not know NumPy 2.

    Then every array that it makes repeats its first value, and the first request ends the process. Raises
    BackendUnusable.
    """
    sent = np.arange(3, dtype=np.float32)
    back = server.Tensor.from_dlpack("x", server.Tensor("x", sent).to_dlpack()).as_numpy()
    if not np.array_equal(sent, back):
        reason = f"it was built for NumPy 1 and garbles arrays of NumPy {np.__version__}"
        raise BackendUnusable("Triton's Python backend", reason, "Use Triton 24.12 or later.")


def _text(value: bytes | None) -> str | None:
    """A layout's name; none where it is empty."""
    try:
        return (value or b"").decode() or None
    except UnicodeDecodeError as error:
        raise RequestMalformed(LAYOUT, repr(value), "it must be UTF-8") from error


def _told(value: float | None) -> float | None:
    """A number that was told: 0 and NaN stand for none, since a batch has one for every image or for none."""
    return None if value is None or value == 0 or math.isnan(value) else value


def _number(text: str) -> float | None:
    return float(text) if text else None
