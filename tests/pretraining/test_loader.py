"""Batches: every example once, laid out as the model reads it."""

import numpy as np
import pytest

from albertlm import AlbertTokenizer
from albertlm.pretraining.loader import PretrainingData
from albertlm.pretraining.masking import IGNORED, MaskingConfig
from albertlm.pretraining.shards import TokenShard


@pytest.fixture
def data(shard: TokenShard, tiny_tokenizer: AlbertTokenizer) -> PretrainingData:
    return PretrainingData(shard, tiny_tokenizer, length=48, masking=MaskingConfig(), seed=7)


def test_layout_and_the_text_that_is_in_it(data: PretrainingData) -> None:
    count = len(data.segments(0))
    batch = data.batch(0, np.arange(count))
    seen = np.zeros(len(data.shard.tokens), bool)
    for row in range(count):
        ids = batch.input_ids[row].copy()
        kept = batch.labels[row] != IGNORED
        ids[batch.masked_positions[row][kept]] = batch.labels[row][kept]
        ids = ids[batch.attention_mask[row] == 1]
        first, second = (slice(*x[row]) for x in (data.segments(0).first, data.segments(0).second))
        tokens = data.shard.tokens
        expected = [2, *tokens[first], 3]
        types = [0] * len(expected)
        if second.stop > second.start:
            expected += [*tokens[second], 3]
            types += [1] * (len(expected) - len(types))
        assert ids.tolist() == expected
        assert batch.token_type_ids[row][: len(types)].tolist() == types
        seen[first] = seen[second] = True
    assert (batch.input_ids[batch.attention_mask == 0] == 0).all()
    lengths = np.diff(data.shard.sentences)
    offsets = np.concatenate([np.arange(length) for length in lengths])
    assert (seen == (offsets < 45)).all()  # only what is past the length in a single sentence


def test_an_epoch_shows_every_example_once_and_the_next_in_another_order(
    data: PretrainingData,
) -> None:
    starts = [data.segments(epoch).first[:, 0].tolist() for epoch in (0, 1)]
    assert len(set(starts[0])) == len(starts[0])
    assert starts[0] != starts[1]


def test_batches_go_on_where_asked(data: PretrainingData) -> None:
    everything = list(data.batches(0, 4))
    rest = list(data.batches(0, 4, first=3))
    assert len(everything) == len(data.segments(0)) // 4
    for left, right in zip(everything[3:], rest, strict=True):
        assert (left.input_ids == right.input_ids).all()
        assert (left.masked_positions == right.masked_positions).all()


def test_another_vocabulary_is_refused(shard: TokenShard, tiny_tokenizer: AlbertTokenizer) -> None:
    shard = TokenShard(shard.tokens, shard.sentences, shard.documents, {"vocabulary": "other"})
    with pytest.raises(ValueError, match="another vocabulary"):
        PretrainingData(shard, tiny_tokenizer, length=48, masking=MaskingConfig(), seed=0)
