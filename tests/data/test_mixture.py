"""Batches of several corpora: each is read in its own order, and has its share of the examples."""

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from albertlm.data import loader
from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.mixture import Mixture, shares_by_tokens
from albertlm.data.prefetch import Prefetcher
from albertlm.data.token_shards import TokenPart

SHARES = {"wiki": 0.7, "books": 0.1, "web": 0.2}


@pytest.fixture(scope="module")
def corpora(
    make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]
) -> dict[str, TokenPart]:
    return {
        "wiki": make_tokens(many_documents, shards=3),
        "books": make_tokens(many_documents[40:]),
        "web": make_tokens(many_documents[20:45], shards=2),
    }


@pytest.fixture
def mixture(corpora: dict[str, TokenPart], monkeypatch: pytest.MonkeyPatch) -> Mixture:
    monkeypatch.setattr(loader, "TOKENS_AT_ONCE", 2000)
    parts = {
        name: PretrainingData(part, length=48, masking=MaskingConfig(), seed=seed)
        for seed, (name, part) in enumerate(corpora.items())
    }
    return Mixture(parts, SHARES)


def take(
    mixture: Mixture, position: Position, count: int, size: int = 20, **share: int
) -> list[tuple[Batch, Position]]:
    return list(islice(mixture.stream(position, size, **share), count))


def rows(batch: Batch) -> list[tuple[list[int], ...]]:
    """The examples of a batch, without padding."""
    used = [
        (batch.input_ids, batch.attention_mask > 0),
        (batch.token_type_ids, batch.attention_mask > 0),
        (batch.masked_positions, batch.labels >= 0),
        (batch.labels, batch.labels >= 0),
        (batch.is_mask, batch.labels >= 0),
    ]
    found = [
        tuple(array[row][mask[row]].tolist() for array, mask in used) for row in range(len(batch))
    ]
    labels = batch.sentence_order_label.tolist()
    numbers = zip(labels, batch.epochs.tolist(), batch.examples.tolist(), strict=True)
    return [(*row, list(number)) for row, number in zip(found, numbers, strict=True)]


def test_each_corpus_is_read_as_if_it_were_alone(mixture: Mixture) -> None:
    """Into its second epoch and further, one example after the other."""
    found = [row for batch, _ in take(mixture, Position(), 90) for row in rows(batch)]
    for number, part in enumerate(mixture.parts.values()):
        mine = [row for row in found if row[-1][1] % 3 == number]
        stream = part.stream(Position(), len(mine))
        batch, _ = next(stream)
        batch = Batch(**{**vars(batch), "epochs": 3 * batch.epochs + number})
        assert mine == rows(batch)
    assert max(row[-1][1] for row in found) >= 6


@pytest.mark.parametrize("size", [1, 7, 20, 512])
def test_consecutive_examples_have_the_shares(mixture: Mixture, size: int) -> None:
    """Up to four examples, in every batch and in all batches together."""
    seen = [batch.epochs % 3 for batch, _ in take(mixture, Position(), 40, size)]
    for numbers in [*seen, np.concatenate(seen)]:
        expected = len(numbers) * np.array([SHARES[name] for name in sorted(SHARES)])
        assert np.abs(np.bincount(numbers, minlength=3) - expected).max() < 4


def test_it_goes_on_from_any_position(mixture: Mixture) -> None:
    whole = take(mixture, Position(), 30)
    for number in (0, 11, 28):
        rest = take(mixture, whole[number][1], 29 - number)
        assert [(rows(batch), after) for batch, after in rest] == [
            (rows(batch), after) for batch, after in whole[number + 1 :]
        ]


@pytest.mark.parametrize("ranks", [2, 3, 20])
def test_ranks_share_each_batch(mixture: Mixture, ranks: int) -> None:
    whole = take(mixture, Position(), 9)
    shares = [take(mixture, Position(), 9, rank=rank, ranks=ranks) for rank in range(ranks)]
    for number, (batch, after) in enumerate(whole):
        assert [row for share in shares for row in rows(share[number][0])] == rows(batch)
        assert all(share[number][1] == after for share in shares)
    with pytest.raises(ValueError, match="rank=3 of ranks=3 cannot share batch_size=20"):
        take(mixture, Position(), 1, rank=3, ranks=3)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_workers_make_the_same_batches(mixture: Mixture, workers: int) -> None:
    whole = take(mixture, Position(), 13)
    with Prefetcher(mixture, Position(), 20, workers=workers) as made:
        found = list(islice(made, 13))
    assert [(rows(batch), after) for batch, after in found] == [
        (rows(batch), after) for batch, after in whole
    ]


def test_a_corpus_without_a_share_is_not_read(corpora: dict[str, TokenPart]) -> None:
    class Unread(PretrainingData):
        def windows(self, epoch: int, skip: int = 0) -> None:  # type: ignore[override]
            raise AssertionError(epoch, skip)

    parts = {
        "wiki": PretrainingData(corpora["wiki"], length=48, masking=MaskingConfig(), seed=0),
        "books": Unread(corpora["books"], length=48, masking=MaskingConfig(), seed=0),
    }
    mixture = Mixture(parts, {"wiki": 1.0})
    assert {epoch % 2 for batch, _ in take(mixture, Position(), 5) for epoch in batch.epochs} == {1}
    assert mixture.examples(0) == sum(part.examples(0) for part in parts.values())


def test_shares_by_tokens(corpora: dict[str, TokenPart]) -> None:
    sizes = {name: sum(len(shard.tokens) for shard in part) for name, part in corpora.items()}
    found = shares_by_tokens(corpora)
    assert sum(found.values()) == pytest.approx(1)
    assert found["books"] / found["wiki"] == pytest.approx(sizes["books"] / sizes["wiki"])
