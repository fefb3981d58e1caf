"""Sorted tables: what is written is read again, damage is told, and Snappy by its definition."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.checkpoints import crc32c, sstable
from albertlm.protobuf import integer

ENTRIES = st.dictionaries(st.binary(max_size=40), st.binary(max_size=60), max_size=60)


def written(folder, entries):
    path = folder / "table"
    path.write_bytes(sstable.encode(sorted(entries.items())))
    return path


@given(entries=ENTRIES)
def test_what_is_written_is_read_in_order(entries, tmp_path_factory):
    path = written(tmp_path_factory.mktemp("table"), entries)
    assert sstable.is_table(path)
    assert list(sstable.read(path).items()) == sorted(entries.items())


def test_several_blocks(tmp_path):
    entries = {f"key {number:05}".encode(): bytes(900) for number in range(1000)}
    assert sstable.read(written(tmp_path, entries)) == entries


def test_a_key_of_highest_bytes(tmp_path):
    assert sstable.read(written(tmp_path, {b"\xff\xff": b"1"})) == {b"\xff\xff": b"1"}


def test_other_files_are_no_tables(tmp_path):
    assert not sstable.is_table(tmp_path / "missing")
    (tmp_path / "short").write_bytes(sstable.MAGIC)
    assert not sstable.is_table(tmp_path / "short")
    (tmp_path / "text").write_bytes(b"text" * 20)
    with pytest.raises(ValueError, match=r"text is cut or no table of TensorFlow; fetch it again"):
        sstable.read(tmp_path / "text")


@given(data=st.data())
def test_a_changed_byte_is_told(data, tmp_path_factory):
    path = written(tmp_path_factory.mktemp("table"), {b"a": b"value", b"b": b"other"})
    content = bytearray(path.read_bytes())
    blocks = len(content) - 48  # what pads the footer has no meaning
    content[data.draw(st.integers(0, blocks - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"table is damaged \(.*checksum.*\); fetch it again"):
        sstable.read(path)


def with_block(content: bytes, kind: int) -> bytes:
    """A table whose only data block is given as it is stored."""
    block = content + bytes([kind])
    block += struct.pack("<I", crc32c.masked(block))
    place = integer(0) + integer(len(content))
    entry = integer(0) + integer(1) + integer(len(place)) + b"z" + place
    index = entry + struct.pack("<II", 0, 1)
    stored = index + b"\0"
    footer = 2 * (integer(len(block)) + integer(len(index)))
    return (
        block
        + stored
        + struct.pack("<I", crc32c.masked(stored))
        + footer.ljust(40, b"\0")
        + sstable.MAGIC
    )


PLAIN = integer(0) + integer(1) + integer(70) + b"k" + b"abcd" * 16 + b"xyzxyz"
PLAIN += struct.pack("<II", 0, 1)
LITERAL = bytes([60 << 2, len(PLAIN) - 1]) + PLAIN
COPIES = (
    bytes([(8 - 1) << 2]) + PLAIN[:8]  # a literal
    + bytes([(60 - 1) << 2 | 2]) + struct.pack("<H", 4)  # a copy of what it writes, in 2 bytes
    + bytes([(3 - 1) << 2]) + b"xyz"
    + bytes([(3 - 1) << 2 | 3]) + struct.pack("<I", 3)  # in 4 bytes
    + bytes([(8 - 1) << 2]) + PLAIN[-8:]
)  # fmt: skip
SHORT_COPY = (
    bytes([(8 - 1) << 2]) + PLAIN[:8]
    + bytes([(11 - 4) << 2 | 1, 4]) * 5 + bytes([(5 - 4) << 2 | 1, 4])
    + bytes([(14 - 1) << 2]) + PLAIN[-14:]
)  # fmt: skip


@pytest.mark.parametrize("body", [LITERAL, COPIES, SHORT_COPY])
def test_blocks_that_snappy_compressed(tmp_path, body):
    path = tmp_path / "table"
    path.write_bytes(with_block(integer(len(PLAIN)) + body, kind=1))
    assert sstable.read(path) == {b"k": b"abcd" * 16 + b"xyzxyz"}


@pytest.mark.parametrize(
    ("content", "kind", "problem"),
    [
        (integer(len(PLAIN)) + bytes([2, 1, 0]), 1, "refers to what is before it"),
        (integer(5) + LITERAL, 1, "has another size"),
        (PLAIN, 7, "compressed in an unknown way, 7"),
        (b"\xff" * 3, 1, "fetch it again"),
    ],
)
def test_blocks_that_cannot_be_read(tmp_path, content, kind, problem):
    path = tmp_path / "table"
    path.write_bytes(with_block(content, kind))
    with pytest.raises(ValueError, match=problem):
        sstable.read(path)
