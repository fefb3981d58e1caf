"""Token shards to pairs of segments with a sentence label (paper section 3.1).

S sentences of a shard, C documents, N examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from albertlm.pretraining import randomness
from albertlm.pretraining.shards import TokenShard

Objective = Literal["sop", "nsp", "none"]
"""Sentence-order prediction; next-sentence prediction, as in BERT; pairs without a label."""

IN_ORDER, SWAPPED = 0, 1
IS_NEXT, IS_RANDOM = 0, 1
NO_LABEL = -100
SPECIAL_TOKENS = 3
"""[CLS] A [SEP] B [SEP]"""


@dataclass(frozen=True)
class Segments:
    """N pairs of segments as ranges of an array of tokens.

    Fields:
        first, second: (N, 2) start and end; an empty second range where a chunk has one sentence.
        labels: (N,) IN_ORDER or SWAPPED, IS_NEXT or IS_RANDOM, or NO_LABEL.
        numbers: (N,) of the chunk's first sentence in the corpus: no two examples of an epoch have
            the same.
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
        """The same pairs where their tokens lie so much further on."""
        return Segments(self.first + by, self.second + by, self.labels, self.numbers)

    @classmethod
    def join(cls, parts: Sequence[Segments]) -> Self:
        """One after the other."""
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))


def check_objective(objective: str) -> None:
    """Raise a ValueError, with the nearest name, where there is no such objective."""
    known = get_args(Objective)
    if objective not in known:
        near = get_close_matches(str(objective).lower(), known, n=1, cutoff=0.3)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"objective={objective!r} is not allowed; it must be one of {', '.join(known)}{meant}"
        )


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

    A chunk takes as many sentences as fit into `length` tokens with the special ones, at least
    one. With `short_probability` it aims at a random shorter length, as does the first chunk of
    every document always, so that the cuts differ between epochs. It is split between two of its
    sentences. One chunk in two is labelled 1:

    - sop: its halves are swapped.
    - nsp: the second half is replaced by sentences of another document of the shard, from a random
      one on, as many as fit; the next chunk starts with the half that was replaced, so that no
      text is lost. A shard of one document has none to take: its pairs are all next.
    - none: there are no labels, and every chunk stays as it is.

    A chunk of one sentence gets no second segment and no label, and one longer than `length` allows
    is cut at its end.

    Args:
        shard: the documents.
        length: tokens of a full example, special tokens counted.
        seed: of the run.
        epoch: number of the pass over the corpus.
        objective: of the sentence label.
        short_probability: `short_seq_prob` of the released code.
        first_sentence: number that the shard's first sentence has in the corpus: what is drawn for
            a sentence depends on its number there.

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
    labels = np.where((middle < end) & (objective != "none"), ones, NO_LABEL)
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
    """(S,) tokens that a chunk aims at if it starts with a sentence."""
    sentences = np.arange(len(shard.sentences) - 1)
    short_S = draws.uniform("is short", sentences) < short_probability
    short_S[shard.documents[:-1]] = True
    return np.where(short_S, 2 + draws.integers("length", budget - 1, sentences), budget)


def _chunk_ends(shard: TokenShard, target_S: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,) the sentence after a chunk that starts with a sentence."""
    starts_S = shard.sentences[:-1]
    ends_S = np.searchsorted(shard.sentences, starts_S + target_S, side="right") - 1
    ends_S = np.maximum(ends_S, 1 + np.arange(len(starts_S)))
    return np.minimum(ends_S, np.repeat(shard.documents[1:], np.diff(shard.documents)))


def _splits(
    ends_S: NDArray[np.int64], draws: _Draws
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(S,) with which sentence the second half of a chunk starts, and whether it is labelled 1."""
    sentences = np.arange(len(ends_S))
    inner_S = ends_S - sentences - 1
    splits_S = 1 + sentences + draws.integers("split", np.maximum(inner_S, 1), sentences)
    return splits_S, (inner_S > 0) & (draws.uniform("label", sentences) < 0.5)


def _walk(following_S: NDArray[np.int64], shard: TokenShard) -> NDArray[np.int64]:
    """(N,) the sentences with which chunks start; all documents are walked in step."""
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
    """(N, 2) for each chunk up to `left` tokens of a random other document, of whole sentences.

    A first sentence longer than that is cut at its end.
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
