"""Freed memory is kept or returned, as `/proc` shows in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from albertlm import allocator

HEAD = """
from contextlib import ExitStack
from pathlib import Path
from albertlm import allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) >> 8  # MiB of pages of 4 KiB

def grow_and_free():
    blocks = [bytearray(b"a") * (1 << 20) for _ in range(64)]
    del blocks

stack, before = ExitStack(), resident()
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists() or "gnu" not in sys.implementation._multiarch,
    reason="only Linux with glibc has these options",
)


def printed(code: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code], check=True, capture_output=True, text=True
    )
    return [int(number) for number in done.stdout.split()]


def test_memory_is_kept_until_it_is_returned_or_the_block_ends() -> None:
    kept, returned, afterwards = printed("""
stack.enter_context(allocator.kept_blocks())
grow_and_free()
print(resident() - before)
allocator.return_free()
print(resident() - before)
grow_and_free()
stack.close()
print(resident() - before)
""")
    assert kept >= 60
    assert returned <= 4
    assert afterwards <= 4


def test_blocks_are_returned_also_after_larger_ones_were_freed() -> None:
    (left,) = printed("""
allocator.return_blocks()
large = bytearray(b"a") * (20 << 20)
del large
small = [bytearray(b"a") * (1 << 18) for _ in range(256)]
last = small.pop()
del small
print(resident() - before)
""")
    assert left <= 4


def test_another_c_library_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    allocator.return_blocks()
    with allocator.kept_blocks():
        pass
