"""Batches: every example once, laid out as the model reads it, however many shards there are."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import islice
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.data import loader
from albertlm.data.batches import Batch, Position
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.token_shards import TokenPart

SMALL = 6000
"""Tokens of a window: more than one of four small shards has, fewer than all four."""


@pytest.fixture(scope="module")
def parts(
    make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]
) -> dict[int, TokenPart]:
    """The same documents in one shard and in four."""
    return {shards: make_tokens(many_documents, shards=shards) for shards in (1, 4)}


@pytest.fixture
def part(parts: dict[int, TokenPart]) -> TokenPart:
    return parts[4]


@pytest.fixture(
    params=[(1, 1 << 26), (4, 1 << 26), (4, SMALL), (4, 1)],
    ids=["one shard", "one window", "windows", "shard by shard"],
)
def data(
    request: pytest.FixtureRequest,
    parts: dict[int, TokenPart],
    monkeypatch: pytest.MonkeyPatch,
) -> PretrainingData:
    monkeypatch.setattr(loader, "TOKENS_AT_ONCE", 1000)
    shards, window = request.param
    return PretrainingData(
        parts[shards], length=96, masking=MaskingConfig(), seed=7, window_tokens=window
    )


def unmasked_rows(batches: Iterator[Batch]) -> Iterator[tuple[list[int], list[int], int]]:
    """For each example its ids before masking, its segment ids and its label, without padding."""
    for batch in batches:
        for row, mask in enumerate(batch.attention_mask == 1):
            ids = batch.input_ids[row].copy()
            kept = batch.labels[row] != IGNORED
            ids[batch.masked_positions[row][kept]] = batch.labels[row][kept]
            assert (ids[~mask] == 0).all()
            yield (
                ids[mask].tolist(),
                batch.token_type_ids[row][mask].tolist(),
                int(batch.sentence_order_label[row]),
            )


def test_layout_and_the_text_that_is_in_it(data: PretrainingData) -> None:
    rows = unmasked_rows(data.batches(0, 7, with_last=True))
    seen = 0
    for window in data.windows(0):
        covered = np.zeros(len(window.tokens), bool)
        segments = window.segments
        for first, second, order in zip(
            segments.first, segments.second, segments.labels, strict=True
        ):
            expected = [2, *window.tokens[slice(*first)], 3]
            types = [0] * len(expected)
            if second[1] > second[0]:
                expected += [*window.tokens[slice(*second)], 3]
                types += [1] * (len(expected) - len(types))
            assert next(rows) == (expected, types, order)
            assert not covered[slice(*first)].any()
            covered[slice(*first)] = covered[slice(*second)] = True
            seen += 1
        assert covered.all()  # no sentence here is longer than an example
    assert seen == data.examples(0)
    assert next(rows, None) is None


def test_an_epoch_shows_every_sentence_once(data: PretrainingData) -> None:
    expected = np.concatenate([np.asarray(shard.tokens) for shard in data.part])
    for epoch in (0, 1):
        rows = unmasked_rows(data.batches(epoch, 5, with_last=True))
        shown = [i for ids, _, _ in rows for i in ids if i not in (2, 3)]
        assert sorted(shown) == sorted(expected.tolist())


def test_what_is_past_the_length_in_one_sentence_is_left_out(
    make_tokens: Callable[..., TokenPart], tiny_sentences: list[str]
) -> None:
    part = make_tokens([[" ".join(tiny_sentences[:9]), tiny_sentences[0]]])
    data = PretrainingData(part, length=48, masking=MaskingConfig(), seed=0)
    rows = [ids for ids, _, _ in unmasked_rows(data.batches(0, 2))]
    start, middle, end = part[0].sentences
    assert sorted(map(len, rows)) == sorted([45 + 2, end - middle + 2])
    assert [2, *part[0].tokens[start : start + 45], 3] in rows


def test_the_next_epoch_comes_in_another_order(data: PretrainingData) -> None:
    first, second = ([ids for ids, _, _ in unmasked_rows(data.batches(e, 4))] for e in (0, 1))
    assert first != second


@pytest.mark.parametrize("batch_size", [pytest.param(1, marks=pytest.mark.slow), 4, 33])
def test_batches_go_on_where_asked(data: PretrainingData, batch_size: int) -> None:
    everything = list(data.batches(0, batch_size))
    assert len(everything) == data.examples(0) // batch_size
    for first in (0, 1, len(everything) // 2, len(everything) - 1, len(everything)):
        rest = list(data.batches(0, batch_size, first))
        assert len(rest) == len(everything) - first
        for left, right in zip(everything[first:], rest, strict=True):
            assert_equal(left, right)


def test_an_example_does_not_depend_on_the_size_of_batches(data: PretrainingData) -> None:
    def rows(batch_size: int) -> list[list[int]]:
        return [
            row[batch.attention_mask[number] == 1].tolist()
            for batch in data.batches(2, batch_size, with_last=True)
            for number, row in enumerate(batch.input_ids)
        ]

    assert rows(3) == rows(20)


def test_examples_do_not_depend_on_the_windows(part: TokenPart) -> None:
    def shown(window_tokens: int) -> list[list[int]]:
        data = PretrainingData(
            part, length=96, masking=MaskingConfig(), seed=7, window_tokens=window_tokens
        )
        return sorted(ids for ids, _, _ in unmasked_rows(data.batches(3, 8, with_last=True)))

    assert shown(1 << 26) == shown(SMALL) == shown(1)


def test_shards_are_cut_each_in_its_own_way(
    make_tokens: Callable[..., TokenPart], tiny_sentences: list[str]
) -> None:
    part = make_tokens([tiny_sentences] * 3, shards=3)
    data = PretrainingData(part, length=48, masking=MaskingConfig(), seed=0, window_tokens=1)
    starts = [sorted(window.segments.first[:, 0].tolist()) for window in data.windows(0)]
    assert len({tuple(each) for each in starts}) == 3


def test_windows_take_few_shards_and_all_of_them(data: PretrainingData) -> None:
    sizes = sorted(len(window.tokens) for window in data.windows(0))
    assert sum(sizes) == data.part.counts("tokens").sum()
    if data.window_tokens == 1:
        assert sizes == sorted(data.part.counts("tokens").tolist())


def test_too_short_a_length(part: TokenPart) -> None:
    with pytest.raises(ValueError, match="length=4 is not allowed; it must be 5 or more"):
        PretrainingData(part, length=4, masking=MaskingConfig(), seed=0)


def assert_equal(left: Batch, right: Batch) -> None:
    for field in fields(Batch):
        assert (getattr(left, field.name) == getattr(right, field.name)).all()


def take(
    data: PretrainingData, position: Position, batch_size: int, count: int, **share: int
) -> list[tuple[Batch, Position]]:
    return list(islice(data.stream(position, batch_size, **share), count))


def test_the_stream_runs_on_from_epoch_to_epoch(data: PretrainingData) -> None:
    sizes = [data.expected(epoch).examples for epoch in range(3)]
    rows = [
        row for epoch in range(3) for row in unmasked_rows(data.batches(epoch, 5, with_last=True))
    ]
    stream = take(data, Position(), 16, sum(sizes) // 16)
    streamed = list(unmasked_rows(batch for batch, _ in stream))
    assert streamed == rows[: len(streamed)]
    assert all(len(batch.examples) == 16 for batch, _ in stream)
    epochs = np.concatenate([batch.epochs for batch, _ in stream])
    assert epochs.tolist() == np.repeat([0, 1, 2], sizes)[: len(epochs)].tolist()


@pytest.mark.parametrize("batch_size", [7, 200])
def test_the_stream_goes_on_from_any_position(data: PretrainingData, batch_size: int) -> None:
    stream = take(data, Position(), batch_size, 2 + 2 * data.expected(0).examples // batch_size)
    for number in (0, 1, len(stream) // 2, len(stream) - 2):
        rest = take(data, stream[number][1], batch_size, len(stream) - number - 1)
        for (left, left_after), (right, right_after) in zip(
            stream[number + 1 :], rest, strict=True
        ):
            assert_equal(left, right)
            assert left_after == right_after


def test_the_end_of_an_epoch_is_the_start_of_the_next(data: PretrainingData) -> None:
    size = data.expected(0).examples
    ((_, after),) = take(data, Position(), size, 1)
    assert after == Position(1, 0)
    ((left, _),) = take(data, after, 3, 1)
    ((right, _),) = take(data, Position(0, size), 3, 1)
    assert_equal(left, right)


@pytest.mark.parametrize("ranks", [2, 3, 16])
def test_ranks_share_each_batch(data: PretrainingData, ranks: int) -> None:
    whole = take(data, Position(), 16, 20)
    shares = [take(data, Position(), 16, 20, rank=rank, ranks=ranks) for rank in range(ranks)]
    for number, (batch, after) in enumerate(whole):
        parts = [share[number][0] for share in shares]
        assert {share[number][1] for share in shares} == {after}
        assert_equal(batch, stack(parts))


def test_workers_make_every_other_batch(data: PretrainingData) -> None:
    whole = take(data, Position(0, 5), 4, 30)
    for worker in range(3):
        part = take(data, Position(0, 5), 4, 10, worker=worker, workers=3)
        for (left, left_after), (right, right_after) in zip(whole[worker::3], part, strict=True):
            assert_equal(left, right)
            assert left_after == right_after


@pytest.mark.parametrize("share", [{"rank": 2, "ranks": 2}, {"ranks": 5}, {"rank": -1}])
def test_impossible_shares(part: TokenPart, share: dict[str, int]) -> None:
    data = PretrainingData(part, length=32, masking=MaskingConfig(), seed=0)
    with pytest.raises(ValueError, match="cannot share batch_size=4"):
        take(data, Position(), 4, 1, **share)


def test_a_position_past_the_epoch(data: PretrainingData) -> None:
    with pytest.raises(ValueError, match=r"epoch 0 has \d+ examples, so it has no number 99999"):
        take(data, Position(0, 99999), 4, 1)


def test_a_corpus_without_an_example(part: TokenPart) -> None:
    empty = TokenPart(part.folder, {}, part.tokenizer, part.word_starts)
    with pytest.raises(ValueError, match="has no examples; run `albertlm tokens`"):
        PretrainingData(empty, length=32, masking=MaskingConfig(), seed=0)


def test_an_objective_that_is_not_known(part: TokenPart) -> None:
    with pytest.raises(ValueError, match="did you mean 'sop'"):
        PretrainingData(part, length=32, masking=MaskingConfig(), seed=0, objective="spo")  # type: ignore[arg-type]


def stack(parts: list[Batch]) -> Batch:
    """The rows of all, padded to the longest."""
    fill = {"labels": IGNORED}

    def join(name: str) -> NDArray[Any]:
        arrays = [getattr(part, name) for part in parts]
        if arrays[0].ndim == 1:
            return np.concatenate(arrays)
        width = max(array.shape[1] for array in arrays)
        padded = [
            np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=fill.get(name, 0))
            for a in arrays
        ]
        return np.concatenate(padded)

    return Batch(**{field.name: join(field.name) for field in fields(Batch)})
