"""What a call of the tokenizer returns, and the rows that it consists of."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from albertlm.tokenization.encoder import Encoder
from albertlm.tokenization.encoding import Side, TokenRange
from albertlm.tokenization.special_tokens import SpecialTokens

Item = TypeVar("Item")


class CharSpan(NamedTuple):
    """Start and end (exclusive) of a token or a word, in characters of its text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Start and end (exclusive) of a word, in tokens of its row."""

    start: int
    end: int


class Details(NamedTuple):
    """What is known of the tokens of a text beside their ids."""

    spans: list[tuple[int, int]]
    words: list[int]
    pieces: list[str]


class EncodedTexts:
    """Whole texts, without the special tokens around them.

    Spans and words are found when they are asked for. An encoding that is pickled takes them along,
    since it leaves the vocabulary behind.

    Args:
        encoder: encodes the texts.
        texts: texts, or texts that are split into words.
        with_spans: find the spans together with the ids.
    """

    def __init__(
        self, encoder: Encoder, texts: Sequence[str | list[str]], *, with_spans: bool
    ) -> None:
        self._encoder = encoder
        self._texts = [[text] if isinstance(text, str) else text for text in texts]
        self._are_split = not all(isinstance(text, str) for text in texts)
        self._details: list[Details] = []
        parts = [part for text in self._texts for part in text]
        encoded = encoder.encode(parts, with_spans=with_spans)
        self._parts = self._by_text(encoded.ids)
        self.ids = [_join(parts, np.zeros(0, np.int32)) for parts in self._parts]
        self._spans = None if encoded.spans is None else self._by_text(encoded.spans)

    def spans(self, sample: int) -> list[tuple[int, int]]:
        """The span of each token in the text, or in its word if the text is split."""
        if self._details:
            return self._details[sample].spans
        if self._spans is None:
            spans = self._encoder.encode(self._texts[sample], with_spans=True).spans or []
        else:
            spans = self._spans[sample]
        starts, ends = _join(spans, np.zeros((0, 2), np.int64)).T.tolist()
        return list(zip(starts, ends, strict=True))

    def words(self, sample: int) -> list[int]:
        """The index of each token's word."""
        if self._details:
            return self._details[sample].words
        if self._are_split:
            return [at for at, ids in enumerate(self._parts[sample]) for _ in range(len(ids))]
        words: list[int] = self._encoder.words(self._texts[sample][0], self.ids[sample]).tolist()
        return words

    def pieces(self, sample: int) -> list[str]:
        if self._details:
            return self._details[sample].pieces
        return [self._encoder.pieces[token_id] for token_id in self.ids[sample].tolist()]

    def __getstate__(self) -> dict[str, Any]:
        samples = range(len(self.ids))
        details = [Details(self.spans(at), self.words(at), self.pieces(at)) for at in samples]
        return {"_details": details, "ids": self.ids}

    def _by_text(self, rows: list[Item]) -> list[list[Item]]:
        each = iter(rows)
        return [[next(each) for _ in text] for text in self._texts]


