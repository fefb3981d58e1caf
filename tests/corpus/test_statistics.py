"""Statistics, against counting with all lengths at hand."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import join_sentences
from albertlm.corpus.statistics import (
    LENGTHS,
    QUANTILES,
    Statistics,
    bin_of,
    describe,
    least,
    plot,
)

Parts = Sequence[Sequence[int]]


def document(number: int, parts: Parts, source: str = "s") -> Document:
    """A document whose sentences have these numbers of words."""
    sentences = [[" ".join(["word"] * words) for words in part] for part in parts]
    return Document(id=str(number), source=source, text=join_sentences(sentences))


PARTS = st.lists(st.lists(st.integers(1, 200), min_size=1, max_size=5), min_size=1, max_size=5)


@given(st.lists(st.tuples(PARTS, st.sampled_from("abc")), max_size=8))
def test_counts(corpus: list[tuple[Parts, str]]) -> None:
    found = describe(document(n, parts, source) for n, (parts, source) in enumerate(corpus))
    words = [sum(map(sum, parts)) for parts, _ in corpus]
    sentences = [sum(map(len, parts)) for parts, _ in corpus]
    lengths = dict(
        zip(
            LENGTHS,
            (words, sentences, [w for parts, _ in corpus for part in parts for w in part]),
            strict=True,
        )
    )
    assert found.documents == len(corpus)
    assert found.paragraphs == sum(len(parts) for parts, _ in corpus)
    assert found.sentences == sum(sentences)
    assert found.words == sum(words)
    assert found.characters == sum(len(document(0, parts).text) for parts, _ in corpus)
    assert sum(found.sources.values()) == len(corpus)
    for name, values in lengths.items():
        if values:
            exact = np.quantile(values, QUANTILES, method="inverted_cdf")
            close = np.array([*found.quantiles(name).values()])
            assert ((close <= exact) & (close > exact * 31 / 32 - 1)).all()
            assert (close[exact < 64] == exact[exact < 64]).all()
        else:
            assert set(found.quantiles(name).values()) == {0}


@given(st.lists(PARTS, max_size=6), st.integers(0, 6))
def test_parts_add_up(corpus: list[Parts], cut: int) -> None:
    documents = [document(n, parts, "ab"[n % 2]) for n, parts in enumerate(corpus)]
    assert describe(documents[:cut]) + describe(documents[cut:]) == describe(documents)
    assert describe([]) == Statistics()


@given(st.integers(0, 2**50), st.sampled_from([4, 32]))
def test_bins(length: int, per_octave: int) -> None:
    number = bin_of(length, per_octave)
    assert least(number, per_octave) <= length < least(number + 1, per_octave)
    assert bin_of(least(number, per_octave), per_octave) == number
    assert length - least(number, per_octave) <= length / per_octave


def test_for_machines() -> None:
    found = describe([document(0, [[3, 4], [5]])]).to_dict()
    assert json.loads(json.dumps(found))["quantiles"]["words a sentence"]["0.5"] == 4
    assert found["words"] == 12
    assert found["sources"] == {"s": 1}


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_picture(tmp_path: Path, suffix: str) -> None:
    corpus = [document(n, [[n % 30 + 6] * 3], f"source {n % 9}") for n in range(200)]
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for path in paths:
        plot(describe(corpus), {"too short": 7, "near copy": 2}, path, {"tokens a word": 1.25})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if suffix == ".svg":
        drawn = paths[0].read_text()
        for words in ("200 documents", "kept 200, left out 9", "3 other sources", "near copy"):
            assert words in drawn
        assert "tokens a word: 1.25" in drawn
        assert "mathdefault" not in drawn  # no `2 × 10¹` at the ticks between powers of ten


def test_a_picture_of_one_document(tmp_path: Path) -> None:
    plot(describe([document(0, [[1]])]), {}, tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
