"""Whether two sentences stand in their order."""

from __future__ import annotations

from typing import overload

import numpy as np

from albertlm.inference.base import Pipeline
from albertlm.inference.engine import Engine, require_trained
from albertlm.tokenization.tokenizer import AlbertTokenizer


class SentenceOrder(Pipeline):
    """The probability of an order: `SentenceOrder(...)("He woke up.", "Then he got up.")`."""

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer) -> None:
        super().__init__(engine, tokenizer)
        require_trained(engine, "pooler")
        require_trained(engine, "sop")

    @overload
    def __call__(self, first: str, second: str, *, batch_size: int = ...) -> float: ...

    @overload
    def __call__(
        self, first: list[str], second: list[str], *, batch_size: int = ...
    ) -> list[float]: ...

    def __call__(
        self, first: str | list[str], second: str | list[str], *, batch_size: int = 16
    ) -> float | list[float]:
        """The probability that `first` stands before `second`, rather than after it.

        Args:
            first: a text, or several, for which a list of probabilities is returned.
            second: a text, or as many.
            batch_size: pairs at a time.

        Raises:
            ValueError: a text is empty, a pair too long, or the numbers of texts differ.
        """
        if isinstance(first, str) != isinstance(second, str) or (
            not isinstance(first, str) and len(first) != len(second)
        ):
            raise ValueError("first and second must be two texts, or two lists of the same length")
        firsts = [first] if isinstance(first, str) else first
        seconds = [second] if isinstance(second, str) else second
        rows = self._tokenize(firsts, seconds)

        def in_order(numbers: list[int]) -> list[float]:
            logits = self.engine.order_logits([rows[number] for number in numbers])
            in_order, swapped = logits.astype(np.float64).T
            probabilities: list[float] = (1 / (1 + np.exp(swapped - in_order))).tolist()
            return probabilities

        results = self._in_batches(rows, batch_size, in_order)
        return results[0] if isinstance(first, str) else results
