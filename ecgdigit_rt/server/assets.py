"""Static files of the web page, read once and served from memory."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI, HTTPException
from fastapi.responses import Response

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


def add_assets(app: FastAPI) -> None:
    """Add routes for the web page `/`, the API reference `/docs`, and their files `/web/NAME`."""
    folder = files("ecgdigit_rt.server").joinpath("web")
    assets = {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in _MEDIA_TYPES
    }

    def asset_response(name: str) -> Response:
        media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        return Response(assets[name], media_type=media_type, headers={"cache-control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return asset_response("index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return asset_response("docs.html")

    @app.get("/web/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return asset_response(name)
