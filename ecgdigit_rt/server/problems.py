"""Errors as RFC 9457 problem details, with the error ids of docs/errors.md."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from ecgdigit_rt.decode.limits import MIN_SIDE_PX
from ecgdigit_rt.errors import (
    DependencyMissing,
    DeviceFailed,
    DeviceLost,
    EcgDigitError,
    FormMalformed,
    ImageSizeOutOfRange,
    InputError,
    InvalidToken,
    OutOfDeviceMemory,
    PageError,
    RequestForbidden,
    RequestTimedOut,
    ServiceBusy,
    UnsupportedType,
    UploadStalled,
    UploadTooLarge,
)

MEDIA_TYPE = "application/problem+json"

_RETRY_AFTER_S = 2
"""Seconds that a client should wait after status 503. Hand-picked, not tuned: it is enough time to
digitize a few pages."""

_STATUSES: tuple[tuple[type[EcgDigitError], int], ...] = (
    (FormMalformed, 422),
    (UploadTooLarge, 413),
    (ServiceBusy, 503),
    (RequestTimedOut, 504),
    (UploadStalled, 408),
    (InvalidToken, 401),
    (RequestForbidden, 403),
    (UnsupportedType, 415),
    (PageError, 422),
    (InputError, 422),
    (DependencyMissing, 501),
    (OutOfDeviceMemory, 503),
    (DeviceFailed, 503),
    (DeviceLost, 503),
)
"""HTTP statuses by error class. The first matching class applies. Other errors have status 500, except
ImageSizeOutOfRange (see `http_status`)."""


class Problem(BaseModel):
    """Problem details of RFC 9457. Each `error_id` has a heading in docs/errors.md."""

    type: str = Field(examples=["urn:ecgdigit-rt:error:E-GRID-01"])
    title: str
    status: int
    detail: str
    hint: str | None = None
    error_id: str | None = Field(default=None, examples=["E-GRID-01"])


def http_status(error: EcgDigitError) -> int:
    """Return the HTTP status of an error.

    Each error class has one status, except ImageSizeOutOfRange: 422 if the image is too small, 413 if it is
    too large.
    """
    if isinstance(error, ImageSizeOutOfRange):
        return 422 if min(error.width, error.height) < MIN_SIDE_PX else 413
    return next((status for error_class, status in _STATUSES if isinstance(error, error_class)), 500)


def problem_from_error(error: EcgDigitError) -> Problem:
    """Return the problem details of an error."""
    status = http_status(error)
    return Problem(
        type=f"urn:ecgdigit-rt:error:{error.id}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.message,
        hint=error.hint,
        error_id=error.id,
    )


def problem_from_status(status: int, detail: str) -> Problem:
    """Return the problem details of a response without an error id, such as 404 for an unknown path."""
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)


def response_from_problem(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the response, with Retry-After for status 503 and WWW-Authenticate for status 401."""
    all_headers: dict[str, Any] = {"cache-control": "no-store", **(headers or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers["retry-after"] = str(_RETRY_AFTER_S)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        all_headers["www-authenticate"] = "Bearer"
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, all_headers, media_type=MEDIA_TYPE)


def response_from_error(error: EcgDigitError) -> JSONResponse:
    """Return the response to a request that failed with `error`."""
    return response_from_problem(problem_from_error(error))
