"""Test that files are read regardless of location and compression."""

import bz2
import gzip
import hashlib
import random
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
import zstandard

from albertlm.corpus import files

TEXT = "".join(f"{i} {random.Random(i).random()}\n" for i in range(50_000)).encode()
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".bz2": bz2.compress,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def read(path: str, **section: int) -> bytes:
    with files.open_bytes(path, **section) as file:
        return file.read()


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_files_are_read_like_plain_ones(tmp_path, suffix):
    path = write(tmp_path / f"a.txt{suffix}", COMPRESS[suffix](TEXT))
    assert read(path) == TEXT == read(write(tmp_path / "a.txt", TEXT))
    with files.open_bytes(path) as file:
        assert list(file) == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_several_streams_are_read_as_one(tmp_path, suffix):
    parts = [TEXT[:7], TEXT[7:100_000], b"", TEXT[100_000:]]
    streams = [COMPRESS[suffix](part) for part in parts]
    path = write(tmp_path / f"a{suffix}", b"".join(streams))
    assert read(path) == TEXT
    start, length = len(streams[0]), len(streams[1])
    assert read(path, start=start, stop=start + length) == parts[1]
    assert read(path, start=start) == TEXT[7:]


def test_a_section_of_a_plain_file(tmp_path):
    assert read(write(tmp_path / "a", TEXT), start=5, stop=900_000) == TEXT[5:900_000]


def test_urls(memory):
    memory.pipe("/shelf/a.txt.gz", gzip.compress(TEXT))
    url = "memory://shelf/a.txt.gz"
    assert read(url) == TEXT
    assert files.size(url) == len(gzip.compress(TEXT))
    assert files.checksum(url) == hashlib.sha256(memory.cat("/shelf/a.txt.gz")).hexdigest()
    assert files.stem(url) == "a"
    assert files.folder(url) == "shelf"


def test_size_and_checksum_of_local_files(tmp_path):
    path = write(tmp_path / "shelf" / "a.txt", TEXT)
    for name in (path, f"file://{path}"):
        assert files.size(name) == len(TEXT)
        assert files.checksum(name) == hashlib.sha256(TEXT).hexdigest()
        assert files.folder(name) == "shelf"
        assert files.name(name) == "a.txt"


@pytest.mark.parametrize(
    ("path", "stem"), [("AA/wiki_00.bz2", "wiki_00"), ("b.c.jsonl.zst", "b.c"), ("a.txt", "a")]
)
def test_stem(path, stem):
    assert files.stem(path) == stem


def test_folders_are_walked_in_order_without_hidden_files(tmp_path, memory):
    names = ["b.txt", "a/z.txt", "a/.hidden", ".git/config", "a/.cache/c.txt", "a-b.txt"]
    for name in names:
        write(tmp_path / name, b"")
        memory.pipe(f"/shelf/{name}", b"")
    visible = ["a-b.txt", "a/z.txt", "b.txt"]
    assert files.list_files(str(tmp_path)) == [str(tmp_path / name) for name in visible]
    assert files.list_files("memory://shelf") == [f"memory:///shelf/{name}" for name in visible]
    assert files.list_files(f"file://{tmp_path}") == [f"file://{tmp_path}/{n}" for n in visible]
    for path in (str(tmp_path / "b.txt"), "memory://shelf/b.txt"):
        assert files.list_files(path) == [path]
        assert read(path) == b""


def test_an_empty_folder_is_an_error(tmp_path, memory):
    write(tmp_path / ".hidden", b"")
    memory.mkdir("/bare")
    for path in (str(tmp_path), "memory://bare"):
        with pytest.raises(ValueError, match=rf"^{path} is a folder without files; name one"):
            files.list_files(path)


@pytest.mark.parametrize("path", ["nowhere", "nowhere/a.txt.gz", "memory://nowhere/a.txt"])
@pytest.mark.parametrize(
    "function", [files.list_files, files.open_bytes, files.size, files.checksum]
)
def test_a_missing_file_is_named(path, function):
    with pytest.raises(FileNotFoundError, match=path):
        function(path)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder; name a file"):
        files.open_bytes(str(tmp_path))


@pytest.mark.parametrize(
    "function", [files.list_files, files.open_bytes, files.size, files.checksum]
)
def test_an_unknown_protocol_is_named(function):
    with pytest.raises(ValueError, match=r"^gopher://a/b cannot be opened \(.*gopher"):
        function("gopher://a/b")


class WithoutParts(SimpleHTTPRequestHandler):
    """A web server that sends whole files only."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "cut" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"begun")
        else:
            super().do_GET()


class WithParts(WithoutParts):
    """A web server that sends parts of files."""

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not wanted:
            super().do_GET()
            return
        data = Path(self.translate_path(self.path)).read_bytes()
        part = data[int(wanted[1]) : int(wanted[2]) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {wanted[1]}-{wanted[2]}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture(params=[WithParts, WithoutParts])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a web server on this machine that serves `tmp_path`."""
    handler = partial(request.param, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_files_of_a_web_server(server, tmp_path, suffix):
    stored = COMPRESS.get(suffix, bytes)(TEXT)
    write(tmp_path / "shelf" / f"a.txt{suffix}", stored)
    url = f"{server}/shelf/a.txt{suffix}"
    assert files.list_files(url) == [url]
    assert read(url) == TEXT
    assert files.size(url) == len(stored)
    assert files.checksum(url) == hashlib.sha256(stored).hexdigest()
    with files.open_stored(url) as file:
        assert (file.seek(-9, 2), file.read()) == (len(stored) - 9, stored[-9:])
    if not suffix:
        assert read(url, start=1000, stop=1010) == TEXT[1000:1010]


def test_a_large_file_of_a_web_server(server, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 1000)
    write(tmp_path / "a.txt", TEXT)
    assert read(f"{server}/a.txt") == TEXT


def test_errors_of_a_web_server_name_the_url(server):
    with pytest.raises(FileNotFoundError, match=rf"^{server}/a.txt does not exist; name a file"):
        read(f"{server}/a.txt")
    with pytest.raises(OSError, match=rf"^{server}/cut.txt cannot be read \(.+\); check the"):
        read(f"{server}/cut.txt")
    for function in (files.list_files, files.open_bytes, files.size, files.checksum):
        with pytest.raises(OSError, match=r"^http://127.0.0.1:9/a cannot be read \(.*connect.*\)"):
            function("http://127.0.0.1:9/a")
