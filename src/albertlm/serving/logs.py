"""What is seen of each request: its id and timings in headers, and a line of JSON in the log."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from albertlm.serving.service import Timings

ACCESS = logging.getLogger("albertlm.serving.access")

HEADERS = (
    "x-request-id",
    "x-compute-tokens",
    "x-total-time",
    "x-queue-time",
    "x-tokenization-time",
    "x-inference-time",
    "retry-after",
)
"""The headers of answers that say something of the request; times are in milliseconds."""

GONE = 499
"""The status in the log of a request whose client has gone away."""


@dataclass
class Observed:
    """What becomes known of a request while it is answered.

    Fields:
        request_id: what the client gave, or a new one.
        model: the model that it asked for, once it is known to be served.
        task: its task.
        inputs: its inputs.
        timings: what it took.
        error: a word for why it was not answered.
        status: the status of HTTP.
    """

    request_id: str
    model: str = ""
    task: str = ""
    inputs: Any = None
    timings: Timings | None = None
    error: str = ""
    status: int = GONE


def observed(scope: Scope) -> Observed:
    """What is known of a request within an `Observation`."""
    found: Observed = scope["state"]["observed"]
    return found


class Observation:
    """ASGI middleware that gives a request its id, and tells what became of it.

    Args:
        app: what answers.
        done: is called at the end of each request, such as `Metrics.record`.
        log_texts: whether the log has the inputs of tasks.
    """

    def __init__(
        self, app: ASGIApp, done: Callable[[Observed], None], *, log_texts: bool = False
    ) -> None:
        self.app = app
        self.done = done
        self.log_texts = log_texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        seen = Observed(_request_id(given))
        scope.setdefault("state", {})["observed"] = seen
        start = time.perf_counter()

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = seen.request_id
                if trace := given.get("x-amzn-trace-id"):
                    headers["x-amzn-trace-id"] = trace
                if seen.timings:
                    headers.update(_timing_headers(seen.timings))
            await send(message)

        try:
            await self.app(scope, receive, observe)
        finally:
            self.done(seen)
            self._log(scope, seen, time.perf_counter() - start)

    def _log(self, scope: Scope, seen: Observed, seconds: float) -> None:
        fields = {
            "request_id": seen.request_id,
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": seen.status,
            "milliseconds": round(1000 * seconds, 3),
            "model": seen.model,
            "task": seen.task,
            "tokens": seen.timings.tokens if seen.timings else 0,
            "error": seen.error,
        }
        if self.log_texts:
            fields["inputs"] = seen.inputs
        ACCESS.info("request", extra={"fields": fields})


def _request_id(headers: Headers) -> str:
    """The id that a client gave, if a line of a log can hold it, or a new one."""
    given = headers.get("x-request-id") or headers.get("x-amzn-trace-id") or ""
    return given if re.fullmatch(r"[!-~]{1,200}", given) else uuid.uuid4().hex


def _timing_headers(timings: Timings) -> dict[str, str]:
    seconds = {
        "total": timings.total,
        "queue": timings.queue,
        "tokenization": timings.tokenization,
        "inference": timings.inference,
    }
    times = {f"x-{stage}-time": str(round(1000 * each)) for stage, each in seconds.items()}
    return {"x-compute-tokens": str(timings.tokens), **times}


class JsonLines(logging.Formatter):
    """Formats a record of a log as a JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The time, level, logger and message, the `fields` given as `extra`, and a traceback."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_config() -> dict[str, Any]:
    """The configuration of `logging` in which all of the server's logs are lines of JSON.

    Uvicorn's own access log is off, since `Observation` has one.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {
            "albertlm": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "uvicorn.access": {"handlers": [], "propagate": False},
        },
    }
