"""Encoding with a vocabulary of any other kind, by the rules in its `tokenizer.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from albertlm.tokenization import definition, wordpiece
from albertlm.tokenization.definition import Definition, Rules
from albertlm.tokenization.encoder import Encoded, WordIndices
from albertlm.tokenization.normalization import refuse_surrogates
from albertlm.tokenization.segmenter import Ids, Joined
from albertlm.tokenization.special_tokens import AddedToken, SpecialTokens

if TYPE_CHECKING:
    import tokenizers


class LibraryEncoder:
    """Encodes texts through the package `tokenizers`.

    Args:
        rules: the content of a `tokenizer.json`.
        name: where it comes from, for error messages.

    Raises:
        ModuleNotFoundError: `tokenizers` is not installed.
        ValueError: it cannot read the rules.
    """

    def __init__(self, rules: Definition, name: str | Path) -> None:
        self._library = _build(json.dumps({**rules, "truncation": None, "padding": None}), name)
        self._is_bert = wordpiece.is_bert(rules)
        self.ids: dict[str, int] = self._library.get_vocab(with_added_tokens=True)
        # a vocab.txt may have a piece twice, of which the last counts
        self.pieces = [""] * (max(self.ids.values(), default=-1) + 1)
        for piece, token_id in self.ids.items():
            self.pieces[token_id] = piece
        self.added_tokens = definition.added_tokens(rules)

    @property
    def rules(self) -> Rules:
        return definition.rules_of(self._rules())

    @property
    def settings(self) -> dict[str, Any]:
        if self._is_bert:
            return wordpiece.settings(self._rules())
        return {"tokenizer_class": "PreTrainedTokenizerFast"}

    def add(self, tokens: Sequence[AddedToken]) -> list[int]:
        import tokenizers

        for token in tokens:
            add = self._library.add_special_tokens if token.special else self._library.add_tokens
            add([tokenizers.AddedToken(**token._asdict())])
            token_id = cast("int", self._library.token_to_id(token.content))
            self.pieces += [""] * (token_id + 1 - len(self.pieces))
            self.pieces[token_id] = token.content
            self.ids[token.content] = token_id
            self.added_tokens[token_id] = token
        self.__dict__.pop("_plain_library", None)
        return [self.ids[token.content] for token in tokens]

    def encode(self, texts: Sequence[str], *, with_spans: bool) -> Encoded:
        if not with_spans:
            return Encoded(self._rows(self._library, texts), None)
        found = _call(self._library.encode_batch, texts)
        return Encoded(
            [np.array(each.ids, np.int32) for each in found],
            [np.array(each.offsets, np.int64).reshape(-1, 2) for each in found],
        )

    def encode_plain(self, texts: Sequence[str]) -> Joined:
        return Joined.from_rows(self._rows(self._plain_library, texts))

    def words(self, text: str, ids: Ids) -> WordIndices:
        del ids
        return np.array(self._library.encode(text, add_special_tokens=False).word_ids, np.int64)

    def text(self, pieces: Sequence[str]) -> str:
        decoder = self._library.decoder
        joined: str = decoder.decode(list(pieces)) if decoder else " ".join(pieces)
        return joined

    def fingerprint(self) -> str:
        rules = self._rules()
        decisive = ("added_tokens", "normalizer", "pre_tokenizer", "model")
        return repr([rules[name] for name in decisive])

    def files(self, special: SpecialTokens) -> dict[str, bytes]:
        rules = self._rules()
        rules["post_processor"] = definition.template(special, self.ids)
        text = json.dumps(rules, ensure_ascii=False, separators=(",", ":"))
        files = {"tokenizer.json": f"{text}\n".encode()}
        if self._is_bert:
            files[wordpiece.VOCAB_FILE] = wordpiece.write(rules)
        return files

    def __getstate__(self) -> dict[str, Any]:
        # a copy of the other library would parse special tokens
        return {name: value for name, value in vars(self).items() if name != "_plain_library"}

    def _rules(self) -> Definition:
        rules: Definition = json.loads(self._library.to_str())
        return rules

    def _rows(self, library: tokenizers.Tokenizer, texts: Sequence[str]) -> list[Ids]:
        found = _call(library.encode_batch_fast, texts)
        return [np.array(each.ids, np.int32) for each in found]

    @cached_property
    def _plain_library(self) -> tokenizers.Tokenizer:
        """The same rules, but special tokens are text as any other."""
        library = _build(self._library.to_str(), "the vocabulary")
        library.encode_special_tokens = True
        return library


def _build(rules: str, name: str | Path) -> tokenizers.Tokenizer:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{name} has rules that only the package tokenizers knows, which is missing; "
            "pip install 'albertlm[wordpiece]'",
            name="tokenizers",
        ) from None
    try:
        return tokenizers.Tokenizer.from_str(rules)
    except Exception as error:  # it raises nothing more specific
        reason = " ".join(str(error).split())
        raise ValueError(
            f"tokenizers cannot read {name} ({reason}); fetch or write it again"
        ) from None


def _call(encode: Any, texts: Sequence[str]) -> list[tokenizers.Encoding]:
    try:
        found: list[tokenizers.Encoding] = encode(list(texts), add_special_tokens=False)
    except TypeError:
        for text in texts:
            refuse_surrogates(text)
        raise
    return found
