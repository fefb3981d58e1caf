"""The checksum against the values of RFC 3720, google-crc32c and its definition bit by bit."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.checkpoints import crc32c


def by_definition(data: bytes) -> int:
    """Long division by the polynomial."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.fixture(scope="module", params=["library", "numpy"])
def checksum(request):
    if request.param == "library":
        pytest.importorskip("google_crc32c")
        yield crc32c.crc32c
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "google_crc32c", None)
        yield crc32c.crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_the_values_of_the_rfc(checksum, data, expected):
    assert checksum(data) == expected


@given(data=st.binary(max_size=300))
def test_any_bytes(checksum, data):
    assert checksum(data) == by_definition(data)


def test_many_strips(checksum):
    data = np.random.default_rng(0).integers(0, 256, 70_001, dtype=np.uint8)
    assert checksum(data) == by_definition(data.tobytes())
    assert checksum(data[: 2**16].view(np.float32)) == by_definition(data[: 2**16].tobytes())


def test_the_masked_form():
    """As in the trailer of a block whose content is known from TensorFlow's own tests."""
    assert crc32c.masked(b"foo") != crc32c.crc32c(b"foo")
    rotated = (crc32c.masked(b"foo") - 0xA282EAD8) & 0xFFFFFFFF
    assert (rotated >> 17 | rotated << 15) & 0xFFFFFFFF == crc32c.crc32c(b"foo")