@dataclass(slots=True)
class Segment:
    """The tokens `start:stop` of the text with the index `sample`."""

    texts: EncodedTexts
    sample: int
    start: int
    stop: int

    def ids(self) -> list[int]:
        ids: list[int] = self.texts.ids[self.sample][self.start : self.stop].tolist()
        return ids

    def spans(self) -> list[tuple[int, int]]:
        return self.texts.spans(self.sample)[self.start : self.stop]

    def words(self) -> list[int]:
        """The index of each token's word, counted from the beginning of the whole text."""
        return self.texts.words(self.sample)[self.start : self.stop]

    def pieces(self) -> list[str]:
        return self.texts.pieces(self.sample)[self.start : self.stop]

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(slots=True)
class Row:
    """A row of a batch before padding: one or two segments, optionally with `[CLS]` and `[SEP]`."""

    segments: list[Segment]
    with_special: bool

    def lay_out(self, values: Iterable[list[Item]], special: Item) -> list[Item]:
        """The values of the segments' tokens, with `special` where a token was added."""
        row = [special] if self.with_special else []
        for of_segment in values:
            row += of_segment
            if self.with_special:
                row.append(special)
        return row

    def ids(self, cls: int, sep: int) -> list[int]:
        row = self.lay_out((segment.ids() for segment in self.segments), sep)
        if self.with_special:
            row[0] = cls
        return row

    def type_ids(self) -> list[int]:
        first, *second = self.segments
        row = [0] * (len(first) + 2 * self.with_special)
        for segment in second:
            row += [1] * (len(segment) + self.with_special)
        return row

    def special_mask(self) -> list[int]:
        return self.lay_out(([0] * len(segment) for segment in self.segments), 1)

    def spans(self) -> list[tuple[int, int]]:
        return self.lay_out((segment.spans() for segment in self.segments), (0, 0))

    def starts(self) -> list[int]:
        """Where each segment begins."""
        first, *second = self.segments
        begun = int(self.with_special)
        return [begun, *(begun + len(first) + self.with_special for _ in second)]


@dataclass(frozen=True)
class Rows:
    """The rows of a batch, created on access, since thousands of objects would slow Python down.

    Args:
        columns: the texts, or the texts and their pairs.
        with_special: whether the rows have `[CLS]` and `[SEP]`.
        samples: the index of each row's text.
        windows: for each row, the range of tokens that it contains of each of its texts.
    """

    columns: list[EncodedTexts]
    with_special: bool
    samples: list[int]
    windows: list[tuple[TokenRange, ...]]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Row:
        sample, windows = self.samples[index], self.windows[index]
        segments = [
            Segment(texts, sample, start, stop)
            for texts, (start, stop) in zip(self.columns, windows, strict=True)
        ]
        return Row(segments, self.with_special)

    def __iter__(self) -> Iterator[Row]:
        return map(self.__getitem__, range(len(self)))


class RowLayout(NamedTuple):
    """How the rows of a batch became the rows of its tensors.

    Fields:
        rows: the rows before padding.
        lengths: the number of tokens in each row after padding.
        side: where the padding is.
        special: the names of the tokens that were added.
    """

    rows: Rows
    lengths: list[int]
    side: Side
    special: SpecialTokens

    def row(self, index: int) -> Row:
        if not 0 <= index < len(self.rows):
            raise ValueError(f"there is no row {index}; the encoding has {len(self.rows)}")
        return self.rows[index]

    def pad(self, index: int, row: list[Item], padding: Item) -> list[Item]:
        padded = [padding] * (self.lengths[index] - len(row))
        return padded + row if self.side == "left" else row + padded

    def starts(self, index: int) -> list[int]:
        """Where each segment of a row begins after padding."""
        row = self.row(index)
        size = sum(map(len, row.segments)) + row.with_special * (len(row.segments) + 1)
        shift = (self.lengths[index] - size) * (self.side == "left")
        return [shift + start for start in row.starts()]


