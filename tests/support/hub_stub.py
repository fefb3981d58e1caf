"""The hub's endpoints for uploads and downloads, on this machine, as huggingface_hub calls them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789012345678901234567890123456789"


@dataclass
class HubStub:
    """What a hub holds and has been asked.

    Fields:
        url: its address.
        files: of the one repository, by branch and name.
        private: whether the repository is; None if there is none.
        requests: the method and path of each request, in order.
        answers: a status for any path that contains a text, such as 403.
        storage: the objects of LFS by their SHA-256, and the blocks of Xet by their hashes.
        large: the SHA-256 of each committed file that did not travel with the commit.
        card: the card whose metadata was validated last.
    """

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: bool | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    storage: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    card: str = ""

    def asked(self, method: str, part: str) -> int:
        """The number of requests with a method and a part of the path."""
        return sum(each == method and part in path for each, path in self.requests)


@contextmanager
def serve() -> Iterator[HubStub]:
    """A hub that answers until the block ends."""
    stub = HubStub()

    class Handler(_Handler):
        hub = stub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield stub
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    hub: HubStub
    status: int
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.hub.requests.append((self.command, path))
        self.status = 200
        for part, status in self.hub.answers.items():
            if part in path:
                self._send(status, b'{"error": "no"}')
                return
        status, content = self._of(path, body)
        self._send(status, content)

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _of(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The answer to a request that is not refused."""
        for pattern, answer in _ROUTES.items():
            if re.fullmatch(pattern, path):
                found = answer(self, path.rpartition("/")[2], body)
                content = found if isinstance(found, bytes) else json.dumps(found).encode() + b"\n"
                return self.status, content
        return 404, b"{}"

    def create(self, _: str, body: bytes) -> Any:
        if self.hub.private is not None:
            self.status = 409
        else:
            self.hub.private = json.loads(body)["visibility"] == "private"
        return {"url": f"{self.hub.url}/me/model"}

    def validate(self, _: str, body: bytes) -> Any:
        self.hub.card = json.loads(body)["content"]
        return {"errors": [], "warnings": []}

    def info(self, _: str, __: bytes) -> Any:
        if self.hub.private is None:
            self.status = 404
        names = [{"rfilename": name} for name in self._of_any_branch()]
        return {"id": "me/model", "sha": COMMIT, "private": self.hub.private, "siblings": names}

    def branch(self, name: str, _: bytes) -> Any:
        self.hub.files.setdefault(name, {})
        return {}

    def tree(self, _: str, __: bytes) -> Any:
        return [_entry(name, content) for name, content in self._of_any_branch().items()]

    def file(self, name: str, _: bytes) -> Any:
        return self._of_any_branch()[name]

    def preupload(self, _: str, body: bytes) -> Any:
        return {"files": [_how(each) for each in json.loads(body)["files"]]}

    def large(self, name: str, body: bytes) -> Any:
        if self.command == "PUT":
            self.hub.storage[name] = body
        return {}

    def xet_token(self, _: str, __: bytes) -> Any:
        return {"accessToken": "x", "exp": 1 << 40, "casUrl": self.hub.url}

    def xorb(self, name: str, body: bytes) -> Any:
        self.hub.storage[name] = body
        return {"was_inserted": True}

    def shards(self, _: str, __: bytes) -> Any:
        return {"type": "result", "result": 1}

    def batch(self, _: str, body: bytes) -> Any:
        objects = []
        for each in json.loads(body)["objects"]:
            known = each["oid"] in self.hub.storage
            href = {"href": f"{self.hub.url}/lfs/{each['oid']}"}
            actions = {} if known else {"actions": {"upload": href, "verify": href}}
            objects.append({**each, **actions})
        return {"transfer": "basic", "objects": objects}

    def commit(self, branch: str, body: bytes) -> Any:
        files = self.hub.files.setdefault(branch, {})
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.hub.large[value["path"]] = value["oid"]
                files[value["path"]] = self.hub.storage.get(value["oid"], b"")
        url = f"{self.hub.url}/me/model/commit/{COMMIT}"
        return {"success": True, "commitUrl": url, "commitOid": COMMIT}

    def _of_any_branch(self) -> dict[str, bytes]:
        return {name: data for files in self.hub.files.values() for name, data in files.items()}


_MODEL = "/api/models/me/model"
_ROUTES: dict[str, Callable[[_Handler, str, bytes], Any]] = {
    "/api/repos/create": _Handler.create,
    "/api/validate-yaml": _Handler.validate,
    f"{_MODEL}(/revision/.*)?": _Handler.info,
    f"{_MODEL}/branch/.*": _Handler.branch,
    f"{_MODEL}/tree/.*": _Handler.tree,
    f"{_MODEL}/preupload/.*": _Handler.preupload,
    f"{_MODEL}/xet-write-token/.*": _Handler.xet_token,
    f"{_MODEL}/commit/.*": _Handler.commit,
    "/me/model/resolve/.*": _Handler.file,
    "/me/model.git/info/lfs/objects/batch": _Handler.batch,
    "/lfs/.*": _Handler.large,
    "/v1/xorbs/.*": _Handler.xorb,
    "/v2/shards": _Handler.shards,
}
"""What answers which paths; the arguments are the last part of the path and the body."""


def _how(file: dict[str, Any]) -> dict[str, Any]:
    large = file["path"].endswith((".safetensors", ".model"))
    how = {"uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": None}
    return {"path": file["path"], **how}


def _entry(name: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": name, "size": len(content), "oid": digest}
