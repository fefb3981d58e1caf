"""Test that compressed files are read to their ends, that damage is located, and bombs bounded."""

import bz2
import gzip
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from albertlm.corpus import compression, files

TEXT = "".join(f"{i} {random.Random(i).random()}\n" for i in range(50_000)).encode()
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".bz2": bz2.compress,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def read(path: str) -> bytes:
    with files.open_bytes(path) as file:
        return file.read()


def test_every_compression_is_tested():
    assert list(COMPRESS) == list(compression.COMPRESSED)
    assert [compression.compression(f"a.txt{suffix}") for suffix in COMPRESS] == list(COMPRESS)
    assert compression.compression("a.bz2.txt") == ""


@pytest.mark.parametrize("suffix", COMPRESS)
def test_padding_after_the_last_stream_is_skipped(tmp_path, suffix):
    assert read(write(tmp_path / f"a{suffix}", COMPRESS[suffix](b"text") + bytes(9000))) == b"text"


def test_skippable_frames_of_zstd_are_skipped(tmp_path):
    skippable = bytes.fromhex("502a4d18 05000000") + b"index"
    path = write(tmp_path / "a.zst", skippable + COMPRESS[".zst"](b"text") + skippable)
    assert read(path) == b"text"


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("kept", [0, 3, 5000, -1])
def test_a_truncated_stream_is_named_with_its_end(tmp_path, suffix, kept):
    stored = COMPRESS[suffix](TEXT)[:kept]
    path = write(tmp_path / f"a{suffix}", stored)
    with pytest.raises(ValueError, match=rf"a\{suffix} is cut off at byte {len(stored)}; fetch"):
        read(path)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("junk", [b"<html>404</html>", b"\1"])
def test_invalid_data_is_named_with_its_position(tmp_path, suffix, junk):
    stored = COMPRESS[suffix](b"first") + junk * 100
    path = write(tmp_path / f"a{suffix}", stored)
    with pytest.raises(ValueError, match=rf"a\{suffix} is damaged before byte {len(stored)} \("):
        read(path)


@pytest.mark.parametrize("suffix", [".bz2", ".gz"])
def test_the_checksum_finds_a_flipped_bit(tmp_path, suffix):
    stored = bytearray(COMPRESS[suffix](TEXT))
    stored[len(stored) // 2] ^= 1
    with pytest.raises(ValueError, match=r"is damaged before byte \d+ \("):
        read(write(tmp_path / f"a{suffix}", bytes(stored)))


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_bomb_takes_little_memory(tmp_path, suffix):
    """In a process of its own, since the memory of this one is larger."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux's /proc")
    path = write(tmp_path / f"a{suffix}", COMPRESS[suffix](bytes(120 << 20)))
    script = (
        "import re, sys; from albertlm.corpus import files; "
        "file = files.open_bytes(sys.argv[1]); "
        "size = sum(map(len, iter(lambda: file.read(1 << 16), b''))); "
        "print(size, *re.findall(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read()))"
    )
    command = [sys.executable, "-c", script, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size, kilobytes = map(int, done.stdout.split())
    assert size == 120 << 20
    assert kilobytes < 100 << 10
