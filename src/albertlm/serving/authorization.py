"""Bearer tokens: which are accepted, and what needs none."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from albertlm.serving.errors import Unauthorized

PUBLIC = re.compile(r"(/v2)?/health(/.*)?|/ping|/metrics")
"""The paths that need no token."""

PAGE = re.compile(r"/|/page/[^/]+")
"""The paths of the page and its files, which anyone may read."""


def read_tokens(path: str | Path) -> list[str]:
    """The tokens of a file, one a line; empty lines count for nothing.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no token, or one that no header can carry.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    tokens = [line.strip() for line in lines if line.strip()]
    if not tokens:
        raise ValueError(f"{path} holds no token; write one into each line, or give no token file")
    for number, token in enumerate(tokens, 1):
        if not re.fullmatch(r"[!-~]+", token):
            raise ValueError(
                f"token {number} of {path} has characters that a header cannot carry; "
                "use ASCII letters, digits and signs, without spaces"
            )
    return tokens


class BearerTokens:
    """ASGI middleware that refuses requests without an accepted token.

    Every token is compared, each in constant time, so that the time of a refusal says nothing
    about them.

    Args:
        app: what answers requests with an accepted token.
        tokens: the tokens that are accepted.
    """

    def __init__(self, app: ASGIApp, tokens: list[str]) -> None:
        self.app = app
        self._digests = [_digest(token.encode()) for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that has an accepted token or needs none.

        Raises:
            Unauthorized: it has none, or another.
        """
        if scope["type"] == "http" and not _is_public(scope):
            given = Headers(scope=scope).get("authorization", "")
            scheme, _, token = given.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise Unauthorized("the request has no token; send Authorization: Bearer TOKEN")
            digest = _digest(token.strip().encode("latin-1"))
            if not sum(hmac.compare_digest(digest, each) for each in self._digests):
                raise Unauthorized("the token is not accepted; ask who runs the server for one")
        await self.app(scope, receive, send)


def _is_public(scope: Scope) -> bool:
    reads = scope["method"] in ("GET", "HEAD")
    return bool(PUBLIC.fullmatch(scope["path"]) or (reads and PAGE.fullmatch(scope["path"])))


def _digest(token: bytes) -> bytes:
    """A number of bytes that does not depend on the length of the token."""
    return hashlib.sha256(token).digest()
