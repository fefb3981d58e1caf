"""How similar sentences are to another one, by the cosines of their features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from albertlm.inference.pipelines.base import (
    TEXT_OPTIONS,
    Pipeline,
    TextOptions,
    as_batch,
    require_words,
)
from albertlm.inference.pipelines.features import FeatureExtraction, Pooling
from albertlm.settings import check


class SimilarityOptions(TextOptions, total=False):
    """The options of a call of `SentenceSimilarity`."""

    pooling: Pooling


class SentenceSimilarity(Pipeline):
    """Compares sentences: `SentenceSimilarity(...)("It rained.", ["It is wet.", "A sale."])`."""

    options: ClassVar[Mapping[str, Any]] = {**TEXT_OPTIONS, "pooling": "mean"}

    def __call__(
        self,
        source_sentence: str,
        sentences: Iterable[str],
        **options: Unpack[SimilarityOptions],
    ) -> list[float]:
        """Compute how similar each sentence is to another one, from -1 to 1.

        Args:
            source_sentence: the sentence that the others are compared with.
            sentences: the others.
            pooling: what vector a sentence has, as in `FeatureExtraction`; `mean` by default.
            **options: as in `TextOptions`.

        Raises:
            ValueError: a text is empty or too long, or the model's pooler was never trained.
        """
        chosen = self._chosen(options)
        check(chosen["pooling"] is not None, "mean, cls or pooled", pooling=chosen["pooling"])
        require_words(source_sentence)
        features = FeatureExtraction(self.engine, self.tokenizer, normalize=True)
        source_D, *others_D = features([source_sentence, *as_batch(sentences)], **chosen)
        return [float(np.clip(source_D @ other_D, -1, 1)) for other_D in others_D]
