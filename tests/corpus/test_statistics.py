"""Compare statistics with counts over lists of all lengths."""

import json
from collections.abc import Sequence

import numpy as np
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
)

Parts = Sequence[Sequence[int]]


def document(number: int, parts: Parts, source: str = "s") -> Document:
    """Return a document whose sentences have the given numbers of words."""
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


def test_to_dict() -> None:
    found = describe([document(0, [[3, 4], [5]])]).to_dict()
    assert json.loads(json.dumps(found))["quantiles"]["words a sentence"]["0.5"] == 4
    assert found["words"] == 12
    assert found["sources"] == {"s": 1}
