"""The files of the page in the browser: read once, served from memory."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI, HTTPException
from fastapi.responses import Response

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


def add_assets(app: FastAPI) -> None:
    """`/` is the page, `/docs` the page of the interface, `/web/NAME` what both load."""
    folder = files("ecgdigit_rt.server").joinpath("web")
    assets = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.split(".")[-1] in _TYPES}

    def sent(name: str) -> Response:
        kind = _TYPES[name.rpartition(".")[2]]
        return Response(assets[name], media_type=kind, headers={"cache-control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return sent("index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return sent("docs.html")

    @app.get("/web/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return sent(name)
