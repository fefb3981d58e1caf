"""Files open alike wherever they lie and however they are compressed, or say where they break."""

import bz2
import gzip
import hashlib
import random
from pathlib import Path

import fsspec
import pytest
import zstandard

from albertlm.corpus import files

TEXT = "".join(f"{i} {random.Random(i).random()}\n" for i in range(50_000)).encode()
COMPRESS = {
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
def test_compressed_files_read_as_the_plain_one(tmp_path, suffix):
    path = write(tmp_path / f"a.txt{suffix}", COMPRESS[suffix](TEXT))
    assert read(path) == TEXT == read(write(tmp_path / "a.txt", TEXT))
    with files.open_bytes(path) as file:
        assert list(file) == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_several_streams_read_as_one(tmp_path, suffix):
    parts = [TEXT[:7], TEXT[7:100_000], b"", TEXT[100_000:]]
    streams = [COMPRESS[suffix](part) for part in parts]
    path = write(tmp_path / f"a{suffix}", b"".join(streams))
    assert read(path) == TEXT
    start, length = len(streams[0]), len(streams[1])
    assert read(path, start=start, stop=start + length) == parts[1]
    assert read(path, start=start) == TEXT[7:]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_padding_after_the_last_stream_is_nothing(tmp_path, suffix):
    assert read(write(tmp_path / f"a{suffix}", COMPRESS[suffix](b"text") + bytes(9000))) == b"text"


def test_skippable_frames_of_zstd_are_nothing(tmp_path):
    skippable = bytes.fromhex("502a4d18 05000000") + b"index"
    path = write(tmp_path / "a.zst", skippable + COMPRESS[".zst"](b"text") + skippable)
    assert read(path) == b"text"


def test_a_section_of_a_plain_file(tmp_path):
    assert read(write(tmp_path / "a", TEXT), start=5, stop=900_000) == TEXT[5:900_000]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("kept", [0, 3, 5000, -1])
def test_a_truncated_stream_is_named_with_its_end(tmp_path, suffix, kept):
    stored = COMPRESS[suffix](TEXT)[:kept]
    path = write(tmp_path / f"a{suffix}", stored)
    with pytest.raises(ValueError, match=rf"a\{suffix} is cut off at byte {len(stored)}; fetch"):
        read(path)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("junk", [b"<html>404</html>", b"\1"])
def test_what_is_no_stream_is_named_with_its_place(tmp_path, suffix, junk):
    stored = COMPRESS[suffix](b"first") + junk * 100
    path = write(tmp_path / f"a{suffix}", stored)
    with pytest.raises(ValueError, match=rf"a\{suffix} is damaged before byte {len(stored)} \("):
        read(path)


@pytest.mark.parametrize("suffix", [".bz2", ".gz"])
def test_a_flipped_bit_is_found_by_the_checksum(tmp_path, suffix):
    stored = bytearray(COMPRESS[suffix](TEXT))
    stored[len(stored) // 2] ^= 1
    with pytest.raises(ValueError, match=r"is damaged before byte \d+ \("):
        read(write(tmp_path / f"a{suffix}", bytes(stored)))


def test_urls(memory):
    memory.pipe("/shelf/a.txt.gz", gzip.compress(TEXT))
    url = "memory://shelf/a.txt.gz"
    assert read(url) == TEXT
    assert files.size(url) == len(gzip.compress(TEXT))
    assert files.sha256(url) == hashlib.sha256(memory.cat("/shelf/a.txt.gz")).hexdigest()
    assert files.stem(url) == "a"
    assert files.folder(url) == "shelf"


def test_size_and_checksum_of_local_files(tmp_path):
    path = write(tmp_path / "shelf" / "a.txt", TEXT)
    for name in (path, f"file://{path}"):
        assert files.size(name) == len(TEXT)
        assert files.sha256(name) == hashlib.sha256(TEXT).hexdigest()
        assert files.folder(name) == "shelf"
        assert files.name(name) == "a.txt"


@pytest.mark.parametrize(
    ("path", "stem"), [("AA/wiki_00.bz2", "wiki_00"), ("b.c.jsonl.zst", "b.c"), ("a.txt", "a")]
)
def test_stem(path, stem):
    assert files.stem(path) == stem


def test_folders_are_walked_in_order_without_what_is_hidden(tmp_path, memory):
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
@pytest.mark.parametrize("function", [files.list_files, files.open_bytes, files.size, files.sha256])
def test_what_is_missing_is_named(path, function):
    with pytest.raises(FileNotFoundError, match=path):
        function(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder; name a file"):
        files.open_bytes(str(tmp_path))


@pytest.mark.parametrize("function", [files.list_files, files.open_bytes, files.size, files.sha256])
def test_an_unknown_protocol_is_named(function):
    with pytest.raises(ValueError, match=r"^gopher://a/b cannot be opened \(.*gopher"):
        function("gopher://a/b")
