"""The page and its files over HTTP."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from albertlm.serving.page_files import INDEX, POLICY, read_files

HEADERS = {
    "Cache-Control": "no-cache",  # a browser asks whether a file has changed
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_router() -> APIRouter:
    """The routes of the page: `/`, and `/page/NAME` for its files, which are read once."""
    files = read_files()
    tags = {
        name: f'"{hashlib.sha256(file.content).hexdigest()[:32]}"' for name, file in files.items()
    }
    router = APIRouter(include_in_schema=False)

    def answer(name: str, request: Request) -> Response:
        headers = {**HEADERS, "ETag": tags[name]}
        if tags[name] in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        return Response(files[name].content, headers=headers, media_type=files[name].media_type)

    @router.api_route("/", methods=["GET", "HEAD"])
    def page(request: Request) -> Response:
        return answer(INDEX, request)

    @router.api_route("/page/{name}", methods=["GET", "HEAD"])
    def file(name: str, request: Request) -> Response:
        if name not in files or name == INDEX:
            raise HTTPException(404, f"the page has no file {name!r}")
        return answer(name, request)

    return router