class BatchEncoding(UserDict[str, Any]):
    """The model's inputs by name, as keys and as attributes, ready for `model(**encoding)`.

    The methods that take a row and a position, such as `char_to_token(row, position)`, take a
    position alone for the first row.

    Args:
        data: lists, or arrays or tensors of shape (B, T), by name.
        layout: what the rows consist of; None for rows that were only padded.
    """

    def __init__(self, data: dict[str, Any], layout: RowLayout | None = None) -> None:
        super().__init__(data)
        self._known_layout = layout

    def __getattr__(self, name: str) -> Any:
        data = self.__dict__.get("data", {})
        if name not in data:
            raise AttributeError(f"the encoding has no {name!r}; it has {', '.join(data)}")
        return data[name]

    def to(self, device: Any) -> Self:
        """Move the torch tensors to a device, and return the encoding itself."""
        for name, value in self.data.items():
            if hasattr(value, "to"):
                self.data[name] = value.to(device)
        return self

    def tokens(self, batch_index: int = 0) -> list[str]:
        """The piece of each token."""
        row, special = self._layout.row(batch_index), self._layout.special
        pieces = row.lay_out((segment.pieces() for segment in row.segments), special.sep)
        if row.with_special:
            pieces[0] = special.cls
        return self._layout.pad(batch_index, pieces, special.pad)

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """The index of each token's word in its text; `None` for added tokens and padding."""
        segments = self._layout.row(batch_index).segments
        return self._laid_out(batch_index, [segment.words() for segment in segments])

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """0 for tokens of the text, 1 for the pair's, `None` for added tokens and padding."""
        segments = enumerate(self._layout.row(batch_index).segments)
        return self._laid_out(batch_index, [[number] * len(each) for number, each in segments])

    def char_to_token(
        self, batch_or_char: int, char: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The position of the token that a character belongs to; `None` for white space."""
        row, char = _row_and_position(batch_or_char, char)
        start, segment = self._segment(row, sequence_index)
        for at, (first, last) in enumerate(segment.spans()):
            if first <= char < last:
                return start + at
        return None

    def token_to_chars(self, batch_or_token: int, token: int | None = None) -> CharSpan | None:
        """The span of a token in its text; `None` for added tokens and padding."""
        row, token = _row_and_position(batch_or_token, token)
        segments = self._layout.row(row).segments
        spans = [[CharSpan(*span) for span in segment.spans()] for segment in segments]
        return self._laid_out(row, spans)[token]

    def token_to_word(self, batch_or_token: int, token: int | None = None) -> int | None:
        """The index of a token's word; `None` for added tokens and padding."""
        row, token = _row_and_position(batch_or_token, token)
        return self.word_ids(row)[token]

    def token_to_sequence(self, batch_or_token: int, token: int | None = None) -> int | None:
        """0 for a token of the text, 1 for one of the pair, `None` for added tokens and padding."""
        row, token = _row_and_position(batch_or_token, token)
        return self.sequence_ids(row)[token]

    def word_to_tokens(
        self, batch_or_word: int, word: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """The positions of a word's tokens; `None` if the row has none of them."""
        row, word = _row_and_position(batch_or_word, word)
        start, segment = self._segment(row, sequence_index)
        found = [start + at for at, each in enumerate(segment.words()) if each == word]
        return TokenSpan(found[0], found[-1] + 1) if found else None

    def word_to_chars(
        self, batch_or_word: int, word: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """The span of a word in its text; `None` if the row has none of its tokens."""
        row, word = _row_and_position(batch_or_word, word)
        _, segment = self._segment(row, sequence_index)
        pairs = zip(segment.spans(), segment.words(), strict=True)
        spans = [span for span, each in pairs if each == word]
        return CharSpan(spans[0][0], spans[-1][1]) if spans else None

    def char_to_word(
        self, batch_or_char: int, char: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The index of the word that a character belongs to; `None` for white space."""
        row, char = _row_and_position(batch_or_char, char)
        token = self.char_to_token(row, char, sequence_index)
        return None if token is None else self.word_ids(row)[token]

    @property
    def _layout(self) -> RowLayout:
        if self._known_layout is None:
            raise ValueError(
                "an encoding that was padded from others does not know its texts; ask those that "
                "the tokenizer returned for them"
            )
        return self._known_layout

    def _segment(self, row: int, sequence_index: int) -> tuple[int, Segment]:
        """Where a segment begins, and the segment."""
        segments = self._layout.row(row).segments
        if not 0 <= sequence_index < len(segments):
            raise ValueError(
                f"there is no sequence {sequence_index}; the encoding has {len(segments)} a row"
            )
        return self._layout.starts(row)[sequence_index], segments[sequence_index]

    def _laid_out(self, row: int, values: list[list[Item]]) -> list[Item | None]:
        optional: list[list[Item | None]] = [[*each] for each in values]
        return self._layout.pad(row, self._layout.row(row).lay_out(optional, None), None)


def _row_and_position(row: int, position: int | None) -> tuple[int, int]:
    return (0, row) if position is None else (row, position)


def _join(parts: list[npt.NDArray[Any]], nothing: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate([nothing, *parts])
