"""The most probable of several choices for a context.

N choices of all questions, C choices of a question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack, overload

import numpy as np

from albertlm.inference import heads
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.base import Pipeline, quote, warn_of_cuts
from albertlm.inference.pipelines.question_answering import text_of
from albertlm.inference.pipelines.text_classification import scores
from albertlm.tasks.choices import choice_rows
from albertlm.tasks.race import fill_in
from albertlm.tokenization import checks


class Choice(TypedDict):
    """A choice with its probability; `index` is its place among the choices, from 0."""

    index: int
    choice: str
    score: float


class MultipleChoiceOptions(TypedDict, total=False):
    """The options of a call of `MultipleChoice`."""

    equal_contexts: bool
    batch_size: int


ChoiceInput = Mapping[str, str | Sequence[str]]


class MultipleChoice(Pipeline):
    """Chooses: `MultipleChoice(...)({"context": "It rains.", "choices": ["wet", "dry"]})`."""

    parts = ("pooler", "classifier")
    architecture = "AlbertForMultipleChoice"
    options = MultipleChoiceOptions(equal_contexts=True, batch_size=16)

    @overload
    def __call__(
        self, inputs: ChoiceInput, **options: Unpack[MultipleChoiceOptions]
    ) -> list[Choice]: ...

    @overload
    def __call__(
        self, inputs: Iterable[ChoiceInput], **options: Unpack[MultipleChoiceOptions]
    ) -> list[list[Choice]]: ...

    def __call__(
        self,
        inputs: ChoiceInput | Iterable[ChoiceInput],
        **options: Unpack[MultipleChoiceOptions],
    ) -> list[Choice] | list[list[Choice]]:
        """Score the choices for a context, best first.

        The model reads the context and, as the second text, the question with the choice in the
        place of each `_` or, where it has none, after it. Of a second text that is too long, the
        end is read; of a context, the beginning, with a warning.

        Args:
            inputs: `{"context": …, "question": …, "choices": […]}`, or any iterable of these, for
                which a list with one entry for each is returned. Without a `question`, the choices
                continue the context. An `id` names an input in messages.
            equal_contexts: whether as much of the context is read with each choice as with the
                longest one, as by default; if not, as much as fits, as in Google's code.
            batch_size: the number of choices in a batch, 16 by default.

        Raises:
            ValueError: a text is missing or empty, or there are fewer than two choices.

        Source: race_utils.py of the released code.
        """
        chosen = self._chosen(options)
        is_one = isinstance(inputs, Mapping)
        wanted = 'a mapping, such as {"context": …, "choices": […]}, or a list of them'
        all_inputs = [inputs] if is_one else checks.as_list("inputs", inputs, wanted)
        contexts = [text_of(each, "context", at, _KEYS) for at, each in enumerate(all_inputs)]
        choices = [_choices(each, at) for at, each in enumerate(all_inputs)]
        continuations = [
            [
                fill_in(text_of(each, "question", at, _KEYS), choice)
                if "question" in each
                else choice
                for choice in of_input
            ]
            for at, (each, of_input) in enumerate(zip(all_inputs, choices, strict=True))
        ]
        rows = self._rows(contexts, continuations, equal_contexts=chosen["equal_contexts"])

        def logits(numbers: list[int]) -> list[float]:
            logits_N = heads.text_logits(self.engine, [rows[number] for number in numbers])[:, 0]
            found: list[float] = logits_N.tolist()
            return found

        found = iter(self._in_batches(rows, chosen["batch_size"], logits))
        results = []
        for of_input in choices:
            logits_C = np.array([next(found) for _ in of_input])
            triples = zip(range(len(of_input)), of_input, scores(logits_C, "softmax"), strict=True)
            of_choices = [Choice(index=i, choice=c, score=float(score)) for i, c, score in triples]
            results.append(sorted(of_choices, key=lambda each: -each["score"]))
        return results[0] if is_one else results

    def _rows(
        self,
        contexts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        *,
        equal_contexts: bool,
    ) -> list[TokenizedText]:
        """The rows of all choices."""
        found = choice_rows(
            *(self.tokenizer, contexts, continuations, self.max_length),
            equal_contexts=equal_contexts,
        )
        pairs = zip(contexts, found, strict=True)
        cut = [context for context, rows in pairs if rows.left_out]
        warn_of_cuts("contexts", cut, contexts, self.max_length - 3)  # [CLS] and twice [SEP]
        return [
            TokenizedText(*row)
            for rows in found
            for row in zip(rows.input_ids, rows.token_type_ids, strict=True)
        ]


_KEYS = ("context", "question", "choices", "id")


def _choices(value: Mapping[str, Any], number: int) -> list[str]:
    choices = value.get("choices")
    where = f"the input {value['id']!r}" if "id" in value else f"input {number + 1}"
    if isinstance(choices, str) or not isinstance(choices, Iterable) or len([*choices]) < 2:
        raise ValueError(f"{where} has the choices {quote(choices)}; give two or more in a list")
    for choice in choices:
        if not isinstance(choice, str) or not choice.strip():
            raise ValueError(f"{where} has the choice {quote(choice)}; give one with words in it")
    return list(choices)
