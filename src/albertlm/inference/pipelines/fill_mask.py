"""The most probable tokens for the masks of a text.

P masks of a text, V vocabulary.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict, Unpack, overload

import numpy as np

from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats, softmax_
from albertlm.inference.early_exit import exit_early
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.base import TEXT_OPTIONS, Pipeline, TextOptions, as_batch, quote
from albertlm.settings import check
from albertlm.tokenization import checks


class Fill(TypedDict):
    """A proposal for a mask, in the form of the model card."""

    sequence: str
    score: float
    token: int
    token_str: str


MASKS_AT_ONCE = 64
"""The masks whose logits are computed at once; those of one take 120 kB for 30,000 pieces."""

Fills = list[Fill] | list[list[Fill]]
"""The proposals for the only mask of a text, or a list of them for each of several masks."""


TokenScore = tuple[int, float]
"""A token and its probability."""


class FillMaskOptions(TextOptions, total=False):
    """The options of a call of `FillMask`."""

    top_k: int
    targets: str | Iterable[str] | None
    clean: bool
    exit_at: float | None


class FillMask(Pipeline):
    """Fills the masks of texts: `FillMask(...)("Hello I'm a [MASK] model.")`."""

    parts = ("mlm",)
    options = FillMaskOptions(top_k=5, targets=None, clean=False, exit_at=None, **TEXT_OPTIONS)

    @overload  # a string is an iterable of strings, too
    def __call__(  # type: ignore[overload-overlap]
        self, texts: str, **options: Unpack[FillMaskOptions]
    ) -> Fills: ...

    @overload
    def __call__(self, texts: Iterable[str], **options: Unpack[FillMaskOptions]) -> list[Fills]: ...

    def __call__(
        self, texts: str | Iterable[str], **options: Unpack[FillMaskOptions]
    ) -> Fills | list[Fills]:
        """Propose the most probable tokens for each mask, in order of decreasing probability.

        Several masks in a text are filled independently: each result leaves the others masked.

        Args:
            texts: a text with `[MASK]` in it, or any iterable of them, for which a list is
                returned.
            top_k: the number of proposals for each mask, 5 by default.
            targets: propose only these words or vocabulary pieces; a word of several pieces is
                ignored with a warning. Scores remain those of the whole vocabulary.
            clean: remove special tokens, except other masks, and the word-start marker `▁` from
                the strings, as current transformers does for texts with one mask; otherwise they
                are kept, as in the model card.
            exit_at: stop computing a text whose best proposals have this probability before all
                applications of the layer; see `early_exit`.
            **options: those of `FillMaskOptions` and `TextOptions`.

        Raises:
            ValueError: a text has no mask, is empty or too long, or no target is in the
                vocabulary.
        """
        chosen = self._chosen(options)
        targets, clean = chosen["targets"], chosen["clean"]
        top_k = checks.require_count("top_k", chosen["top_k"], least=1)
        candidates = None if targets is None else self._target_ids(targets)
        all_texts = as_batch(texts)
        rows = self._tokenize(
            all_texts, truncation=chosen["truncation"], max_length=chosen["max_length"]
        )
        masks = [self._masks(row, text) for row, text in zip(rows, all_texts, strict=True)]

        # a model may have more rows than its vocabulary, which have no meaning
        known = self.tokenizer.vocab_size

        def fill(numbers: list[int]) -> list[Fills]:
            places = [masks[number] for number in numbers]
            texts = [rows[number] for number in numbers]
            if chosen["exit_at"] is None:
                states = self.engine.states(texts, places)
            else:
                states = self._exits(texts, places, chosen["exit_at"])
            best = (
                _best(logits_V[:known], top_k, candidates)
                for x_PD in _in_parts(np.concatenate(states))
                for logits_V in heads.mask_logits(self.engine, x_PD)
            )
            return [
                self._fills(rows[number].input_ids, {at: next(best) for at in of_text}, clean)
                for number, of_text in zip(numbers, places, strict=True)
            ]

        results = self._in_batches(rows, chosen["batch_size"], fill)
        return results[0] if isinstance(texts, str) else results

    def _exits(
        self, texts: list[TokenizedText], places: list[list[int]], threshold: float
    ) -> list[Floats]:
        """The states of masks, of texts that may stop early; the least likely mask counts."""
        check(0 <= threshold <= 1, "from 0 to 1", exit_at=threshold)

        def confidences(numbers: Sequence[int], states: Sequence[Floats]) -> Floats:
            read = [x_TD[places[n]] for n, x_TD in zip(numbers, states, strict=True)]
            best_P = softmax_(heads.mask_logits(self.engine, np.concatenate(read))).max(-1)
            firsts = np.cumsum([0, *map(len, read)])[:-1]
            return np.minimum.reduceat(best_P, firsts)

        found = exit_early(self.engine, texts, confidences, threshold).states
        return [x_TD[at] for x_TD, at in zip(found, places, strict=True)]

    def _problem(self, row: TokenizedText, truncation: bool) -> str | None:
        """As in `Pipeline`, or `no [MASK]`."""
        read = row.input_ids[: self.max_length - 1]  # the last token is [SEP]
        missing = None if self.tokenizer.mask_token_id in read else "no [MASK]"
        return super()._problem(row, truncation) or missing

    def _masks(self, row: TokenizedText, text: str) -> list[int]:
        mask = self.tokenizer.mask_token_id
        positions = [at for at, token_id in enumerate(row.input_ids) if token_id == mask]
        if not positions:
            where = f" in its first {len(row.input_ids)} tokens" if "[MASK]" in text else ""
            raise ValueError(
                f"{quote(text)} has no [MASK]{where}; write it where a word is to be filled in"
            )
        return positions

    def _target_ids(self, targets: str | Iterable[str]) -> list[int]:
        """The ids of words that are a single piece; warns about the others."""
        words = as_batch(targets, "targets")
        checks.require_strings(words, "a target")
        ids = {}
        for target in words:
            pieces = self.tokenizer.tokenize(target)
            if len(pieces) == 1 and pieces[0] != self.tokenizer.unk_token:
                ids[target] = self.tokenizer.convert_tokens_to_ids(pieces[0])
            elif target in self.tokenizer.get_vocab():
                ids[target] = self.tokenizer.convert_tokens_to_ids(target)
            else:
                shown = " ".join(pieces) or "nothing"
                warnings.warn(
                    f"the target {target!r} is not a single piece but {shown}; it is ignored",
                    stacklevel=3,
                )
        if not ids:
            raise ValueError("none of the targets is a piece of the vocabulary; give other words")
        return sorted(set(ids.values()))

    def _fills(self, ids: list[int], best: dict[int, list[TokenScore]], clean: bool) -> Fills:
        """The proposals for a text, from the best tokens at the position of each mask."""
        hidden = set(self.tokenizer.all_special_ids) if clean else set()
        if len(best) > 1:
            hidden.discard(self.tokenizer.mask_token_id)  # the other masks remain visible
        fills = [
            [
                Fill(
                    sequence=self.tokenizer.decode(
                        [id_ for id_ in (*ids[:at], token, *ids[at + 1 :]) if id_ not in hidden]
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


def _in_parts(x_PD: Floats) -> Iterator[Floats]:
    """States in parts, so that the logits of a text full of masks do not fill the memory."""
    for start in range(0, len(x_PD), MASKS_AT_ONCE):
        yield x_PD[start : start + MASKS_AT_ONCE]


def _best(logits_V: Floats, top_k: int, candidates: list[int] | None) -> list[TokenScore]:
    """The tokens with the highest scores; among equal scores, the smaller id comes first."""
    scores_V = np.exp(logits_V - logits_V.max())
    scores_V /= scores_V.sum()
    ids = np.arange(len(scores_V)) if candidates is None else np.array(candidates)
    if top_k < len(ids):
        ids = np.sort(ids[np.argpartition(-scores_V[ids], top_k)[:top_k]])
    ids = ids[np.argsort(-scores_V[ids], kind="stable")]
    return list(zip(ids.tolist(), scores_V[ids].tolist(), strict=True))
