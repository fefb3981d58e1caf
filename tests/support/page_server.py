"""A server of the page, with pipelines in its own process, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from albertlm.inference.factory import PIPELINES
from albertlm.inference.pipelines.base import Pipeline
from albertlm.serving.page_routes import page_router

TOKEN = "secret"


class PageServer:
    """The page with an API of the hub's forms.

    Args:
        models: the pipelines of each model by their tasks, by the names of the models.
        facts: what else is said of each model.
    """

    def __init__(
        self, models: Mapping[str, Mapping[str, Pipeline]], facts: Mapping[str, Any]
    ) -> None:
        self.models = models
        self.facts = facts
        self.locked = False
        self.busy = 0
        self.app = FastAPI(docs_url=None, redoc_url=None)
        self.app.include_router(page_router())
        self.app.get("/info")(self.info)
        self.app.post("/models/{name:path}/pipeline/{task}")(self.call)

    def info(self, request: Request) -> JSONResponse:
        """The models and their tasks, as the server says them."""
        models = [
            {"name": name, "tasks": list(tasks), "state": "ready", **self.facts.get(name, {})}
            for name, tasks in self.models.items()
        ]
        return self._refusal(request) or JSONResponse({"models": models})

    async def call(self, name: str, task: str, request: Request) -> JSONResponse:
        """Carry out a task, or refuse as the server does."""
        body = await request.json()
        if refused := self._refusal(request):
            return refused
        if self.busy:
            self.busy -= 1
            loading = {"error": "the model is loading"}
            return JSONResponse(loading, 503, headers={"Retry-After": "1"})
        try:
            return JSONResponse(answer(self.models[name][task], task, body))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)

    def _refusal(self, request: Request) -> JSONResponse | None:
        if not self.locked or request.headers.get("Authorization") == f"Bearer {TOKEN}":
            return None
        return JSONResponse({"error": "a token is needed"}, 401)


def answer(pipeline: Any, task: str, body: Mapping[str, Any]) -> Any:
    """What the hub's form of a task answers to a body."""
    inputs, options = body["inputs"], body.get("parameters", {})
    match task:
        case "fill-mask":
            return pipeline(inputs, clean=True, **options)
        case "feature-extraction":
            vectors = pipeline(inputs, pooling="mean", normalize=body["normalize"])
            return np.array(vectors).tolist()
        case "text-classification":
            return [pipeline(inputs, top_k=None)]
        case "sentence-order":
            return pipeline(**inputs)
        case "sentence-similarity":
            one, *others = pipeline(
                [inputs["source_sentence"], *inputs["sentences"]], pooling="mean", normalize=True
            )
            return [float(one @ other) for other in others]
    return pipeline(inputs, **options)


def pipelines(folder: Path, tasks: Sequence[str]) -> dict[str, Pipeline]:
    """The pipelines of a model; similarities are those of its features."""
    from albertlm import pipeline

    made: dict[str, Pipeline] = {}
    for task in tasks:
        name = "feature-extraction" if task == "sentence-similarity" else task
        assert name in PIPELINES
        made[task] = pipeline(name, str(folder), engine="numpy")  # type: ignore[call-overload]
    return made


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port, and yield its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=60)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does, and yield its address."""

    def handler(*arguments: Any) -> _Quiet:
        return _Quiet(*arguments, directory=str(folder))

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
