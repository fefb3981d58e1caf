"""What is read of the processor, against a listing of each kind of machine."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from albertlm.inference import processor

LISTINGS = {
    "sapphire": ("model name\t: Xeon 8481C\nflags\t\t: fpu avx512_vnni amx_bf16\n", True, True),
    "haswell": ("model name\t: Xeon E5\nflags\t\t: fpu avx2 fma\n", False, False),
    "graviton": ("processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n", True, False),
    "empty": ("", False, False),
}


@pytest.fixture(autouse=True)
def read_again() -> Iterator[None]:
    forget()
    yield
    forget()


def forget() -> None:
    processor.name.cache_clear()
    processor._flags.cache_clear()


@pytest.mark.parametrize("kind", LISTINGS)
def test_flags_are_those_of_the_listing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, bfloat16, vnni = LISTINGS[kind]
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert processor.has_bfloat16() == bfloat16
    assert processor.has_vnni() == vnni
    assert processor.has_amx() == (kind == "sapphire")
    assert processor.name() == {"sapphire": "Xeon 8481C", "haswell": "Xeon E5"}.get(
        kind, platform.processor()
    )


def test_a_system_without_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert not processor.has_bfloat16()
    assert not processor.has_vnni()


@pytest.mark.parametrize(
    ("text", "threads"), [("2", 2), ("", None), ("0", None), ("many", None), ("2,1", None)]
)
def test_threads(text: str, threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert processor.thread_limit() == threads
    assert processor.cores() == (threads or len(os.sched_getaffinity(0)))
