"""The page and its files over HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

PAGE = Path(__file__).parent / "page"
"""The folder of the page: `index.html`, and the files that it loads as `page/NAME`."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What the files of the page are, by their suffixes; no others are served."""

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""The content security policy: everything comes from the server, and nothing is inline."""


def page_router() -> APIRouter:
    """The routes of the page: `/`, and `/page/NAME` for its files.

    Files are read once. A browser asks whether they have changed before it shows them again.
    """
    files = {path.name: path for path in PAGE.iterdir() if path.suffix in MEDIA_TYPES}
    contents = {name: path.read_bytes() for name, path in files.items()}
    tags = {name: f'"{hashlib.sha256(data).hexdigest()[:32]}"' for name, data in contents.items()}
    router = APIRouter(include_in_schema=False)

    def answer(name: str, request: Request) -> Response:
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
            "ETag": tags[name],
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        if tags[name] in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        return Response(contents[name], headers=headers, media_type=MEDIA_TYPES[files[name].suffix])

    @router.api_route("/", methods=["GET", "HEAD"])
    def index(request: Request) -> Response:
        return answer("index.html", request)

    @router.api_route("/page/{name}", methods=["GET", "HEAD"])
    def file(name: str, request: Request) -> Response:
        if name not in contents or name == "index.html":
            raise HTTPException(404, f"the page has no file {name!r}")
        return answer(name, request)

    return router
