import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from albertlm.serving import limits
from albertlm.serving.errors import InvalidRequest, Overloaded, TooLarge, TooSlow
from albertlm.serving.limits import BodyLimit, check_texts
from albertlm.serving.serving_config import ServingConfig


class Reader:
    """An application that keeps the body that it receives."""

    def __init__(self) -> None:
        self.body = b""
        self.after: Message | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body = (await receive())["body"]
        self.after = await receive()


def chunks(*bodies: bytes, more_after: bool = False) -> Receive:
    """Receives a body in parts, and then that the client has gone away."""
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": at < len(bodies) or more_after}
        for at, body in enumerate(bodies, 1)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


async def send(message: Message) -> None:
    raise AssertionError(message)


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "headers": headers}


def test_a_body_arrives_whole_and_then_what_comes_after_it() -> None:
    reader = Reader()
    limit = BodyLimit(reader, most_bytes=6, seconds=60)
    asyncio.run(limit(scope((b"content-length", b"6")), chunks(b"abc", b"", b"def"), send))
    assert reader.body == b"abcdef"
    assert reader.after == {"type": "http.disconnect"}


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"5")], [(b"content-length", b"x")]])
def test_a_body_that_is_too_large_is_refused_whatever_it_announces(headers: Any) -> None:
    receive = chunks(b"abc", b"defg")
    with pytest.raises(TooLarge, match="more than 6 bytes"):
        asyncio.run(BodyLimit(Reader(), most_bytes=6, seconds=60)(scope(*headers), receive, send))


def test_a_body_that_announces_too_much_is_not_read() -> None:
    async def receive() -> Message:
        raise AssertionError("the body is read")

    limit = BodyLimit(Reader(), most_bytes=6, seconds=60)
    with pytest.raises(TooLarge):
        asyncio.run(limit(scope((b"content-length", b"7")), receive, send))


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    limit = BodyLimit(Reader(), most_bytes=6, seconds=0.01)
    with pytest.raises(TooSlow, match=r"0\.01 seconds"):
        asyncio.run(limit(scope(), receive, send))


def test_the_time_of_the_answer_is_not_that_of_the_body() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("of the application")

    with pytest.raises(TimeoutError, match="of the application"):
        asyncio.run(BodyLimit(fail, most_bytes=6, seconds=60)(scope(), chunks(b"a"), send))


def test_a_client_that_goes_away_while_it_sends_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(BodyLimit(Reader(), 6, 60)(scope(), chunks(b"a", more_after=True), send))


def test_the_bodies_of_all_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_HELD", 2)
    found: list[object] = []

    async def run() -> None:
        release = asyncio.Event()

        async def wait(scope: Scope, receive: Receive, send: Send) -> None:
            await release.wait()

        limit = BodyLimit(wait, most_bytes=6, seconds=60)
        calls = [asyncio.ensure_future(limit(scope(), chunks(b"abcde"), send)) for _ in range(3)]
        done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        found.append((len(done), len(waiting)))
        found.extend(type(each.exception()) for each in done)
        release.set()
        await asyncio.gather(*waiting)
        await limit(scope(), chunks(b"abcde"), send)  # there is room again

    asyncio.run(run())
    assert found == [(1, 2), Overloaded]


def test_other_scopes_are_passed_on() -> None:
    passed = []

    async def note(scope: Scope, *_: Callable[..., Awaitable[Any]]) -> None:
        passed.append(scope["type"])

    asyncio.run(BodyLimit(note, 6, 60)({"type": "lifespan"}, chunks(), send))
    assert passed == ["lifespan"]


CONFIG = ServingConfig(max_inputs=3, max_characters=10)


@pytest.mark.parametrize(
    "inputs",
    [
        "ab",
        ["a", "b", "c"],
        {"question": "who", "context": "she"},
        [{"text": "a", "text_pair": "b"}, "c"],
        [[5, 6], [7]],
        None,
    ],
)
def test_inputs_within_the_limits_are_allowed(inputs: Any) -> None:
    check_texts(CONFIG, inputs, {"top_k": None})


@pytest.mark.parametrize(
    ("inputs", "options", "told"),
    [
        (["a"] * 4, {}, "4 texts; send at most 3"),
        (["a", "b"], {"candidate_labels": ["x", "y"]}, "4 texts, each counted once for each label"),
        (["", {"a": [["", ""], ""]}], {}, "4 texts"),
        ("a" * 11, {}, "11 characters; send at most 10"),
    ],
)
def test_inputs_beyond_the_limits_are_refused(
    inputs: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(TooLarge, match=told):
        check_texts(CONFIG, inputs, options)


def test_too_many_results_are_refused() -> None:
    check_texts(CONFIG, ["a", "b"], {"top_k": 5_000})
    with pytest.raises(InvalidRequest, match="top_k=5001 for 2 texts asks for 10,002 results"):
        check_texts(CONFIG, ["a", "b"], {"top_k": 5_001})
