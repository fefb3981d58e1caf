"""Labels that a model was never trained on, by its judgement of what a text entails.

N hypotheses, L labels of the model, K candidate labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Unpack, overload

import numpy as np

from albertlm.inference import heads
from albertlm.inference.engines.base import Engine
from albertlm.inference.pipelines.base import TEXT_OPTIONS, Pipeline, TextOptions, as_batch, quote
from albertlm.inference.pipelines.text_classification import LabelScore, ranked, scores
from albertlm.settings import check
from albertlm.tokenization import checks
from albertlm.tokenization.tokenizer import AlbertTokenizer


class ZeroShotOptions(TextOptions, total=False):
    """The options of a call of `ZeroShotClassification`."""

    hypothesis_template: str
    multi_label: bool


class ZeroShotClassification(Pipeline):
    """Classifies texts by labels of your own, with a model for natural language inference.

    `ZeroShotClassification(...)("The boat sank.", ["sea", "law"])`.

    Raises:
        ValueError: none of the model's labels is called entailment.
    """

    parts = ("pooler", "classifier")
    architecture = "AlbertForSequenceClassification"
    options: ClassVar[Mapping[str, Any]] = {
        **TEXT_OPTIONS,
        "truncation": True,
        "candidate_labels": None,
        "hypothesis_template": "This example is {}.",
        "multi_label": False,
    }

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer, **options: Any) -> None:
        super().__init__(engine, tokenizer, **options)
        entailment = self._index_of("entail")
        if entailment is None:
            raise ValueError(
                f"the labels of the model are {', '.join(engine.config.label_names)}; "
                "zero-shot classification needs a model of natural language inference, "
                "one of whose labels is entailment"
            )
        self._entailment = entailment

    @overload  # a string is an iterable of strings, too
    def __call__(  # type: ignore[overload-overlap]
        self,
        texts: str,
        candidate_labels: str | Iterable[str] | None = ...,
        **options: Unpack[ZeroShotOptions],
    ) -> list[LabelScore]: ...

    @overload
    def __call__(
        self,
        texts: Iterable[str],
        candidate_labels: str | Iterable[str] | None = ...,
        **options: Unpack[ZeroShotOptions],
    ) -> list[list[LabelScore]]: ...

    def __call__(
        self,
        texts: str | Iterable[str],
        candidate_labels: str | Iterable[str] | None = None,
        **options: Unpack[ZeroShotOptions],
    ) -> list[LabelScore] | list[list[LabelScore]]:
        """Score labels by how far a text entails that they apply to it, best first.

        With a single label, or with `multi_label`, the score of a label is its probability of
        entailment rather than contradiction. Otherwise the scores of all labels sum to 1. Texts
        that are too long beside a label are truncated at their end by default, with a warning.

        Args:
            texts: a text, or any iterable of texts, for which a list with one entry for each is
                returned.
            candidate_labels: labels, or a string of them with commas between; equal ones count
                once.
            hypothesis_template: the sentence that a label makes, with `{}` in its place.
            multi_label: whether several labels may apply to a text.
            **options: those of `TextOptions`; a batch consists of pairs of a text and a label.

        Raises:
            ValueError: there is no label, the template has no or several `{}`, a text is empty, or
                the model has no contradiction to compare with.
        """
        given: dict[str, Any] = dict(options)
        if candidate_labels is not None:
            given["candidate_labels"] = candidate_labels
        chosen = self._chosen(given)
        labels = _labels(chosen["candidate_labels"])
        template = chosen["hypothesis_template"]
        check(
            isinstance(template, str) and template.count("{}") == 1,
            'a sentence with one {}, such as "This example is {}."',
            hypothesis_template=template,
        )
        is_several = bool(chosen["multi_label"]) or len(labels) == 1
        columns = [self._entailment, *([self._contradiction] if is_several else [])]
        all_texts = as_batch(texts)
        hypotheses = [template.replace("{}", label) for label in labels]
        rows = self._tokenize(
            [text for text in all_texts for _ in labels],
            hypotheses * len(all_texts),
            truncation=chosen["truncation"],
            max_length=chosen["max_length"],
            cuts="only_first",
            warns=True,
        )

        def logits(numbers: list[int]) -> Iterable[np.ndarray]:
            logits_NL = heads.text_logits(self.engine, [rows[number] for number in numbers])
            return logits_NL[:, columns]

        found = self._in_batches(rows, chosen["batch_size"], logits)
        results = []
        for start in range(0, len(found), len(labels)):
            of_text = np.stack(found[start : start + len(labels)])
            values = scores(of_text if is_several else of_text.T, "softmax")
            results.append(ranked(labels, values[:, 0] if is_several else values[0]))
        return results[0] if isinstance(texts, str) else results

    @property
    def _contradiction(self) -> int:
        """The label that is the opposite of entailment: of two labels, the other one."""
        names = self.engine.config.label_names
        if len(names) == 2:
            return 1 - self._entailment
        found = self._index_of("contradict")
        if found is None:
            raise ValueError(
                f"the labels of the model are {', '.join(names)}; none is contradiction, which a "
                "single label and multi_label=True need: give several labels and multi_label=False"
            )
        return found

    def _index_of(self, beginning: str) -> int | None:
        """The label whose name begins so, in upper or lower case."""
        names = enumerate(self.engine.config.label_names)
        return next((at for at, name in names if name.lower().startswith(beginning)), None)


def _labels(given: str | Iterable[str] | None) -> list[str]:
    """Different labels, in the order given."""
    if given is None:
        raise ValueError('there are no candidate labels; give some, such as ["sea", "law"]')
    labels = given.split(",") if isinstance(given, str) else checks.as_list("labels", given)
    for label in labels:
        if not isinstance(label, str):
            raise ValueError(f"the label {quote(label)} has type {type(label).__name__}")
    found = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
    if not found:
        raise ValueError("all candidate labels are empty; give some with words in them")
    return found
