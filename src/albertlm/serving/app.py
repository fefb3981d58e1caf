"""The application: all routes behind the limits, and errors in the form of their protocol."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import albertlm
from albertlm.inference.pipelines.base import quote
from albertlm.serving import health
from albertlm.serving.authorization import BearerTokens, read_tokens
from albertlm.serving.errors import InvalidRequest, ServingError
from albertlm.serving.limits import READ_SECONDS, BodyLimit
from albertlm.serving.logs import HEADERS, Observation, observed
from albertlm.serving.page_routes import page_router
from albertlm.serving.protocols import hub, open_inference, openai, tei
from albertlm.serving.protocols.schemas import Refused
from albertlm.serving.request_metrics import Metrics
from albertlm.serving.service import Service
from albertlm.serving.serving_config import ServingConfig

LOGGER = logging.getLogger(__name__)

FORMS = (openai.FORM, open_inference.FORM, tei.FORM, hub.FORM)
"""The forms of errors, of which the last one also serves paths of no protocol."""

TELEMETRY: TelemetryConfig = {
    "logs": False,
    "metrics": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""A span for each request, if the process has a provider of traces; nothing is sent otherwise."""


def create_app(service: Service, config: ServingConfig) -> FastAPI:
    """The application that serves models; it starts and stops the service.

    Args:
        service: the models.
        config: the limits; `host`, `port` and what concerns models are not used.

    Raises:
        OSError: the file of tokens cannot be read.
        ValueError: it holds no token.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    metrics = Metrics()
    app = FastAPI(
        title="albertlm",
        description="Models behind the protocols of the clients that people have.",
        version=albertlm.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=_middleware(config, metrics),
        exception_handlers={
            ServingError: _refused,
            RequestValidationError: _invalid,
            HTTPException: _no_route,
        },
        redirect_slashes=False,
        telemetry=TELEMETRY,
    )
    app.state.service, app.state.config, app.state.metrics = service, config, metrics
    for router in (health.router, hub.router, openai.router, tei.router, open_inference.router):
        app.include_router(router)
    app.include_router(page_router())
    return app


def _middleware(config: ServingConfig, metrics: Metrics) -> list[Middleware]:
    """What a request passes through, in this order."""
    found = [Middleware(Observation, done=metrics.record, log_texts=config.log_texts)]
    if config.cors:
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=config.cors,
                allow_methods=("GET", "POST"),
                allow_headers=("Authorization", "Content-Type", "X-Request-Id"),
                expose_headers=HEADERS,
            )
        )
    found.append(Middleware(Refusals))
    if config.token_file is not None:
        found.append(Middleware(BearerTokens, tokens=read_tokens(config.token_file)))
    found.append(Middleware(BodyLimit, most_bytes=config.max_body, seconds=READ_SECONDS))
    return found


class Refusals:
    """ASGI middleware that answers with an error in the form of the protocol that was called.

    What is no `ServingError` is logged, without its message, since that may quote a text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, and answer it if that fails."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            observed(scope).error = "gone"
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            if not isinstance(error, ServingError):
                frames = "".join(traceback.format_tb(error.__traceback__))
                LOGGER.error("%s in\n%s", type(error).__name__, frames)
                error = ServingError("the server has an error; its log says more")
            await _response(scope, error)(scope, receive, send)


async def _refused(request: Request, error: ServingError) -> JSONResponse:
    return _response(request.scope, error)


def _response(scope: Scope, error: ServingError) -> JSONResponse:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _in_form(scope, Refused(error.status, error.kind, str(error)), headers)


def _in_form(scope: Scope, refused: Refused, headers: Any = None) -> JSONResponse:
    observed(scope).error = refused.kind
    path = scope["path"]
    form = next((each for each in FORMS if each.covers(path)), FORMS[-1])
    return JSONResponse(form.body(refused), refused.status, headers)


async def _no_route(request: Request, error: HTTPException) -> JSONResponse:
    """There is no such path, or it has another method."""
    path, method = request.url.path[:200], request.method
    message = f"{method} {path}: {error.detail}; /openapi.json has all paths and methods"
    refused = Refused(error.status_code, "no_route", message)
    return _in_form(request.scope, refused, error.headers)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """The body is no JSON, or not in the form of the schema; the most specific problem is told."""
    problems = [(_place(each, error.body), each) for each in error.errors()]
    deepest = max((place for place, _ in problems), key=len)
    found = [each for place, each in problems if place == deepest]
    first, told = found[0], list(dict.fromkeys(each["msg"] for each in found))
    if first["type"] == "json_invalid":
        message = f"the body is no JSON that can be read: {first['ctx']['error']}"
    elif not deepest:
        message = "the body is no JSON object; send one, with Content-Type: application/json"
    else:
        given = "" if first["type"] == "missing" else f", which {quote(first['input'])} is not"
        message = f"{'.'.join(deepest)}: {' or '.join(told)}{given}"
    return _response(request.scope, InvalidRequest(message))


def _place(problem: dict[str, Any], body: Any) -> list[str]:
    """The keys and indices that lead to a problem in a body.

    Between them, pydantic names the forms that it tried wherever a value may have several.
    """
    place, value = [], body
    path = problem["loc"][1:]
    for part in path:
        inside = range(len(value)) if isinstance(value, list) else value
        if isinstance(value, dict | list) and part in inside:
            value = value[part]
            place.append(str(part))
    if problem["type"] == "missing" and path:
        place.append(str(path[-1]))
    return place
