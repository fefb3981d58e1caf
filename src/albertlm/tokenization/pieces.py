"""The vocabulary at work: pieces to ids, ids to pieces and to text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from albertlm.tokenization import inputs
from albertlm.tokenization.model_file import SPECIAL_PIECES, ModelFile
from albertlm.tokenization.segmenter import SPACE


class Pieces:
    """The pieces of a vocabulary, by id and by name.

    Args:
        model: the vocabulary.
    """

    pad_token, unk_token, cls_token, sep_token, mask_token = SPECIAL_PIECES

    def __init__(self, model: ModelFile) -> None:
        self._model = model
        self._ids = {piece: token_id for token_id, piece in enumerate(model.pieces)}
        self.pad_token_id = self._ids[self.pad_token]
        self.unk_token_id = self._ids[self.unk_token]
        self.cls_token_id = self._ids[self.cls_token]
        self.sep_token_id = self._ids[self.sep_token]
        self.mask_token_id = self._ids[self.mask_token]

    @property
    def vocab_size(self) -> int:
        return len(self._model.pieces)

    def __len__(self) -> int:
        return self.vocab_size

    def get_vocab(self) -> dict[str, int]:
        """The id of every piece."""
        return dict(self._ids)

    @property
    def all_special_tokens(self) -> list[str]:
        return list(SPECIAL_PIECES)

    @property
    def all_special_ids(self) -> list[int]:
        return [self._ids[piece] for piece in SPECIAL_PIECES]

    @cached_property
    def word_starts(self) -> npt.NDArray[np.bool_]:
        """(V,) whether a piece begins a word: it begins with `▁`, or is a special token.

        `<unk>` does not: it stands for characters within a word, behind a piece with the `▁`.
        """
        starts = np.array([piece.startswith(SPACE) for piece in self._model.pieces])
        starts[self.all_special_ids] = True
        starts[self.unk_token_id] = False
        starts.flags.writeable = False
        return starts

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> Any:
        """The id of a piece, or a list with that of each; `<unk>`'s for what is no piece."""
        if isinstance(tokens, str):
            return self._ids.get(tokens, self.unk_token_id)
        return [self._ids.get(token, self.unk_token_id) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The piece of an id, or a list with that of each id in a list, an array or a tensor."""
        pieces = [self._model.pieces[each] for each in inputs.as_ids(ids, self.vocab_size)]
        if isinstance(ids, int):
            return pieces[0]
        if skip_special_tokens:
            return [piece for piece in pieces if piece not in SPECIAL_PIECES]
        return pieces

    def convert_tokens_to_string(self, tokens: Iterable[str]) -> str:
        """The text of pieces: `▁` is a space, except in front."""
        return "".join(tokens).removeprefix(SPACE).replace(SPACE, " ")

    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        """The text of token ids (T,): a list, an array or a tensor.

        It is the normalised text: what normalisation took away does not come back.
        """
        if isinstance(ids, int):
            ids = [ids]
        return self.convert_tokens_to_string(self.convert_ids_to_tokens(ids, skip_special_tokens))

    def batch_decode(self, rows: Any, skip_special_tokens: bool = False) -> list[str]:
        """The text of each row of token ids (B, T)."""
        return [self.decode(row, skip_special_tokens) for row in rows]

    def get_special_tokens_mask(
        self,
        ids: Sequence[int],
        pair_ids: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 for a special token and 0 for a token of the text.

        Args:
            ids: (T,) token ids.
            pair_ids: those of a text pair.
            already_has_special_tokens: False gives the mask of what a call would make of the ids.
        """
        if already_has_special_tokens:
            if pair_ids is not None:
                raise ValueError(
                    "pair_ids must be None if the ids have their special tokens already"
                )
            special = set(self.all_special_ids)
            return [int(token_id in special) for token_id in inputs.as_ids(ids, self.vocab_size)]
        mask = [1] + [0] * len(ids) + [1]
        return mask if pair_ids is None else mask + [0] * len(pair_ids) + [1]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many tokens a call adds to a text, or to a pair."""
        return 3 if pair else 2
