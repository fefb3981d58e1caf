"""The probability that two sentences are in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack, overload

import numpy as np

from albertlm.inference import heads
from albertlm.inference.pipelines.base import Pipeline, TextOptions, as_batch


class SentenceOrder(Pipeline):
    """Scores the order of texts: `SentenceOrder(...)("He woke up.", "Then he got up.")`."""

    parts = ("pooler", "sop")

    @overload  # a string is an iterable of strings, too
    def __call__(  # type: ignore[overload-overlap]
        self, first: str, second: str, **options: Unpack[TextOptions]
    ) -> float: ...

    @overload
    def __call__(
        self, first: Iterable[str], second: Iterable[str], **options: Unpack[TextOptions]
    ) -> list[float]: ...

    def __call__(
        self,
        first: str | Iterable[str],
        second: str | Iterable[str],
        **options: Unpack[TextOptions],
    ) -> float | list[float]:
        """Compute the probability that `first` comes before `second`, rather than after it.

        Args:
            first: a text, or any iterable of texts, for which a list of probabilities is returned.
            second: a text, or as many texts.
            **options: as in `TextOptions`; the longer text of a pair is truncated first.

        Raises:
            ValueError: a text is empty, a pair too long, or the numbers of texts differ.
        """
        firsts, seconds = as_batch(first, "first"), as_batch(second, "second")
        if isinstance(first, str) != isinstance(second, str) or len(firsts) != len(seconds):
            raise ValueError("first and second must be two texts, or two lists of the same length")
        chosen = self._chosen(options)
        rows = self._tokenize(
            firsts, seconds, truncation=chosen["truncation"], max_length=chosen["max_length"]
        )

        def in_order(numbers: list[int]) -> list[float]:
            logits = heads.order_logits(self.engine, [rows[number] for number in numbers])
            in_order, swapped = logits.astype(np.float64).T
            probabilities: list[float] = (1 / (1 + np.exp(swapped - in_order))).tolist()
            return probabilities

        results = self._in_batches(rows, chosen["batch_size"], in_order)
        return results[0] if isinstance(first, str) else results
