"""Texts, or questions with their contexts, in windows of tokens that a model can read.

C tokens of a text or context in a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from albertlm.settings import check
from albertlm.tokenization.encoding import TokenRange
from albertlm.tokenization.tokenizer import AlbertTokenizer

SHIFT = 128
"""By how many tokens each window begins after the one before, in Google's recipes."""


@dataclass(frozen=True)
class Cutting:
    """How long texts are cut into windows.

    Fields:
        max_length: the number of tokens in a window, with the question and special tokens.
        max_question: the number of tokens after which a question is cut.
        shift: by how many tokens each window begins after the one before (Google's `doc_stride`).
        overlap: how many tokens consecutive windows share (the `stride` of transformers). If
            neither is given, the shift is 128 tokens, or half of a window if that is less.
    """

    max_length: int
    max_question: int = 64
    shift: int | None = None
    overlap: int | None = None

    def __post_init__(self) -> None:
        both = {"shift": self.shift, "overlap": self.overlap}
        check(None in both.values(), "given one at a time", **both)
        check(self.shift is None or self.shift >= 1, "1 or more", shift=self.shift)
        check(self.overlap is None or self.overlap >= 0, "0 or more", overlap=self.overlap)
        check(self.max_question >= 1, "1 or more", max_question=self.max_question)

    def ranges(self, size: int, room: int) -> list[TokenRange]:
        """The windows into a text, which contain every token of it.

        Args:
            size: the number of tokens of the text.
            room: how many of them fit into a window.

        Raises:
            ValueError: nothing fits, or the shift or overlap is too large for the room.
        """
        if size <= room:
            return [(0, size)]
        if room < 1:
            raise ValueError(
                f"a window of {self.max_length} tokens leaves no room for the text beside its "
                "question; allow only shorter questions, or longer windows"
            )
        shift = min(SHIFT, (room + 1) // 2) if self.shift is None else self.shift
        if self.overlap is not None:
            told = f"less than the {room} tokens that fit into a window"
            check(self.overlap < room, told, overlap=self.overlap)
            shift = room - self.overlap
        told = f"at most the {room} tokens that fit into a window, or some would never be read"
        check(shift <= room, told, shift=shift)
        starts = range(0, size - room + shift, shift)
        return [(start, min(start + room, size)) for start in starts]


class TextWindow(NamedTuple):
    """A row of tokens with a part of a text.

    Fields:
        input_ids: with special tokens, and the question before the context.
        token_type_ids: 0, and 1 for the context of a question and the [SEP] after it.
        first: the position in the row of the first token of this part.
        spans: (C, 2) start and end of each token, in characters of the whole text.
        has_most_context: (C,) whether no other window has more context around the token.
        is_known: whether the vocabulary has some token of the whole text.
    """

    input_ids: list[int]
    token_type_ids: list[int]
    first: int
    spans: npt.NDArray[np.int64]
    has_most_context: npt.NDArray[np.bool_]
    is_known: bool

    @property
    def part(self) -> slice:
        """The positions in the row of the tokens of this part."""
        return slice(self.first, self.first + len(self.spans))


def question_windows(
    tokenizer: AlbertTokenizer,
    questions: Sequence[str],
    contexts: Sequence[str],
    cutting: Cutting,
) -> list[list[TextWindow]]:
    """The windows of each question: `[CLS] question [SEP] part of the context [SEP]`.

    Args:
        tokenizer: the tokenizer of the model.
        questions: one for each context; only the first `cutting.max_question` tokens are read.
        contexts: equal ones are tokenized only once.
        cutting: how contexts are cut.

    Raises:
        ValueError: a question leaves no room, or the shift or overlap is too large for the room.
    """
    known = _encoded(tokenizer, list(dict.fromkeys(contexts)))
    asked = tokenizer(list(questions), add_special_tokens=False)["input_ids"] if questions else []
    rows = []
    for ids, context in zip(asked, contexts, strict=True):
        question = [tokenizer.cls_token_id, *ids[: cutting.max_question], tokenizer.sep_token_id]
        rows.append(_windows(tokenizer, question, known[context], cutting))
    return rows


def text_windows(
    tokenizer: AlbertTokenizer, texts: Sequence[str], cutting: Cutting
) -> list[list[TextWindow]]:
    """The windows of each text: `[CLS] part of the text [SEP]`.

    Raises:
        ValueError: the shift or overlap is too large for a window.
    """
    known = _encoded(tokenizer, list(dict.fromkeys(texts)))
    return [_windows(tokenizer, [tokenizer.cls_token_id], known[text], cutting) for text in texts]


def most_context(ranges: Sequence[TokenRange]) -> list[npt.NDArray[np.bool_]]:
    """For each window, which of its tokens have more context in it than in any other window.

    The context of a token is the smaller number of tokens on one side of it, and a hundredth of
    the window's length. Among equals, the first window wins, so each token has exactly one.

    Source: `_check_is_max_context` of squad_utils.py of the released code.
    """
    size = max(stop for _, stop in ranges)
    most, winner = np.full(size, -1.0), np.zeros(size, np.int64)
    for number, (start, stop) in enumerate(ranges):
        left = np.arange(stop - start)
        context = np.minimum(left, left[::-1]) + 0.01 * (stop - start)
        tokens = start + np.flatnonzero(context > most[start:stop])
        most[tokens], winner[tokens] = context[tokens - start], number
    return [winner[start:stop] == number for number, (start, stop) in enumerate(ranges)]


class _Encoded(NamedTuple):
    ids: list[int]
    spans: npt.NDArray[np.int64]


def _encoded(tokenizer: AlbertTokenizer, texts: list[str]) -> dict[str, _Encoded]:
    """The tokens of texts, by text."""
    if not texts:
        return {}
    found: Any = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    rows = zip(texts, found["input_ids"], found["offset_mapping"], strict=True)
    return {
        text: _Encoded(ids, np.array(spans, np.int64).reshape(-1, 2)) for text, ids, spans in rows
    }


def _windows(
    tokenizer: AlbertTokenizer, before: list[int], text: _Encoded, cutting: Cutting
) -> list[TextWindow]:
    """The windows of a text after the tokens `before`, each followed by [SEP]."""
    ranges = cutting.ranges(len(text.ids), cutting.max_length - len(before) - 1)
    visible = text.spans[:, 1] > text.spans[:, 0]
    is_known = bool((np.array(text.ids, np.int64)[visible] != tokenizer.unk_token_id).any())
    kind = int(len(before) > 1)  # 1 after a question
    return [
        TextWindow(
            [*before, *text.ids[start:stop], tokenizer.sep_token_id],
            [0] * len(before) + [kind] * (stop - start + 1),
            len(before),
            text.spans[start:stop],
            has_most_context,
            is_known,
        )
        for (start, stop), has_most_context in zip(ranges, most_context(ranges), strict=True)
    ]
