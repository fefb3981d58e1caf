"""Cut token shards into pairs of segments with a sentence label (paper section 3.1).

S sentences of a shard, C documents, N examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.data import randomness
from albertlm.data.token_shards import TokenShard

Objective = Literal["sop", "nsp", "none"]
"""Sentence-order prediction; next-sentence prediction, as in BERT; pairs without a label."""
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

IN_ORDER, SWAPPED = 0, 1
IS_NEXT, IS_RANDOM = 0, 1
SPECIAL_TOKENS = 3
"""[CLS] A [SEP] B [SEP]"""


@dataclass(frozen=True)
class Segments:
    """N pairs of segments as ranges of an array of tokens.

    Fields:
        first, second: (N, 2) start and end; the second range of one-sentence chunks is empty.
        labels: (N,) IN_ORDER or SWAPPED, IS_NEXT or IS_RANDOM, or IGNORED.
        numbers: (N,) the number, in the corpus, of the chunk's first sentence, which is unique
            within an epoch.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    labels: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Segments:
        return Segments(*(array[rows] for array in vars(self).values()))

    def shifted(self, by: np.int64) -> Segments:
        """The same pairs with all ranges moved by an offset."""
        return Segments(self.first + by, self.second + by, self.labels, self.numbers)

    @classmethod
    def join(cls, parts: Sequence[Segments]) -> Self:
        """The concatenation of several."""
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))


def cut_examples(
    shard: TokenShard,
    length: int,
    *,
    seed: int,
    epoch: int,
    objective: Objective = "sop",
    short_probability: float = 0.1,
    first_sentence: int = 0,
) -> Segments:
    """Cut every document into chunks of whole consecutive sentences, and each chunk in two.

    A chunk has as many sentences as fit into `length` tokens with the special ones, at least one.
    Its target length is shorter, at random, with `short_probability`, and always in the first chunk
    of a document, so that the cuts differ between epochs. A chunk is split between two of its
    sentences. Half of the chunks are labelled 1:

    - sop: the two segments are swapped.
    - nsp: the second segment is replaced by sentences of another document of the shard, starting at
      a random one, as many as fit. The next chunk starts with the replaced segment, so that no text
      is lost. In a shard with a single document, all pairs are labelled 0.
    - none: there are no labels, and no chunk is changed.

    A chunk of one sentence has no second segment and no label, and is truncated if it is longer
    than `length` allows.

    Args:
        shard: the documents.
        length: the number of tokens of a full example, including special tokens.
        seed: the seed of the run.
        epoch: the number of the pass over the corpus.
        objective: the objective of the sentence label.
        short_probability: `short_seq_prob` of the released code.
        first_sentence: the number, in the corpus, of the shard's first sentence; random draws
            depend on the numbers of sentences in the corpus.

    Raises:
        ValueError: `length` is too small.
    """
    budget = length - SPECIAL_TOKENS
    if budget < 2:
        raise ValueError(f"sequence length {length} leaves no room for two segments; use 5 or more")
    draws = _Draws(seed, epoch, first_sentence)
    target_S = _targets(shard, budget, draws, short_probability)
    ends_S = _chunk_ends(shard, target_S)
    splits_S, ones_S = _splits(ends_S, draws)
    if objective == "none" or (objective == "nsp" and len(shard.documents) <= 2):
        ones_S[:] = False
    starts = _walk(np.where(ones_S, splits_S, ends_S) if objective == "nsp" else ends_S, shard)
    bounds = (np.asarray(shard.sentences[x]) for x in (starts, splits_S[starts], ends_S[starts]))
    start, middle, end = bounds
    end = np.minimum(end, start + budget)
    middle = np.minimum(middle, end)
    first, second = np.stack([start, middle], axis=1), np.stack([middle, end], axis=1)
    ones = ones_S[starts] & (middle < end)
    if objective == "sop":
        first[ones], second[ones] = second[ones], first[ones]
    elif objective == "nsp":
        left = target_S[starts] - (middle - start)
        second[ones] = _elsewhere(shard, starts[ones], left[ones], draws)
    labels = np.where((middle < end) & (objective != "none"), ones, IGNORED)
    return Segments(first, second, labels, first_sentence + starts)


@dataclass(frozen=True)
class _Draws:
    """Random numbers for sentences of a shard."""

    seed: int
    epoch: int
    first_sentence: int

    def uniform(self, purpose: str, sentences: NDArray[np.int64]) -> NDArray[np.float64]:
        key = randomness.key(self.seed, self.epoch, purpose)
        return randomness.uniform(key, self.first_sentence + sentences)

    def integers(
        self, purpose: str, high: NDArray[np.int64] | int, sentences: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        key = randomness.key(self.seed, self.epoch, purpose)
        return randomness.integers(key, high, self.first_sentence + sentences)


def _targets(
    shard: TokenShard, budget: int, draws: _Draws, short_probability: float
) -> NDArray[np.int64]:
    """(S,) the target length, in tokens, of a chunk that starts with each sentence."""
    sentences = np.arange(len(shard.sentences) - 1)
    short_S = draws.uniform("is short", sentences) < short_probability
    short_S[shard.documents[:-1]] = True
    return np.where(short_S, 2 + draws.integers("length", budget - 1, sentences), budget)


def _chunk_ends(shard: TokenShard, target_S: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,) the sentence after a chunk that starts with each sentence."""
    starts_S = shard.sentences[:-1]
    ends_S = np.searchsorted(shard.sentences, starts_S + target_S, side="right") - 1
    ends_S = np.maximum(ends_S, 1 + np.arange(len(starts_S)))
    return np.minimum(ends_S, np.repeat(shard.documents[1:], np.diff(shard.documents)))


def _splits(
    ends_S: NDArray[np.int64], draws: _Draws
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(S,) the first sentence of a chunk's second segment, and whether the label is 1."""
    sentences = np.arange(len(ends_S))
    inner_S = ends_S - sentences - 1
    splits_S = 1 + sentences + draws.integers("split", np.maximum(inner_S, 1), sentences)
    return splits_S, (inner_S > 0) & (draws.uniform("label", sentences) < 0.5)


def _walk(following_S: NDArray[np.int64], shard: TokenShard) -> NDArray[np.int64]:
    """(N,) the sentences that start a chunk; all documents are traversed in parallel."""
    starts = []
    current, ends = np.asarray(shard.documents[:-1]), np.asarray(shard.documents[1:])
    while len(current):
        starts.append(current)
        following = following_S[current]
        more = following < ends
        current, ends = following[more], ends[more]
    return np.sort(np.concatenate(starts))


def _elsewhere(
    shard: TokenShard, starts: NDArray[np.int64], left: NDArray[np.int64], draws: _Draws
) -> NDArray[np.int64]:
    """(N, 2) for each chunk, whole sentences of up to `left` tokens from a random other document.

    A longer first sentence is truncated.
    """
    own = np.searchsorted(shard.documents, starts, side="right") - 1
    document = draws.integers("document", len(shard.documents) - 2, starts)
    document += document >= own
    begin, end = np.asarray(shard.documents[document]), np.asarray(shard.documents[document + 1])
    sentence = begin + draws.integers("sentence", end - begin, starts)
    token = np.asarray(shard.sentences[sentence])
    last = np.searchsorted(shard.sentences, token + left, side="right") - 1
    ends = shard.sentences[np.clip(last, sentence + 1, end)]
    return np.stack([token, np.minimum(ends, token + left)], axis=1)
