"""What OpenAPI says of the routes beyond their signatures."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ecgdigit_rt.server.downloads import MEDIA_TYPES
from ecgdigit_rt.server.metrics import MEDIA_TYPE as METRICS_TYPE
from ecgdigit_rt.server.problems import MEDIA_TYPE, Problem
from ecgdigit_rt.server.uploads import FIELD

DESCRIPTION = (
    "Paper ECGs become calibrated 12-lead signals. One request is one page; nothing of it is kept. "
    "Errors are RFC 9457 problem details whose `error_id` is a heading in the documentation."
)

_PAGE = "Page"
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {
                    FIELD: {
                        "type": "string",
                        "format": "binary",
                        "description": "An image, PDF, TIFF or DICOM file.",
                    }
                },
            }
        }
    },
}
_REASONS = {
    401: "The token is missing or wrong (E-SERVE-05).",
    403: "The request comes from elsewhere (E-SERVE-06).",
    413: "The upload or the picture is too large (E-SERVE-02, E-INPUT-05).",
    415: "The file is of no type that is read (E-INPUT-04).",
    422: "The request is malformed (E-SERVE-01), or the page cannot be read (E-PAGE, E-GRID, E-LAYOUT, …).",
    500: "A bug (E-BUG-01).",
    501: "The format's package is not installed (E-DEPENDENCY-01).",
    503: "Every place is taken; come back after Retry-After seconds (E-SERVE-03).",
    504: "The page took too long (E-SERVE-04).",
}
_GUARDED = (401, 403)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _bytes(media_type: str) -> dict[str, Any]:
    kind = {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
    return {media_type.partition(";")[0]: {"schema": kind}}


_ANSWERS: dict[str, Any] = {MEDIA_TYPES["json"]: {"schema": {"$ref": f"#/components/schemas/{_PAGE}"}}}
for _type in MEDIA_TYPES.values():
    _ANSWERS = {**_bytes(_type), **_ANSWERS}

_PAGE_PROBLEMS = _problems(*_REASONS)
DIGITIZE: dict[str, Any] = {
    "openapi_extra": {"requestBody": _BODY},
    "response_model": None,
    "responses": {200: {"description": "The page's signals.", "content": _ANSWERS}, **_PAGE_PROBLEMS},
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["waiting", "step", "sketch", "result", "problem"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
STREAM: dict[str, Any] = {
    "openapi_extra": {"requestBody": _BODY},
    "response_model": None,
    "responses": {
        200: {"description": "Events.", "content": {"text/event-stream": {"schema": _EVENT}}},
        **_PAGE_PROBLEMS,
    },
}
ABOUT: dict[str, Any] = {"responses": _problems(*_GUARDED)}
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
        200: {"description": "Metrics.", "content": _bytes(METRICS_TYPE)},
        **_problems(*_GUARDED),
    },
}


def schema_maker(app: FastAPI, has_token: bool) -> Callable[[], dict[str, Any]]:
    """Gives the application's schema, made once: with problems, the page's own schema, and the token."""
    made: dict[str, Any] = {}

    def schema() -> dict[str, Any]:
        if not made:
            made.update(_schema(app, has_token))
        return made

    return schema


def _schema(app: FastAPI, has_token: bool) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    page = files("ecgdigit_rt.formats").joinpath("page.schema.json").read_text("utf-8")
    schemas |= {"Problem": Problem.model_json_schema(), _PAGE: _embedded(json.loads(page))}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if has_token:
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in found["paths"].items():
        for operation in operations.values():
            operation["responses"] = {
                status: answer
                for status, answer in operation["responses"].items()
                if "HTTPValidationError" not in json.dumps(answer)
            }
            if has_token and not path.startswith("/health"):
                operation["security"] = [{"token": []}]
    return found


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its definitions, as a component: its references lead from the document's root."""
    base = f"#/components/schemas/{_PAGE}"
    return json.loads(json.dumps(schema).replace('"#/$defs', f'"{base}/$defs'))  # type: ignore[no-any-return]
