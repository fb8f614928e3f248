"""Errors as RFC 9457 problem details, with the ids of docs/errors.md."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from ecgdigit_rt.decode.limits import MIN_SIDE_PX
from ecgdigit_rt.errors import (
    DependencyMissing,
    EcgDigitError,
    ForeignRequest,
    FormMalformed,
    ImageSizeOutOfRange,
    InputError,
    OutOfDeviceMemory,
    PageError,
    PageTookTooLong,
    ServiceBusy,
    TokenWrong,
    UnsupportedType,
    UploadTooLarge,
)

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 2

_STATUS: tuple[tuple[type[EcgDigitError], int], ...] = (
    (FormMalformed, 422),
    (UploadTooLarge, 413),
    (ServiceBusy, 503),
    (PageTookTooLong, 504),
    (TokenWrong, 401),
    (ForeignRequest, 403),
    (UnsupportedType, 415),
    (PageError, 422),
    (InputError, 422),
    (DependencyMissing, 501),
    (OutOfDeviceMemory, 503),
)
"""The first kind that fits; anything else is 500."""


class Problem(BaseModel):
    """What went wrong. `error_id` is a heading in the documentation's page of errors."""

    type: str = Field(examples=["urn:ecgdigit-rt:error:E-GRID-01"])
    title: str
    status: int
    detail: str
    hint: str | None = None
    error_id: str | None = Field(default=None, examples=["E-GRID-01"])


def status_of(error: EcgDigitError) -> int:
    """The HTTP status of a named error."""
    if isinstance(error, ImageSizeOutOfRange):
        return 422 if min(error.width, error.height) < MIN_SIDE_PX else 413
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem_from_error(error: EcgDigitError) -> Problem:
    status = status_of(error)
    return Problem(
        type=f"urn:ecgdigit-rt:error:{error.id}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.message,
        hint=error.hint,
        error_id=error.id,
    )


def problem_of_status(status: int, detail: str) -> Problem:
    """What HTTP itself names, such as an unknown path."""
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)


def response_from_problem(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """The problem as an answer; it says when to come back, and what a token is to look like."""
    more: dict[str, Any] = {"cache-control": "no-store", **(headers or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        more["retry-after"] = str(_RETRY_AFTER_S)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        more["www-authenticate"] = "Bearer"
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, more, media_type=MEDIA_TYPE)


def response_from_error(error: EcgDigitError) -> JSONResponse:
    return response_from_problem(problem_from_error(error))
