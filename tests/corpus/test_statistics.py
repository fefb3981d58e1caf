"""Counts against plain ones, quantiles against NumPy's, and sums of parts against the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from albertlm.corpus.documents import Document
from albertlm.corpus.sampling import sample_documents, sample_drops
from albertlm.corpus.sentences import join_sentences
from albertlm.corpus.shards import DOCUMENT_COLUMNS, FORMAT, Corpus, RowWriter
from albertlm.corpus.statistics import LENGTHS, QUANTILES, describe, plot


def documents(count: int) -> list[Document]:
    random = np.random.default_rng(0)
    found = []
    for number in range(count):
        sizes = random.integers(1, 40, random.integers(1, 30))
        text = join_sentences([[" ".join(["word"] * size) for size in sizes], ["The end."]])
        found.append(Document(str(number), "odd" if number % 2 else "even", text))
    return found


def test_counts_and_quantiles() -> None:
    given = documents(400)
    found = describe(given)
    sentences = [len(line.split()) for d in given for line in d.text.split("\n") if line]
    assert found.documents == 400
    assert found.paragraphs == 800
    assert found.sentences == len(sentences)
    assert found.words == sum(sentences)
    assert found.characters == sum(len(d.text) for d in given)
    assert found.sources == {"even": 200, "odd": 200}
    words = [len(d.text.split()) for d in given]
    for share, value in found.quantiles("words a document").items():
        assert value == pytest.approx(np.quantile(words, share), rel=0.15)
    assert all(bins.sum() for bins in found.lengths.values())


def test_parts_add_up() -> None:
    given = documents(50)
    whole, parts = describe(given), describe(given[:20]) + describe(given[20:])
    assert whole.to_dict() == parts.to_dict()
    for name in LENGTHS:
        assert whole.lengths[name].tolist() == parts.lengths[name].tolist()


def test_nothing() -> None:
    assert describe([]).quantiles("words a sentence") == dict.fromkeys(QUANTILES, 0.0)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_plot(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    plot(describe(documents(50)), {"too short": 3, "near copy": 1}, tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").stat().st_size > 5000


def test_samples_are_drawn_from_all_shards(tmp_path: Path) -> None:
    given = documents(60)
    shards = {}
    for number in range(3):
        name = f"corpus-{number:05d}.parquet"
        with RowWriter(tmp_path / name, DOCUMENT_COLUMNS) as writer:
            for document in given[20 * number : 20 * number + 20]:
                writer.add(document)
        shards[name] = {"documents": 20}
    corpus = Corpus(tmp_path, {"format": FORMAT, "shards": shards})
    drawn = sample_documents(corpus, 30, seed=1)
    assert [d for d in given if d in drawn] == drawn
    assert len(drawn) == 30
    assert sample_documents(corpus, 30, seed=1) == drawn != sample_documents(corpus, 30, seed=2)
    assert sample_documents(corpus, 100, seed=0) == given
    with pytest.raises(ValueError, match="--keep-dropped"):
        sample_drops(corpus, 1, seed=0)
