"""The document for people, with assets that this service serves itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import fastapi_offline
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from service.api.openapi import TITLE

if TYPE_CHECKING:
    from fastapi import FastAPI

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_ASSETS_URL = "/docs/assets"
# The pages begin with a script of their own, and ReDoc works in a blob; nothing comes from afar.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; worker-src blob:; frame-ancestors 'none'"
    )
}


def add_docs(app: FastAPI) -> None:
    """Add `/docs`, `/redoc` and their assets; whoever comes to `/` is led there."""
    app.add_route("/", _welcome, include_in_schema=False)
    app.add_route("/docs", _swagger, include_in_schema=False)
    app.add_route("/redoc", _redoc, include_in_schema=False)
    app.mount(_ASSETS_URL, StaticFiles(directory=_ASSETS), name="assets")


async def _welcome(_: object) -> Response:
    return RedirectResponse("/docs")


async def _swagger(_: object) -> Response:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=TITLE,
        swagger_js_url=f"{_ASSETS_URL}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS_URL}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS_URL}/favicon.png",
    )
    return HTMLResponse(page.body, headers=_HEADERS)


async def _redoc(_: object) -> Response:
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title=TITLE,
        redoc_js_url=f"{_ASSETS_URL}/redoc.standalone.js",
        redoc_favicon_url=f"{_ASSETS_URL}/favicon.png",
        with_google_fonts=False,
    )
    return HTMLResponse(page.body, headers=_HEADERS)
