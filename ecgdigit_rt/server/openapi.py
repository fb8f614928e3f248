"""Parts of the OpenAPI description that cannot be derived from the signatures of the routes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ecgdigit_rt.server.downloads import MEDIA_TYPES
from ecgdigit_rt.server.metrics import MEDIA_TYPE as METRICS_TYPE
from ecgdigit_rt.server.problems import MEDIA_TYPE, Problem
from ecgdigit_rt.server.uploads import FILE_FIELD

DESCRIPTION = (
    "Converts images of paper ECGs to calibrated 12-lead signals. Each request digitizes one page of the "
    "uploaded file. Nothing is stored. A page with the status `doubtful` was digitized, but its signals may "
    "be wrong; `doubts` has the reasons. Errors are RFC 9457 problem details. Each `error_id` and each id of "
    "a doubt has a heading in the documentation."
)

_PAGE = "Page"
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FILE_FIELD],
                "additionalProperties": False,
                "properties": {
                    FILE_FIELD: {
                        "type": "string",
                        "format": "binary",
                        "description": "An image, such as PNG, JPEG or TIFF, a PDF, or a DICOM file.",
                    }
                },
            }
        }
    },
}
_REASONS = {
    401: "The token is missing or wrong (E-SERVE-05).",
    403: "The host or origin of the request is not allowed (E-SERVE-06).",
    408: "The upload paused for too long (E-SERVE-08).",
    413: "The upload or the image is too large (E-SERVE-02, E-INPUT-05).",
    415: "The file type is not supported (E-INPUT-04).",
    422: "The request is malformed (E-SERVE-01), the file is unreadable or unsuitable (E-INPUT), or the page "
    "cannot be digitized (E-PAGE, E-GRID, …), or it is doubtful and `strict` is set (E-DOUBT-01).",
    500: "An internal error occurred, such as E-BUG-01.",
    501: "An optional package that the file type or the output format requires is not installed "
    "(E-DEPENDENCY-01).",
    503: "The queue is full (E-SERVE-03), a GPU is out of memory or failed (E-DEVICE-01, E-DEVICE-03, "
    "E-DEVICE-04), or the models are loading. "
    "Retry after the number of seconds in Retry-After.",
    504: "The page exceeded the time limit (E-SERVE-04).",
}
_ACCESS_STATUSES = (401, 403)
"""Statuses of requests with an invalid token, or with a host or origin that is not allowed."""


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _content(media_type: str) -> dict[str, Any]:
    schema = {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
    return {media_type.partition(";")[0]: {"schema": schema}}


_PAGE_CONTENT: dict[str, Any] = {MEDIA_TYPES["json"]: {"schema": {"$ref": f"#/components/schemas/{_PAGE}"}}}
for _type in MEDIA_TYPES.values():
    _PAGE_CONTENT = {**_content(_type), **_PAGE_CONTENT}

_PAGE_PROBLEMS = _problems(*_REASONS)
DIGITIZE: dict[str, Any] = {
    "openapi_extra": {"requestBody": _BODY},
    "response_model": None,
    "responses": {200: {"description": "Signals of the page.", "content": _PAGE_CONTENT}, **_PAGE_PROBLEMS},
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["waiting", "step", "preview", "result", "problem"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
STREAM: dict[str, Any] = {
    "openapi_extra": {"requestBody": _BODY},
    "response_model": None,
    "responses": {
        200: {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": _EVENT}}},
        **_PAGE_PROBLEMS,
    },
}
ABOUT: dict[str, Any] = {"responses": _problems(*_ACCESS_STATUSES)}
HEALTH: dict[str, Any] = {"responses": _problems(403)}
READY: dict[str, Any] = {
    "response_model": None,
    "responses": {
        200: {"description": "Ready.", "content": {"application/json": {"schema": {"type": "object"}}}},
        **_problems(403, 503),
    },
}
METRICS: dict[str, Any] = {
    "response_model": None,
    "responses": {
        200: {"description": "Metrics.", "content": _content(METRICS_TYPE)},
        **_problems(*_ACCESS_STATUSES),
    },
}


def schema_factory(app: FastAPI, has_token: bool) -> Callable[[], dict[str, Any]]:
    """Return a function that builds the OpenAPI schema of the application and caches it.

    It includes the schemas of problem details and of a page. If `has_token`, it declares bearer
    authentication.
    """
    return cache(lambda: _schema(app, has_token))


def _schema(app: FastAPI, has_token: bool) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    page = files("ecgdigit_rt.formats").joinpath("page.schema.json").read_text("utf-8")
    schemas |= {"Problem": Problem.model_json_schema(), _PAGE: _as_component(json.loads(page))}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if has_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            operation["responses"] = {
                status: response
                for status, response in operation["responses"].items()
                if "HTTPValidationError" not in json.dumps(response)
            }
            if has_token and not path.startswith("/health"):
                operation["security"] = [{"token": []}]
    return schema


def _as_component(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with references that start at the root of the OpenAPI document."""
    base = f"#/components/schemas/{_PAGE}"
    return json.loads(json.dumps(schema).replace('"#/$defs', f'"{base}/$defs'))  # type: ignore[no-any-return]
