"""Test what fingerprints distinguish, and that they estimate the documented similarity."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.documents import Document
from albertlm.corpus.fingerprints import (
    FINGERPRINT,
    SIGNATURE,
    FingerprintWriter,
    fingerprint,
)


def of(text: str, *, source: str = "s", id: str = "1") -> np.ndarray:  # noqa: A002
    return fingerprint(Document(id=id, source=source, text=text))


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.casefold())
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def jaccard(one: str, other: str) -> float:
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def test_the_values_are_the_same_on_every_machine() -> None:
    row = of("The quick brown fox jumps over the lazy dog. Ümläut — 北京!", source="a", id="b")
    assert row.dtype == FINGERPRINT
    assert row.itemsize == 528
    assert int(row["key"]) == 11797832347080049151
    assert int(row["exact"]) == 1487938527306100719
    assert row["minhash"][:3].tolist() == [3323862411, 3273425339, 1078490501]


@pytest.mark.parametrize("count", [0, 1, 1234])
def test_a_file_has_the_bytes_that_numpy_writes(count: int, tmp_path: Path) -> None:
    rows = [Document(str(number), "s", f"the text number {number}") for number in range(count)]
    with FingerprintWriter(tmp_path / "ours.npy") as writer:
        for row in rows:
            writer.add(row)
    np.save(tmp_path / "theirs.npy", np.array([fingerprint(row) for row in rows], FINGERPRINT))
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Call me Ishmael. Some years ago", "call me “Ishmael”:  some\n\nyears ago!!", True),
        ("Straße und Weg", "STRASSE UND WEG", True),
        ("snake_case words", "snake case words", True),
        ("一二三，四五六。", "一二三四五六", True),
        ("", " … !", True),
        ("one two", "two one", False),
        ("version 1", "version 2", False),
        ("да", "нет", False),
        # vowel signs
        ("काल कील कूल", "कील कूल काल", False),
        ("काल, कील!", "काल कील", True),
        ("มา มี", "มี มา", False),
    ],
)
def test_exact_copies_differ_in_case_and_punctuation_only(one: str, other: str, same: bool) -> None:
    assert (of(one)["exact"] == of(other)["exact"]) == same
    assert (of(one)["minhash"] == of(other)["minhash"]).all() == same


def test_the_key_identifies_source_and_id() -> None:
    keys = {int(of("x", source=s, id=i)["key"]) for s, i in [("a", "bc"), ("ab", "c"), ("a", "b")]}
    assert len(keys) == 3
    assert of("x")["key"] == of("y")["key"]


@given(st.text())
def test_every_text_has_a_fingerprint(text: str) -> None:
    assert of(text) == of(text)


@pytest.mark.parametrize("changed", [0.02, 0.05, 0.1])
def test_signatures_estimate_the_jaccard_similarity(changed: float) -> None:
    draw = random.Random(0)
    errors = []
    for _ in range(40):
        words = draw.choices([f"w{number}" for number in range(3000)], k=400)
        other = [draw.choice("xyz") + word if draw.random() < changed else word for word in words]
        texts = " ".join(words), ", ".join(other)
        one, two = (of(text)["minhash"] for text in texts)
        errors.append((one == two).mean() - jaccard(*texts))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 1.3 * 0.5 / SIGNATURE**0.5


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (
            "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜",
            "秋",
            "春",
        ),
        ("".join(map(chr, range(0x20000, 0x20028))), "\U00020014", "\U00021000"),
        ("กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอ", "ธ", "ฮ"),
    ],
)
def test_characters_of_scripts_without_spaces_are_words(text: str, old: str, new: str) -> None:
    other = text.replace(old, new)
    assert (of(text)["minhash"] == of(other)["minhash"]).mean() == pytest.approx(35 / 45, abs=0.12)
