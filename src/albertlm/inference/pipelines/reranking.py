"""Texts in the order of how well they answer a query, by a classifier of pairs with one label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypedDict, Unpack

from albertlm.inference import heads
from albertlm.inference.engines.base import Engine
from albertlm.inference.pipelines.base import TEXT_OPTIONS, Pipeline, TextOptions, as_batch
from albertlm.inference.pipelines.text_classification import scores
from albertlm.tokenization.tokenizer import AlbertTokenizer


class RankedText(TypedDict):
    """The number of a text in the order given, and its score."""

    index: int
    score: float


class RerankingOptions(TextOptions, total=False):
    """The options of a call of `Reranking`."""

    raw_scores: bool


class Reranking(Pipeline):
    """Ranks texts by a query: `Reranking(...)("Who wrote it?", ["She did.", "It rained."])`.

    Raises:
        ValueError: the model has several labels.
    """

    parts = ("pooler", "classifier")
    architecture = "AlbertForSequenceClassification"
    options: ClassVar[Mapping[str, Any]] = {
        **TEXT_OPTIONS,
        "truncation": True,
        "raw_scores": False,
    }

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer, **options: Any) -> None:
        super().__init__(engine, tokenizer, **options)
        if engine.config.num_labels != 1:
            raise ValueError(
                f"the labels of the model are {', '.join(engine.config.label_names)}; reranking "
                "needs a classifier of pairs with a single label, whose score says how well they "
                "match"
            )

    def __call__(
        self, query: str, texts: Iterable[str], **options: Unpack[RerankingOptions]
    ) -> list[RankedText]:
        """Score texts beside a query, best first; equal ones stay in the order given.

        Texts that are too long beside the query are truncated at their end by default, with a
        warning.

        Args:
            query: the first text of each pair.
            texts: the second texts.
            raw_scores: return logits rather than their sigmoids, which are from 0 to 1.
            **options: those of `TextOptions`.

        Raises:
            ValueError: a text is empty or too long.
        """
        chosen = self._chosen(options)
        all_texts = as_batch(texts)
        rows = self._tokenize(
            [query] * len(all_texts),
            all_texts,
            truncation=chosen["truncation"],
            max_length=chosen["max_length"],
            cuts="only_second",
            warns=True,
        )

        def logits(numbers: list[int]) -> Iterable[float]:
            logits_B1 = heads.text_logits(self.engine, [rows[number] for number in numbers])
            found: list[float] = scores(
                logits_B1[:, 0], "none" if chosen["raw_scores"] else "sigmoid"
            ).tolist()
            return found

        found = self._in_batches(rows, chosen["batch_size"], logits)
        ranked = [RankedText(index=number, score=score) for number, score in enumerate(found)]
        return sorted(ranked, key=lambda each: -each["score"])
