"""The likeliest tokens for the masks of a text.

P masks of a text, V vocabulary.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypedDict, overload

import numpy as np

from albertlm.inference.base import Pipeline, quote
from albertlm.inference.engine import Engine, Floats, TokenizedText, require_trained
from albertlm.tokenization.tokenizer import AlbertTokenizer


class Fill(TypedDict):
    """One proposal for one mask, in the form of the model card."""

    sequence: str
    score: float
    token: int
    token_str: str


Fills = list[Fill] | list[list[Fill]]
"""The proposals for the one mask of a text, or for each of its masks."""


Scored = tuple[int, float]
"""A token and its probability."""


class FillMask(Pipeline):
    """Fills the masks of texts: `FillMask(...)("Hello I'm a [MASK] model.")`."""

    def __init__(self, engine: Engine, tokenizer: AlbertTokenizer) -> None:
        super().__init__(engine, tokenizer)
        require_trained(engine, "mlm")

    @overload
    def __call__(
        self,
        texts: str,
        *,
        top_k: int = ...,
        targets: str | Sequence[str] | None = ...,
        clean: bool = ...,
        batch_size: int = ...,
    ) -> Fills: ...

    @overload
    def __call__(
        self,
        texts: list[str],
        *,
        top_k: int = ...,
        targets: str | Sequence[str] | None = ...,
        clean: bool = ...,
        batch_size: int = ...,
    ) -> list[Fills]: ...

    def __call__(
        self,
        texts: str | list[str],
        *,
        top_k: int = 5,
        targets: str | Sequence[str] | None = None,
        clean: bool = False,
        batch_size: int = 16,
    ) -> Fills | list[Fills]:
        """The likeliest tokens for each mask, the likeliest first.

        Several masks of a text are filled independently: each result leaves the others masked.

        Args:
            texts: a text with `[MASK]` in it, or several, for which a list of results is returned.
            top_k: proposals for each mask.
            targets: propose only these words, or pieces as they stand in the vocabulary; a word
                of several pieces is left out with a warning. Scores stay those of the whole
                vocabulary.
            clean: leave `[CLS]`, `[SEP]` and the mark `▁` of a word's start out of the strings,
                as transformers does today; otherwise they are there, as in the model card.
            batch_size: texts at a time.

        Raises:
            ValueError: a text has no mask, is empty or too long; no target is in the vocabulary.
        """
        if top_k < 1:
            raise ValueError(f"top_k={top_k} is not allowed; it must be 1 or more")
        candidates = None if targets is None else self._target_ids(targets)
        all_texts = [texts] if isinstance(texts, str) else texts
        rows = self._tokenize(all_texts)
        masks = [self._masks(row, text) for row, text in zip(rows, all_texts, strict=True)]

        # a model may have more rows than its vocabulary, which stand for nothing
        known = self.tokenizer.vocab_size

        def fill(numbers: list[int]) -> list[Fills]:
            logits = self.engine.mask_logits(
                [rows[number] for number in numbers], [masks[number] for number in numbers]
            )
            return [
                self._fills(
                    rows[number].input_ids,
                    {
                        at: _best(logits_V[:known], top_k, candidates)
                        for at, logits_V in zip(masks[number], logits_PV, strict=True)
                    },
                    clean,
                )
                for number, logits_PV in zip(numbers, logits, strict=True)
            ]

        results = self._in_batches(rows, batch_size, fill)
        return results[0] if isinstance(texts, str) else results

    def _masks(self, row: TokenizedText, text: str) -> list[int]:
        mask = self.tokenizer.mask_token_id
        positions = [at for at, token_id in enumerate(row.input_ids) if token_id == mask]
        if not positions:
            raise ValueError(
                f"{quote(text)} has no [MASK]; write it where a word is to be filled in"
            )
        return positions

    def _target_ids(self, targets: str | Sequence[str]) -> list[int]:
        """The ids of words that are one piece; of the others a warning."""
        ids = {}
        for target in [targets] if isinstance(targets, str) else targets:
            pieces = self.tokenizer.tokenize(target)
            if len(pieces) == 1 and pieces[0] != self.tokenizer.unk_token:
                ids[target] = self.tokenizer.convert_tokens_to_ids(pieces[0])
            elif target in self.tokenizer.get_vocab():
                ids[target] = self.tokenizer.convert_tokens_to_ids(target)
            else:
                shown = " ".join(pieces) or "nothing"
                warnings.warn(
                    f"the target {target!r} is no single piece but {shown}; it is left out",
                    stacklevel=3,
                )
        if not ids:
            raise ValueError("none of the targets is a piece of the vocabulary; give other words")
        return sorted(set(ids.values()))

    def _fills(self, ids: list[int], best: dict[int, list[Scored]], clean: bool) -> Fills:
        """The proposals for a text, given its masks' positions and the best tokens at each."""
        # where there are several masks, the others must stay in sight
        skip = clean and len(best) == 1
        fills = [
            [
                Fill(
                    sequence=self.tokenizer.decode(
                        [*ids[:at], token, *ids[at + 1 :]], skip_special_tokens=skip
                    ),
                    score=score,
                    token=token,
                    token_str=self._token_str(token, clean),
                )
                for token, score in scored
            ]
            for at, scored in best.items()
        ]
        return fills[0] if len(fills) == 1 else fills

    def _token_str(self, token: int, clean: bool) -> str:
        return (
            self.tokenizer.decode([token]) if clean else self.tokenizer.convert_ids_to_tokens(token)
        )


def _best(logits_V: Floats, top_k: int, candidates: list[int] | None) -> list[Scored]:
    """The tokens of the highest scores; of equal ones the smaller id comes first."""
    scores_V = np.exp(logits_V - logits_V.max())
    scores_V /= scores_V.sum()
    ids = np.arange(len(scores_V)) if candidates is None else np.array(candidates)
    if top_k < len(ids):
        ids = np.sort(ids[np.argpartition(-scores_V[ids], top_k)[:top_k]])
    ids = ids[np.argsort(-scores_V[ids], kind="stable")]
    return list(zip(ids.tolist(), scores_V[ids].tolist(), strict=True))
