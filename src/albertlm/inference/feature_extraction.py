"""Vectors for texts, or for each of their tokens.

T tokens of a text, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np

from albertlm.inference.base import Pipeline
from albertlm.inference.engine import Floats, require_trained

Pooling = Literal["mean", "cls", "pooled"]


class FeatureExtraction(Pipeline):
    """The features of texts: `FeatureExtraction(...)("Replace me by any text you'd like.")`."""

    @overload
    def __call__(
        self,
        texts: str,
        *,
        pooling: Pooling | None = ...,
        normalize: bool = ...,
        truncation: bool = ...,
        batch_size: int = ...,
    ) -> Floats: ...

    @overload
    def __call__(
        self,
        texts: list[str],
        *,
        pooling: Pooling | None = ...,
        normalize: bool = ...,
        truncation: bool = ...,
        batch_size: int = ...,
    ) -> list[Floats]: ...

    def __call__(
        self,
        texts: str | list[str],
        *,
        pooling: Pooling | None = None,
        normalize: bool = False,
        truncation: bool = False,
        batch_size: int = 16,
    ) -> Floats | list[Floats]:
        """The features of a text, or of each of several.

        Args:
            texts: a text, or several, for which a list of arrays is returned.
            pooling: None gives a vector for each token, `[CLS]` and `[SEP]` included, (T, D).
                Otherwise one vector (D,): `mean` over all tokens, `cls` that of `[CLS]`, `pooled`
                what the pooler makes of that.
            normalize: bring every vector to length 1.
            truncation: cut a text that is too long, which is an error otherwise.
            batch_size: texts at a time.

        Raises:
            ValueError: a text is empty or too long, or the model's pooler was never trained.
        """
        if pooling not in (None, "mean", "cls", "pooled"):
            raise ValueError(
                f"pooling={pooling!r} is not allowed; it must be mean, cls, pooled or None"
            )
        if pooling == "pooled":
            require_trained(self.engine, "pooler")
        all_texts = [texts] if isinstance(texts, str) else texts
        rows = self._tokenize(all_texts, truncation=truncation)

        def features(numbers: list[int]) -> Sequence[Floats]:
            batch = [rows[number] for number in numbers]
            if pooling == "pooled":
                return list(self.engine.pooled(batch))
            states = self.engine.hidden_states(batch)
            if pooling == "mean":
                return [x_TD.mean(0) for x_TD in states]
            return [x_TD[0] for x_TD in states] if pooling == "cls" else states

        results = self._in_batches(rows, batch_size, features)
        if normalize:
            results = [_normalized(vectors) for vectors in results]
        return results[0] if isinstance(texts, str) else results


def _normalized(x: Floats) -> Floats:
    lengths = np.sqrt(np.square(x).sum(-1, keepdims=True))
    normalized: Floats = x / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normalized
