"""Fields of messages, compared with Google's protobuf."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm import protobuf


def parsed(content: bytes) -> Any:
    definition = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    return definition.ModelProto.FromString(content)


@given(
    size=st.integers(-(1 << 31), (1 << 31) - 1),
    score=st.floats(width=32, allow_nan=False),
    piece=st.text(),
)
def test_fields_are_written_as_protobuf_reads_them(size: int, score: float, piece: str) -> None:
    entry = protobuf.field(1, piece.encode()) + protobuf.field(2, score)
    model = parsed(protobuf.field(1, entry) + protobuf.field(2, protobuf.field(4, size)))
    assert (model.pieces[0].piece, model.pieces[0].score) == (piece, score)
    assert model.trainer_spec.vocab_size == size


@given(
    pieces=st.lists(st.text(max_size=200), max_size=5),
    score=st.floats(width=32, allow_nan=False),
    size=st.integers(0, 1 << 60),
)
def test_fields_are_read_as_they_were_written(pieces: list[str], score: float, size: int) -> None:
    rest = protobuf.field(2, score) + protobuf.field(3, size)
    message = b"".join(protobuf.field(1, piece.encode()) for piece in pieces) + rest
    found = protobuf.fields(message)
    assert [piece.decode() for piece in found.get(1, [])] == pieces
    assert (found[2], found[3]) == ([struct.pack("<f", score)], [size])
    assert protobuf.after_repeated(message, 1) == rest
