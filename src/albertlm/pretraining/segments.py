"""Token shards to pairs of segments for sentence-order prediction (paper section 3.1).

S sentences, N examples, B batch, T positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.shards import TokenShard

IN_ORDER, SWAPPED, NO_LABEL = 0, 1, -100
SPECIAL_TOKENS = 3
"""[CLS] A [SEP] B [SEP]"""


@dataclass(frozen=True)
class Segments:
    """N pairs of segments as ranges of a shard's tokens, in the order they are shown.

    Fields:
        first, second: (N, 2) start and end; an empty second range where a chunk has one sentence.
        order: (N,) IN_ORDER, SWAPPED, or NO_LABEL where there is no second segment.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)


def cut_chunks(
    shard: TokenShard, length: int, seed: int, epoch: int, short_probability: float
) -> NDArray[np.int64]:
    """Cut every document into chunks of whole consecutive sentences, (N, 2) sentence numbers.

    A chunk takes as many sentences as fit into `length` tokens with the special ones, at least
    one. With `short_probability` it aims at a random shorter length, as does the first chunk of
    every document always, so that the cuts differ between epochs.

    Args:
        shard: the corpus.
        length: tokens of a full example, special tokens counted.
        seed: of the run.
        epoch: number of the pass over the corpus.
        short_probability: `short_seq_prob` of the released code.
    """
    budget = length - SPECIAL_TOKENS
    if budget < 2:
        raise ValueError(f"sequence length {length} leaves no room for two segments; use 5 or more")
    starts_S, document_starts = shard.sentences[:-1], shard.documents[:-1]
    numbers_S = np.arange(len(starts_S))
    key = randomness.key(seed, epoch, "chunk length")
    short_S = randomness.uniform(key, numbers_S, 0) < short_probability
    short_S[document_starts] = True
    target_S = np.where(short_S, 2 + randomness.integers(key, budget - 1, numbers_S, 1), budget)
    # Where the chunk that starts with a given sentence ends, for all sentences at once …
    next_S = np.searchsorted(shard.sentences, starts_S + target_S, side="right") - 1
    document_ends_S = np.repeat(shard.documents[1:], np.diff(shard.documents))
    next_S = np.minimum(np.maximum(next_S, numbers_S + 1), document_ends_S)
    # … and then all documents are walked in step, chunk by chunk.
    chunks = []
    current, ends = np.asarray(document_starts), np.asarray(shard.documents[1:])
    while len(current):
        following = next_S[current]
        chunks.append(np.stack([current, following], axis=1))
        more = following < ends
        current, ends = following[more], ends[more]
    joined = np.concatenate(chunks)
    return joined[np.argsort(joined[:, 0], kind="stable")]


def pair_segments(
    shard: TokenShard, chunks: NDArray[np.int64], length: int, seed: int, epoch: int
) -> Segments:
    """Split each chunk between two of its sentences, and swap the halves of one chunk in two.

    A chunk of one sentence gets no second segment and no label: nothing tells its order. One
    longer than `length` allows is cut at its end.
    """
    first_sentence, end_sentence = chunks.T
    count_N = end_sentence - first_sentence
    split_key = randomness.key(seed, epoch, "segment split")
    split = 1 + randomness.integers(split_key, np.maximum(count_N - 1, 1), first_sentence)
    split = first_sentence + np.minimum(split, count_N)
    bounds = [np.asarray(shard.sentences[x]) for x in (first_sentence, split, end_sentence)]
    start, middle, end = bounds
    end = np.minimum(end, start + length - SPECIAL_TOKENS)
    middle = np.minimum(middle, end)
    swap_key = randomness.key(seed, epoch, "segment order")
    paired = middle < end
    swapped = paired & (randomness.uniform(swap_key, first_sentence) < 0.5)
    earlier, later = np.stack([start, middle], axis=1), np.stack([middle, end], axis=1)
    return Segments(
        first=np.where(swapped[:, None], later, earlier),
        second=np.where(swapped[:, None], earlier, later),
        order=np.where(paired, np.where(swapped, SWAPPED, IN_ORDER), NO_LABEL),
    )
