"""Answers to questions, as spans of a context.

T tokens of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np

from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.inference.pipelines.base import Pipeline, quote, warn_of_cuts
from albertlm.settings import check_at_least
from albertlm.tasks.answers import (
    N_BEST,
    Answer,
    Answers,
    AnswerSpan,
    WindowAnswers,
    allowed_spans,
    best_spans,
    candidates,
    merge,
)
from albertlm.tasks.windows import Cutting, TextWindow, question_windows
from albertlm.tasks.words import CharSpans, letter_runs
from albertlm.tokenization import checks
from albertlm.tokenization.tokenizer import AlbertTokenizer


class QuestionAnsweringOptions(TypedDict, total=False):
    """The options of a call of `QuestionAnswering`."""

    top_k: int
    handle_impossible_answer: bool
    align_to_words: bool
    max_answer_len: int
    max_question_len: int
    max_seq_len: int | None
    shift: int | None
    overlap: int | None
    batch_size: int


class QuestionAnswering(Pipeline):
    """Answers questions: `QuestionAnswering(...)(question="Who sank?", context="The boat sank.")`.

    The head is that of transformers, with logits of starts and ends, or Google's for SQuAD 2.0.
    """

    options = QuestionAnsweringOptions(
        top_k=1,
        handle_impossible_answer=False,
        align_to_words=True,
        max_answer_len=30,
        max_question_len=64,
        max_seq_len=None,
        shift=None,
        overlap=None,
        batch_size=16,
    )

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer, **options: Any) -> None:
        super().__init__(engine, tokenizer, **options)
        self._is_conditional = any(name.startswith("start_logits") for name in engine.parameters)
        heads.require_trained(engine, "squad_v2" if self._is_conditional else "qa")

    def __call__(
        self,
        inputs: Mapping[str, str] | Iterable[Mapping[str, str]] | None = None,
        *,
        question: str | None = None,
        context: str | None = None,
        **options: Unpack[QuestionAnsweringOptions],
    ) -> Any:
        """Find the answer to a question in its context.

        A context that is longer than the model reads is read in windows. The candidates are the
        20 best different texts of all windows, and their scores are one softmax over them.

        Args:
            inputs: `{"question": …, "context": …}`, or any iterable of these, for which a list
                with one entry for each is returned; an `id` names a question in messages.
            question: the question, instead of `inputs`.
            context: its context.
            top_k: the number of different answers, 1 by default; several are a list, best first.
            handle_impossible_answer: whether "no answer" is a candidate, too, as in SQuAD 2.0: it
                has an empty text.
            align_to_words: extend answers that begin or end within a run of letters and digits to
                the whole of it, as by default.
            max_answer_len: the number of tokens of the longest answer, 30 by default.
            max_question_len: the number of tokens after which a question is cut, with a warning;
                64 by default.
            max_seq_len: the number of tokens in a window, with the question; by default 384, or
                as many as the model reads.
            shift: by how many tokens each window begins after the one before (Google's
                `doc_stride`); by default 128, or half of a window if that is less.
            overlap: how many tokens consecutive windows share (the `stride` of transformers),
                instead of `shift`.
            batch_size: the number of windows in a batch, 16 by default.

        Returns:
            An `Answer`, or a list of them if `top_k` is above 1; for several questions, a list of
            these. `start` and `end` are characters of the context.

        Raises:
            ValueError: a question or context is missing or empty, or the windows would leave out
                tokens.
        """
        chosen = self._chosen(options)
        top_k = chosen["top_k"]
        check_at_least(1, top_k=top_k)
        if inputs is None:
            given = {"question": question, "context": context}
            inputs = {name: text for name, text in given.items() if text is not None}
        elif question is not None or context is not None:
            raise ValueError("give either inputs, or a question and a context")
        is_one = isinstance(inputs, Mapping)
        wanted = 'a mapping, such as {"question": …, "context": …}, or a list of them'
        all_inputs = [inputs] if is_one else checks.as_list("inputs", inputs, wanted)
        columns = [
            text_of(each, name, at, ("question", "context", "id"))
            for at, each in enumerate(all_inputs)
            for name in ("question", "context")
        ]
        impossible = bool(chosen["handle_impossible_answer"])
        ranked = [
            found.ranked(top_k, may_be_impossible=impossible)
            for found in self.answers(columns[::2], columns[1::2], **options)
        ]
        results: list[Answer | list[Answer]] = [
            of_question[0] if top_k == 1 else of_question for of_question in ranked
        ]
        return results[0] if is_one else results

    def answers(
        self,
        questions: Sequence[str],
        contexts: Sequence[str],
        **options: Unpack[QuestionAnsweringOptions],
    ) -> list[Answers]:
        """All candidates for the answer to each question, as evaluation needs them.

        Args:
            questions: texts that are not empty.
            contexts: the context of each question.
            **options: as in a call.

        Raises:
            ValueError: the windows would leave out tokens.
        """
        chosen = self._chosen(options)
        check_at_least(1, max_answer_len=chosen["max_answer_len"])
        cutting = self._cutting(chosen)
        of_questions = question_windows(self.tokenizer, questions, contexts, cutting)
        cut = [
            question
            for question, (window, *_) in zip(questions, of_questions, strict=True)
            # its tokens, [CLS] and [SEP] come before the context
            if window.first == cutting.max_question + 2
            and len(self.tokenizer.tokenize(question)) > cutting.max_question
        ]
        warn_of_cuts("questions", cut, questions, cutting.max_question)
        windows = [window for of_question in of_questions for window in of_question]
        context_of = [
            context
            for context, of_question in zip(contexts, of_questions, strict=True)
            for _ in of_question
        ]
        rows = [TokenizedText(window.input_ids, window.token_type_ids) for window in windows]
        words: dict[str, CharSpans | None] = dict.fromkeys(contexts)
        if chosen["align_to_words"]:
            words = {context: letter_runs(context) for context in words}
        count = max(N_BEST, chosen["top_k"])

        def search(numbers: list[int]) -> Iterator[WindowAnswers]:
            states = self.engine.states([rows[number] for number in numbers])
            for number, x_TD in zip(numbers, states, strict=True):
                window, context = windows[number], context_of[number]
                spans, null_score = self._spans(x_TD, window, chosen["max_answer_len"])
                found = candidates(context, window, spans, count, words=words[context])
                yield WindowAnswers(found, null_score)

        found = iter(self._in_batches(rows, chosen["batch_size"], search))
        return [
            merge([next(found) for _ in each], null_is_odds=self._is_conditional, count=count)
            for each in of_questions
        ]

    def _spans(
        self, x_TD: Floats, window: TextWindow, most_tokens: int
    ) -> tuple[Iterable[AnswerSpan], float]:
        """The possible answers in a window, best first, and the score of "no answer"."""
        if not self._is_conditional:
            start_T, end_T = heads.span_logits(self.engine, x_TD).astype(np.float64)
            spans = best_spans(start_T[window.part], end_T[window.part], window, most_tokens)
            return spans, float(start_T[0] + end_T[0])
        allowed_T = np.zeros(len(x_TD), np.bool_)
        allowed_T[0] = allowed_T[window.part] = True
        beam = heads.answer_beam(self.engine, x_TD, allowed_T)
        found = [
            AnswerSpan(
                int(start) - window.first, int(end) - window.first, float(first), float(last)
            )
            for start, first, ends, lasts in zip(
                beam.starts, beam.start_log_probs, beam.ends, beam.end_log_probs, strict=True
            )
            for end, last in zip(ends, lasts, strict=True)
        ]
        return allowed_spans(found, window, most_tokens), beam.unanswerable

    def _cutting(self, chosen: Mapping[str, Any]) -> Cutting:
        length = chosen["max_seq_len"]
        if length is None:
            length = min(384, self.max_length)
        elif not 1 <= length <= self.max_length:
            raise ValueError(
                f"max_seq_len={length} is not allowed; it must be at most {self.max_length}, "
                "which is all that the model reads"
            )
        return Cutting(length, chosen["max_question_len"], chosen["shift"], chosen["overlap"])


def text_of(value: object, name: str, number: int, known: Sequence[str]) -> str:
    """A text in one of several inputs, which are mappings.

    Args:
        value: the input.
        name: the key of the text.
        number: the number of the input, counted from 0; its `id` names it if it has one.
        known: the keys that it may have.

    Raises:
        ValueError: the input is no mapping, has another key, or the text is missing or empty.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"input {number + 1} is {quote(value)}; give a mapping with {name!r}")
    where = f"the input {value['id']!r}" if "id" in value else f"input {number + 1}"
    for key in value:
        if key not in known:
            raise ValueError(f"{where} has an unknown key {key!r}; the keys are {', '.join(known)}")
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        told = "no" if text is None else "an empty" if isinstance(text, str) else "no string as"
        raise ValueError(f"{where} has {told} {name}; give one with words in it")
    return text
