"""Conversion between pieces and ids, from ids to text, and tokens that are added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from albertlm.tokenization import checks
from albertlm.tokenization.encoder import Encoder
from albertlm.tokenization.special_tokens import EXTRA, AddedToken, SpecialTokens


class Pieces:
    """The pieces of a vocabulary, by id and by name.

    Args:
        encoder: encodes texts with the vocabulary.
        special: its special tokens.
    """

    def __init__(self, encoder: Encoder, special: SpecialTokens) -> None:
        self._encoder = encoder
        self._set_special(special)

    def _set_special(self, special: SpecialTokens) -> None:
        self._special = special
        self.pad_token, self.unk_token, self.cls_token, self.sep_token, self.mask_token = special
        self.pad_token_id = self._encoder.ids[special.pad]
        self.unk_token_id = self._encoder.ids[special.unk]
        self.cls_token_id = self._encoder.ids[special.cls]
        self.sep_token_id = self._encoder.ids[special.sep]
        self.mask_token_id = self._encoder.ids[special.mask]

    @property
    def vocab_size(self) -> int:
        """The number of ids, those of added tokens included."""
        return len(self._encoder.pieces)

    def __len__(self) -> int:
        return self.vocab_size

    @property
    def pieces(self) -> list[str]:
        """All pieces by id; an empty one stands for an id without a piece."""
        return list(self._encoder.pieces)

    def get_vocab(self) -> dict[str, int]:
        """The id of every piece."""
        return dict(self._encoder.ids)

    def get_added_vocab(self) -> dict[str, int]:
        """The ids of the tokens that are found in texts before anything else."""
        return {token.content: at for at, token in sorted(self._encoder.added_tokens.items())}

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """The special tokens by their tasks: `pad_token` and so on."""
        return self._special.named()

    @property
    def additional_special_tokens(self) -> list[str]:
        """The special tokens without a task."""
        tokens = [token for _, token in sorted(self._encoder.added_tokens.items())]
        return [
            each.content for each in tokens if each.special and each.content not in self._special
        ]

    @property
    def all_special_tokens(self) -> list[str]:
        return [*dict.fromkeys(self._special), *self.additional_special_tokens]

    @property
    def all_special_ids(self) -> list[int]:
        return [self._encoder.ids[piece] for piece in self.all_special_tokens]

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Find tokens in texts from now on, before anything else.

        New ones take the ids behind the vocabulary; a model needs an embedding for each.

        Args:
            new_tokens: a string, an `AddedToken`, or several of them.
            special_tokens: leave them out with `skip_special_tokens`.

        Returns:
            The number of new ids.
        """
        before = len(self)
        tokens = AddedToken.read_all(new_tokens, special=special_tokens)
        self._encoder.add(tokens)
        return len(self) - before

    def add_special_tokens(self, special_tokens_dict: Mapping[str, Any]) -> int:
        """Give tokens a task, such as `{"mask_token": "<mask>"}`, or add others that have none.

        Args:
            special_tokens_dict: tokens by `pad_token`, `unk_token`, `cls_token`, `sep_token` and
                `mask_token`, and a list as `additional_special_tokens`.

        Returns:
            The number of new ids.
        """
        names = list(self._special.named())
        for name in special_tokens_dict:
            if name not in (*names, *EXTRA):
                raise ValueError(
                    f"{name!r} is no task of a special token of ALBERT; the tasks are "
                    f"{', '.join(names)} and {EXTRA[0]}"
                )
        extra = [
            token
            for name in EXTRA
            for token in AddedToken.read_all(special_tokens_dict.get(name, ()), special=True)
        ]
        named = {name: special_tokens_dict[name] for name in names if name in special_tokens_dict}
        added = self.add_tokens([*named.values(), *extra], special_tokens=True)
        contents = {name: AddedToken.read(token).content for name, token in named.items()}
        self._set_special(SpecialTokens(*(self._special.named() | contents).values()))
        return added

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> Any:
        """The id of a piece, or the ids of several; unknown pieces have the id of `<unk>`."""
        if isinstance(tokens, str):
            return self._encoder.ids.get(tokens, self.unk_token_id)
        return [self._encoder.ids.get(token, self.unk_token_id) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The piece of an id, or the pieces of the ids in a list, an array or a tensor."""
        pieces = [self._encoder.pieces[each] for each in checks.as_ids(ids, self.vocab_size)]
        if checks.is_one(ids):
            return pieces[0]
        if skip_special_tokens:
            special = set(self.all_special_tokens)
            return [piece for piece in pieces if piece not in special]
        return pieces

    def convert_tokens_to_string(self, tokens: Iterable[str]) -> str:
        """The text of pieces: `▁` becomes a space, except at the beginning."""
        return self._encoder.text(list(tokens))

    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        """The text of token ids (T,): a list, an array or a tensor, or of a single one.

        The text is normalised: what normalisation removed is not restored.
        """
        if checks.is_one(ids):
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
            pair_ids: the token ids of the second text of a pair.
            already_has_special_tokens: whether `ids` includes the special tokens; if not, the mask
                includes those that a call would add.
        """
        if already_has_special_tokens:
            if pair_ids is not None:
                raise ValueError(
                    "pair_ids must be None if the ids already have their special tokens"
                )
            special = set(self.all_special_ids)
            return [int(token_id in special) for token_id in checks.as_ids(ids, self.vocab_size)]
        mask = [1] + [0] * len(ids) + [1]
        return mask if pair_ids is None else mask + [0] * len(pair_ids) + [1]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """The number of tokens that a call adds to a text, or to a pair."""
        return 3 if pair else 2
