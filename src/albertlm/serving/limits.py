"""What a request may weigh: its body, the time in which it arrives, its texts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from albertlm.serving.errors import InvalidRequest, Overloaded, TooLarge, TooSlow
from albertlm.serving.serving_config import ServingConfig

READ_SECONDS = 30.0
"""In how many seconds a body must have arrived."""

MOST_HELD = 64
"""How many of the largest bodies are held at once, or as many bytes of smaller ones."""

MOST_RESULTS = 10_000
"""What a request may ask for: `top_k` of each of its texts."""


class BodyLimit:
    """ASGI middleware that reads bodies whole, before anything is done with them.

    Args:
        app: what reads the bodies.
        most_bytes: the size of the largest body.
        seconds: in how many seconds a body must have arrived.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, seconds: float) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request whose body is within the limits.

        Raises:
            TooLarge: the body has more bytes, or announces more.
            TooSlow: the body did not arrive in time.
            Overloaded: the bodies of other requests take all the memory there is for them.
            ClientDisconnect: the client has gone away.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.most_bytes:
            raise self._too_large()
        body = bytearray()
        try:
            await self._read(receive, body)
            await self.app(scope, _replayed(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    async def _read(self, receive: Receive, body: bytearray) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                await self._read_all(receive, body)
        except TimeoutError:
            raise TooSlow(
                f"the body did not arrive within {self.seconds:g} seconds; send it at once"
            ) from None

    async def _read_all(self, receive: Receive, body: bytearray) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            body += chunk
            self._held += len(chunk)
            more = message.get("more_body", False)
            if len(body) > self.most_bytes:
                raise self._too_large()
            if self._held > MOST_HELD * self.most_bytes:
                raise Overloaded("too many bodies arrive at once; try again soon", retry_after=1)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"the body has more than {self.most_bytes:,} bytes; send its texts in several requests"
        )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What receives a body that was read, and then what comes after it."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay


def check_texts(config: ServingConfig, inputs: Any, options: dict[str, Any]) -> None:
    """Check how much there is to compute for a request.

    Args:
        config: the limits.
        inputs: the inputs of a task; every string in them is a text.
        options: the options of the task; each text is computed with each of `candidate_labels`.

    Raises:
        TooLarge: there are too many texts or characters.
        InvalidRequest: more results are asked for than one request may.
    """
    count = characters = 0
    for text in _texts(inputs):
        count += 1
        characters += len(text)
    labels = options.get("candidate_labels") or ()
    count *= max(1, len(labels))
    if count > config.max_inputs:
        told = "texts, each counted once for each label" if labels else "texts"
        raise TooLarge(
            f"the request has {count:,} {told}; send at most {config.max_inputs:,} at once"
        )
    if characters > config.max_characters:
        raise TooLarge(
            f"the texts of the request have {characters:,} characters; "
            f"send at most {config.max_characters:,} at once"
        )
    results = count * (options.get("top_k") or 1)
    if results > MOST_RESULTS:
        raise InvalidRequest(
            f"top_k={options['top_k']} for {count:,} texts asks for {results:,} results; "
            f"ask for at most {MOST_RESULTS:,} at once"
        )


def _texts(value: Any) -> Iterator[str]:
    """All strings in a JSON value, without the keys."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
