"""The labels of texts or pairs of texts, or the number that a regression gives.

B texts, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypedDict, Unpack, get_args, overload

import numpy as np
import numpy.typing as npt

from albertlm.config import AlbertConfig
from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.early_exit import exit_early
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.base import (
    TEXT_OPTIONS,
    Pipeline,
    TextOptions,
    quote,
    require_words,
)
from albertlm.settings import check, check_at_least
from albertlm.tasks.windows import Cutting, text_windows
from albertlm.tokenization import checks

Function = Literal["sigmoid", "softmax", "none"]
"""What makes scores of logits."""


class LabelScore(TypedDict):
    """A label and its score."""

    label: str
    score: float


class TextClassificationOptions(TextOptions, total=False):
    """The options of a call of `TextClassification`."""

    top_k: int | None
    function_to_apply: Function | None
    windows: bool
    shift: int | None
    overlap: int | None
    exit_at: float | None


Classifiable = str | Mapping[str, str]
"""A text, or a pair of texts as `{"text": …, "text_pair": …}`."""


class TextClassification(Pipeline):
    """Classifies texts: `TextClassification(...)("A warm and funny film.")`."""

    parts = ("pooler", "classifier")
    architecture = "AlbertForSequenceClassification"
    options: ClassVar[Mapping[str, Any]] = {
        **TEXT_OPTIONS,
        "truncation": True,
        "top_k": 1,
        "function_to_apply": None,
        "windows": False,
        "shift": None,
        "overlap": None,
        "exit_at": None,
    }

    @overload  # a string or a mapping is an iterable of strings, too
    def __call__(  # type: ignore[overload-overlap]
        self, texts: Classifiable, **options: Unpack[TextClassificationOptions]
    ) -> list[LabelScore]: ...

    @overload
    def __call__(
        self, texts: Iterable[Classifiable], **options: Unpack[TextClassificationOptions]
    ) -> list[list[LabelScore]]: ...

    def __call__(
        self,
        texts: Classifiable | Iterable[Classifiable],
        **options: Unpack[TextClassificationOptions],
    ) -> list[LabelScore] | list[list[LabelScore]]:
        """Score the labels of a text or a pair, best first.

        Texts that are too long are truncated at their end by default, with a warning; of a pair,
        the longer text is. With `windows`, all of a text is read, and its scores are the means of
        those of its windows.

        Args:
            texts: a text, a pair as `{"text": …, "text_pair": …}`, or any iterable of these, for
                which a list with one entry for each is returned.
            top_k: the number of labels, 1 by default; None for all.
            function_to_apply: what makes scores of logits: `softmax` over the labels, `sigmoid` of
                each, or `none`. By default as the configuration's `problem_type` says: `none` for
                `regression`, `sigmoid` for `multi_label_classification` or a single label, and
                `softmax` otherwise.
            windows: whether texts that are too long are read in windows. Pairs cannot be.
            shift: by how many tokens each window begins after the one before; by default 128, or
                half of a window if that is less.
            overlap: how many tokens consecutive windows share, instead of `shift`.
            exit_at: stop computing a text whose labels are this certain before all applications
                of the layer; see `early_exit`.
            **options: those of `TextOptions`.

        Raises:
            ValueError: a text is empty, or too long without `truncation`, a mapping has other
                keys, or the windows would leave out tokens.
        """
        chosen = self._chosen(options)
        top_k = chosen["top_k"]
        check_at_least(1, top_k=top_k)
        function = chosen["function_to_apply"] or default_function(self.engine.config)
        check(
            function in get_args(Function),
            f"{', '.join(get_args(Function))} or None",
            function_to_apply=function,
        )
        is_one = isinstance(texts, str | Mapping)
        for name in ("shift", "overlap"):
            is_used = chosen["windows"] or chosen[name] is None
            check(is_used, "given with windows=True only", **{name: chosen[name]})
        all_texts = [texts] if is_one else checks.as_list("texts", texts)
        if chosen["windows"]:
            rows, counts = self._window_rows(all_texts, chosen)
        else:
            rows, counts = self._rows(all_texts, chosen), [1] * len(all_texts)
        names = self.engine.config.label_names

        def of_rows(numbers: list[int]) -> list[npt.NDArray[np.float64]]:
            batch = [rows[number] for number in numbers]
            if chosen["exit_at"] is None:
                logits_BL = heads.text_logits(self.engine, batch)
            else:
                logits_BL = self._exits(batch, function, chosen["exit_at"])
            return [*scores(logits_BL, function)]

        found = iter(self._in_batches(rows, chosen["batch_size"], of_rows))
        means = (np.mean([next(found) for _ in range(count)], axis=0) for count in counts)
        results = [ranked(names, of_text)[:top_k] for of_text in means]
        return results[0] if is_one else results

    def _window_rows(
        self, texts: list[Any], chosen: Mapping[str, Any]
    ) -> tuple[list[TokenizedText], list[int]]:
        """The windows of all texts, and how many of them each text has."""
        pairs = [_as_pair(each) for each in texts]
        check(all(len(pair) == 1 for pair in pairs), "false for pairs", windows=True)
        whole = [text for (text,) in pairs]
        require_words(*whole)
        length = min(chosen["max_length"] or self.max_length, self.max_length)
        cutting = Cutting(length, shift=chosen["shift"], overlap=chosen["overlap"])
        windows = text_windows(self.tokenizer, whole, cutting)
        rows = [
            TokenizedText(each.input_ids, each.token_type_ids)
            for of_text in windows
            for each in of_text
        ]
        return rows, [len(of_text) for of_text in windows]

    def _exits(self, texts: list[TokenizedText], function: Function, threshold: float) -> Floats:
        """The logits of texts that may stop early; the least certain label counts."""
        check(0 <= threshold <= 1, "from 0 to 1", exit_at=threshold)
        check(function != "none", "None for scores that are no probabilities", exit_at=threshold)

        def logits(states: Sequence[Floats]) -> Floats:
            cls_BD = np.stack([x_TD[0] for x_TD in states])
            return heads.label_logits(self.engine, heads.pooled_states(self.engine, cls_BD))

        def confidences(_: Sequence[int], states: Sequence[Floats]) -> npt.NDArray[np.float64]:
            found = scores(logits(states), function)
            certain: npt.NDArray[np.float64] = np.maximum(found, 1 - found).min(-1)
            return certain if function == "sigmoid" else found.max(-1)

        return logits(exit_early(self.engine, texts, confidences, threshold).states)

    def _rows(self, texts: list[Any], chosen: Mapping[str, Any]) -> list[TokenizedText]:
        """The tokens of texts and pairs, in the order given."""
        pairs = [_as_pair(each) for each in texts]
        rows: dict[int, TokenizedText] = {}
        for has_second in (False, True):
            numbers = [at for at, pair in enumerate(pairs) if (len(pair) == 2) == has_second]
            if numbers:
                columns = map(list, zip(*(pairs[number] for number in numbers), strict=True))
                found = self._tokenize(
                    *columns,
                    truncation=chosen["truncation"],
                    max_length=chosen["max_length"],
                    warns=True,
                )
                rows.update(zip(numbers, found, strict=True))
        return [rows[number] for number in range(len(pairs))]


def default_function(config: AlbertConfig) -> Function:
    """What makes scores of logits if nothing else is said, as in transformers."""
    if config.problem_type == "regression":
        return "none"
    several = config.problem_type == "multi_label_classification"
    return "sigmoid" if several or config.num_labels == 1 else "softmax"


def scores(logits: npt.NDArray[np.floating[Any]], function: Function) -> npt.NDArray[np.float64]:
    """The scores of the labels, which are the last axis of the logits."""
    x = logits.astype(np.float64)
    match function:
        case "sigmoid":
            x = 0.5 + 0.5 * np.tanh(0.5 * x)  # which never overflows
        case "softmax":
            x = np.exp(x - x.max(-1, keepdims=True))
            x /= x.sum(-1, keepdims=True)
    return x


def ranked(labels: Iterable[str], values: npt.NDArray[np.float64]) -> list[LabelScore]:
    """Labels with their scores, best first; equal ones stay in the order given."""
    pairs = zip(labels, values.tolist(), strict=True)
    found = [LabelScore(label=label, score=score) for label, score in pairs]
    return sorted(found, key=lambda each: -each["score"])


def _as_pair(value: object) -> tuple[Any, ...]:
    """A text as a tuple of one, or a pair of texts."""
    if not isinstance(value, Mapping):
        return (value,)
    if "text" not in value or not set(value) <= {"text", "text_pair"}:
        raise ValueError(
            f"{quote(dict(value))} is not a text or a pair; give a string, or "
            '{"text": …, "text_pair": …}'
        )
    second = value.get("text_pair")
    return (value["text"],) if second is None else (value["text"], second)
