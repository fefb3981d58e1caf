"""Vectors for texts, or for each of their tokens.

T tokens of a text, D hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Unpack, get_args, overload

import numpy as np

from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.pipelines.base import TEXT_OPTIONS, Pipeline, TextOptions, as_batch
from albertlm.settings import check

Pooling = Literal["mean", "cls", "pooled"]


class FeatureOptions(TextOptions, total=False):
    """The options of a call of `FeatureExtraction`."""

    pooling: Pooling | None
    normalize: bool


class FeatureExtraction(Pipeline):
    """Feature vectors of texts: `FeatureExtraction(...)("Replace me by any text you'd like.")`."""

    options = FeatureOptions(pooling=None, normalize=False, **TEXT_OPTIONS)

    @overload  # a string is an iterable of strings, too
    def __call__(  # type: ignore[overload-overlap]
        self, texts: str, **options: Unpack[FeatureOptions]
    ) -> Floats: ...

    @overload
    def __call__(self, texts: Iterable[str], **options: Unpack[FeatureOptions]) -> list[Floats]: ...

    def __call__(
        self, texts: str | Iterable[str], **options: Unpack[FeatureOptions]
    ) -> Floats | list[Floats]:
        """Compute the features of a text, or of each text of a batch.

        Args:
            texts: a text, or any iterable of texts, for which a list of arrays is returned.
            pooling: None, the default, gives a vector for each token, including `[CLS]` and
                `[SEP]`, (T, D). Otherwise one vector (D,): the `mean` over all tokens, the vector
                of `[CLS]` for `cls`, or the output of the pooler for `pooled`.
            normalize: scale every vector to length 1.
            **options: those of `FeatureOptions` and `TextOptions`.

        Raises:
            ValueError: a text is empty or too long, or the model's pooler was never trained.
        """
        chosen = self._chosen(options)
        pooling = chosen["pooling"]
        check(pooling in (None, *get_args(Pooling)), "mean, cls, pooled or None", pooling=pooling)
        if pooling == "pooled":
            heads.require_trained(self.engine, "pooler")
        all_texts = as_batch(texts)
        rows = self._tokenize(
            all_texts, truncation=chosen["truncation"], max_length=chosen["max_length"]
        )

        def features(numbers: list[int]) -> Sequence[Floats]:
            batch = [rows[number] for number in numbers]
            match pooling:
                case "pooled":
                    return list(heads.pooled(self.engine, batch))
                case "cls":
                    return [x_1D[0] for x_1D in self.engine.states(batch, [[0]] * len(batch))]
                case "mean":
                    return [x_TD.mean(0) for x_TD in self.engine.states(batch)]
            return self.engine.states(batch)

        results = self._in_batches(rows, chosen["batch_size"], features)
        if chosen["normalize"]:
            results = [_normalized(vectors) for vectors in results]
        return results[0] if isinstance(texts, str) else results


def _normalized(x: Floats) -> Floats:
    lengths = np.sqrt(np.square(x).sum(-1, keepdims=True))
    normalized: Floats = x / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normalized
