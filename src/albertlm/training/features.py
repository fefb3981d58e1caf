"""Examples of a task as rows of tokens with labels, as the inference pipelines read them.

C tokens of a window's part of a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.settings import check
from albertlm.tasks.choices import choice_rows
from albertlm.tasks.squad import GoldAnswer
from albertlm.tasks.task import Example, Problem, TaskHead
from albertlm.tasks.windows import Cutting, TextWindow, question_windows, text_windows
from albertlm.tokenization.tokenizer import AlbertTokenizer
from albertlm.training.labelled import Feature, TokenRow

LEAST_LENGTH = 8
"""Tokens of the shortest rows: with fewer, nearly all texts would be cut to nothing."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the examples of a task become rows of tokens.

    Fields:
        head: the kind of head of the model.
        problem: the `problem_type` of the configuration; None for other heads.
        labels: the names of the classes in order.
        length: the number of tokens of the longest row.
        windows: whether texts with classes that are too long are divided, too, instead of cut; each
            window is an example with the label of its text.
        shift, overlap: as in `Cutting`.
        equal_contexts: as in `choice_rows`.

    Raises:
        ValueError: the length is below 8, or the head has no use for `windows`.
    """

    head: TaskHead
    problem: Problem | None = None
    labels: tuple[str, ...] = ()
    length: int = 512
    windows: bool = False
    shift: int | None = None
    overlap: int | None = None
    equal_contexts: bool = True

    def __post_init__(self) -> None:
        check(self.length >= LEAST_LENGTH, f"{LEAST_LENGTH} or more", length=self.length)
        classifies = self.head == "sequence-classification"
        check(classifies or not self.windows, f"false for {self.head}", windows=self.windows)
        self.cutting()

    def cutting(self) -> Cutting:
        """How long texts and contexts are divided."""
        return Cutting(self.length, shift=self.shift, overlap=self.overlap)

    def features(
        self, tokenizer: AlbertTokenizer, examples: Sequence[Example[Any]]
    ) -> list[Feature]:
        """The features of examples, in their order.

        Texts that are too long are cut, unless `windows` is set, except contexts of questions and
        texts whose words have labels: they are divided into windows, each a feature of its own.

        Args:
            tokenizer: the tokenizer of the model.
            examples: examples with labels, which `labels` contains.

        Raises:
            ValueError: the windows would leave out tokens, or `windows` is set for pairs.
        """
        match self.head:
            case "sequence-classification" if self.windows:
                return self._windows(tokenizer, examples)
            case "sequence-classification":
                return self._texts(tokenizer, examples)
            case "token-classification":
                return self._tagged(tokenizer, examples)
            case "multiple-choice":
                return self._choices(tokenizer, examples)
            case "question-answering":
                return self._questions(tokenizer, examples)

    def _texts(self, tokenizer: AlbertTokenizer, examples: Sequence[Example[Any]]) -> list[Feature]:
        """One row for each text or pair: labels (1,), or (L,) for several classes at once."""
        columns = [list(texts) for texts in zip(*(each.texts for each in examples), strict=True)]
        whole = tokenizer(*columns)
        cut = tokenizer(*columns, truncation="longest_first", max_length=self.length)
        rows = zip(cut["input_ids"], cut["token_type_ids"], whole["input_ids"], strict=True)
        return [
            Feature((TokenRow.of(ids, segments),), self._label(example), len(every) - len(ids))
            for example, (ids, segments, every) in zip(examples, rows, strict=True)
        ]

    def _windows(
        self, tokenizer: AlbertTokenizer, examples: Sequence[Example[Any]]
    ) -> list[Feature]:
        """A row for each window, with labels as in `_texts`."""
        check(all(len(each.texts) == 1 for each in examples), "false for pairs", windows=True)
        found = text_windows(tokenizer, [each.texts[0] for each in examples], self.cutting())
        return [
            Feature((_row(window),), self._label(example))
            for example, windows in zip(examples, found, strict=True)
            for window in windows
        ]

    def _label(self, example: Example[Any]) -> NDArray[Any]:
        match self.problem:
            case "regression":
                return np.array([example.label], np.float32)
            case "multi_label_classification":
                names = example.label or ()
                return np.array([name in names for name in self.labels], np.float32)
        return np.array([self.labels.index(example.label)])

    def _tagged(
        self, tokenizer: AlbertTokenizer, examples: Sequence[Example[Any]]
    ) -> list[Feature]:
        """A row for each window: labels (T,) of the first token of each word, -100 elsewhere."""
        texts = [example.texts[0] for example in examples]
        numbers = {name: number for number, name in enumerate(self.labels)}
        return [
            Feature((_row(window),), labels)
            for example, windows in zip(
                examples, text_windows(tokenizer, texts, self.cutting()), strict=True
            )
            for window, labels in _tags(example, windows, numbers)
        ]

    def _choices(
        self, tokenizer: AlbertTokenizer, examples: Sequence[Example[Any]]
    ) -> list[Feature]:
        """A row for each choice: labels (1,), the number of the right one."""
        contexts = [example.texts[0] for example in examples]
        choices = [example.texts[1:] for example in examples]
        found = choice_rows(
            tokenizer, contexts, choices, self.length, equal_contexts=self.equal_contexts
        )
        return [
            Feature(
                tuple(map(TokenRow.of, rows.input_ids, rows.token_type_ids)),
                np.array([ascii_uppercase.index(str(example.label))]),
                rows.left_out,
            )
            for example, rows in zip(examples, found, strict=True)
        ]

    def _questions(
        self, tokenizer: AlbertTokenizer, examples: Sequence[Example[Any]]
    ) -> list[Feature]:
        """A row for each window: labels (2,), the first and last token of the answer, or 0, 0."""
        questions, contexts = ([example.texts[place] for example in examples] for place in (0, 1))
        found = question_windows(tokenizer, questions, contexts, self.cutting())
        return [
            Feature((_row(window),), _positions(window, windows, (example.label or ())[:1]))
            for example, windows in zip(examples, found, strict=True)
            for window in windows
        ]


def _row(window: TextWindow) -> TokenRow:
    return TokenRow.of(window.input_ids, window.token_type_ids)


def _tags(
    example: Example[Any], windows: Sequence[TextWindow], numbers: Mapping[str, int]
) -> Iterator[tuple[TextWindow, NDArray[np.int64]]]:
    """The windows of a text, each with the labels of its tokens.

    A word is labelled in one window: that which has most context around its first token.
    """
    starts, ends = np.array(example.spans, np.int64).reshape(-1, 2).T
    tags = np.array([numbers[tag] for tag in example.label or ()])
    for window in windows:
        labels = np.full(len(window.input_ids), IGNORED)
        token_C = window.spans[:, 0]
        word_C = np.searchsorted(starts, token_C, side="right") - 1
        within = (word_C >= 0) & (token_C < ends[word_C])
        is_first = within & (np.diff(word_C, prepend=-1) > 0) & window.has_most_context
        labels[window.part][is_first] = tags[word_C[is_first]]
        yield window, labels


def _positions(
    window: TextWindow, windows: Sequence[TextWindow], answers: Sequence[GoldAnswer]
) -> NDArray[np.int64]:
    """The first and last token of the first answer, or [CLS] twice if it is not in the window.

    Source: `convert_examples_to_features` of squad_utils.py of google-research/albert.
    """
    for answer in answers:
        start, end = answer.start, answer.start + len(answer.text)
        inside = np.flatnonzero((window.spans[:, 1] > start) & (window.spans[:, 0] < end))
        if not len(inside):
            continue
        begins = window is windows[0] or window.spans[0, 0] <= start
        is_whole = window is windows[-1] or window.spans[-1, 1] >= end
        if begins and is_whole:
            return window.first + inside[[0, -1]]
    return np.zeros(2, np.int64)
