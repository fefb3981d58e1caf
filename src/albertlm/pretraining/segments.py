"""Token shards to pairs of segments for sentence-order prediction (paper section 3.1).

S sentences, N examples, B batch, T positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.shards import TokenShard

IN_ORDER, SWAPPED, NO_LABEL = 0, 1, -100
SPECIAL_TOKENS = 3
"""[CLS] A [SEP] B [SEP]"""


@dataclass(frozen=True)
class Segments:
    """N pairs of segments as ranges of an array of tokens.

    Fields:
        first, second: (N, 2) start and end; an empty second range where a chunk has one sentence.
        order: (N,) IN_ORDER, SWAPPED, or NO_LABEL where there is no second segment.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Segments:
        return Segments(self.first[rows], self.second[rows], self.order[rows])

    def shifted(self, by: NDArray[np.int64]) -> Segments:
        """The same pairs where their tokens lie so much further on, (N,) or one number for all."""
        return Segments(self.first + by[..., None], self.second + by[..., None], self.order)

    @classmethod
    def join(cls, parts: Sequence[Segments]) -> Self:
        """One after the other."""
        first, second, order = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(np.concatenate(first), np.concatenate(second), np.concatenate(order))


def cut_chunks(
    shard: TokenShard,
    length: int,
    seed: int,
    epoch: int,
    short_probability: float,
    *,
    first_sentence: int = 0,
) -> NDArray[np.int64]:
    """Cut every document into chunks of whole consecutive sentences, (N, 2) sentence numbers.

    A chunk takes as many sentences as fit into `length` tokens with the special ones, at least
    one. With `short_probability` it aims at a random shorter length, as does the first chunk of
    every document always, so that the cuts differ between epochs.

    Args:
        shard: the documents.
        length: tokens of a full example, special tokens counted.
        seed: of the run.
        epoch: number of the pass over the corpus.
        short_probability: `short_seq_prob` of the released code.
        first_sentence: number that the shard's first sentence has in the corpus: what is drawn for
            a sentence depends on its number there.
    """
    budget = length - SPECIAL_TOKENS
    if budget < 2:
        raise ValueError(f"sequence length {length} leaves no room for two segments; use 5 or more")
    starts_S, document_starts = shard.sentences[:-1], shard.documents[:-1]
    numbers_S = np.arange(len(starts_S))
    key = randomness.key(seed, epoch, "chunk length")
    in_corpus_S = first_sentence + numbers_S
    short_S = randomness.uniform(key, in_corpus_S, 0) < short_probability
    short_S[document_starts] = True
    target_S = np.where(short_S, 2 + randomness.integers(key, budget - 1, in_corpus_S, 1), budget)
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
    shard: TokenShard,
    chunks: NDArray[np.int64],
    length: int,
    seed: int,
    epoch: int,
    *,
    first_sentence: int = 0,
) -> Segments:
    """Split each chunk between two of its sentences, and swap the halves of one chunk in two.

    A chunk of one sentence gets no second segment and no label: nothing tells its order. One
    longer than `length` allows is cut at its end.
    """
    start_N, end_N = chunks.T
    in_corpus_N = first_sentence + start_N
    count_N = end_N - start_N
    split_key = randomness.key(seed, epoch, "segment split")
    split_N = 1 + randomness.integers(split_key, np.maximum(count_N - 1, 1), in_corpus_N)
    split_N = start_N + np.minimum(split_N, count_N)
    bounds = [np.asarray(shard.sentences[x]) for x in (start_N, split_N, end_N)]
    start, middle, end = bounds
    end = np.minimum(end, start + length - SPECIAL_TOKENS)
    middle = np.minimum(middle, end)
    swap_key = randomness.key(seed, epoch, "segment order")
    paired = middle < end
    swapped = paired & (randomness.uniform(swap_key, in_corpus_N) < 0.5)
    earlier, later = np.stack([start, middle], axis=1), np.stack([middle, end], axis=1)
    return Segments(
        first=np.where(swapped[:, None], later, earlier),
        second=np.where(swapped[:, None], earlier, later),
        order=np.where(paired, np.where(swapped, SWAPPED, IN_ORDER), NO_LABEL),
    )
