"""What the tokenizer returns: lists or tensors by name, and the text behind each of their rows."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from albertlm.tokenization.segmenter import Ids, Spans
from albertlm.tokenization.truncation import Window

Item = TypeVar("Item")


class EncodedTexts(NamedTuple):
    """Whole texts without added tokens; there are no `spans` if they were not asked for."""

    ids: list[Ids]
    spans: list[Spans]


@dataclass(frozen=True, slots=True)
class Segment:
    """The tokens `start:stop` of text number `sample`."""

    texts: EncodedTexts
    sample: int
    start: int
    stop: int

    def ids(self) -> list[int]:
        ids: list[int] = self.texts.ids[self.sample][self.start : self.stop].tolist()
        return ids

    def spans(self) -> list[tuple[int, int]]:
        spans = self.texts.spans[self.sample][self.start : self.stop].tolist()
        return [(start, end) for start, end in spans]

    def words(self, word_starts: npt.NDArray[np.bool_]) -> list[int]:
        """The number of each token's word, counted from the beginning of the whole text."""
        begun = np.cumsum(word_starts[self.texts.ids[self.sample]])[self.start : self.stop]
        words: list[int] = np.maximum(begun - 1, 0).tolist()
        return words

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a batch before padding: one or two segments, `[CLS]` and `[SEP]` around them."""

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


@dataclass(frozen=True)
class Rows:
    """The rows of a batch, each made when it is looked at: thousands of objects slow Python down.

    Args:
        columns: the texts, or the texts and their pairs.
        with_special: whether the rows have `[CLS]` and `[SEP]`.
        samples: for each row, which text it is from.
        windows: for each row, which tokens of each of its texts it holds.
    """

    columns: list[EncodedTexts]
    with_special: bool
    samples: list[int]
    windows: list[tuple[Window, ...]]

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


class BatchEncoding(UserDict[str, Any]):
    """The model's inputs by name, as keys and as attributes; `model(**encoding)` takes it whole.

    Args:
        data: lists, or arrays or tensors of shape (B, T), by name.
        rows: what each row of the batch holds, before padding.
        lengths: tokens of each row, after padding.
        word_starts: (V,) whether a piece begins a word.
    """

    def __init__(
        self,
        data: dict[str, Any],
        rows: Rows,
        lengths: list[int],
        word_starts: npt.NDArray[np.bool_],
    ) -> None:
        super().__init__(data)
        self._rows = rows
        self._lengths = lengths
        self._word_starts = word_starts

    def __getattr__(self, name: str) -> Any:
        data = self.__dict__.get("data", {})
        if name not in data:
            raise AttributeError(f"the encoding has no {name!r}; it has {', '.join(data)}")
        return data[name]

    def word_ids(self, row: int = 0) -> list[int | None]:
        """Each token's word in its text, counted from 0; `None` for what was added."""
        return self._laid_out(row, [each.words(self._word_starts) for each in self._segments(row)])

    def sequence_ids(self, row: int = 0) -> list[int | None]:
        """0 for each token of the text, 1 for one of the text pair, `None` for what was added."""
        segments = enumerate(self._segments(row))
        return self._laid_out(row, [[index] * len(each) for index, each in segments])

    def to(self, device: Any) -> Self:
        """The same encoding, with its torch tensors moved to a device."""
        for name, value in self.data.items():
            if hasattr(value, "to"):
                self.data[name] = value.to(device)
        return self

    def _segments(self, row: int) -> list[Segment]:
        if not 0 <= row < len(self._rows):
            raise ValueError(f"there is no row {row}; the encoding has {len(self._rows)}")
        return self._rows[row].segments

    def _laid_out(self, row: int, values: list[list[int]]) -> list[int | None]:
        tokens = self._rows[row].lay_out(values, -1)
        padding = [-1] * (self._lengths[row] - len(tokens))
        return [None if value == -1 else value for value in [*tokens, *padding]]
