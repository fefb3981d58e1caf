"""Encoding with a vocabulary of SentencePiece, in Google's way or in that of the hub."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import compress, groupby
from typing import Any, NamedTuple, TypeVar

import numpy as np

from albertlm.tokenization import definition
from albertlm.tokenization.added_tokens import AddedTokens
from albertlm.tokenization.definition import Rules
from albertlm.tokenization.encoder import Encoded, WordIndices
from albertlm.tokenization.google_segmenter import GoogleSegmenter
from albertlm.tokenization.hub_segmenter import HubSegmenter
from albertlm.tokenization.model_file import ModelFile
from albertlm.tokenization.normalization import Spans
from albertlm.tokenization.segmenter import SPACE, Ids, Joined, Segmenter
from albertlm.tokenization.special_tokens import ALBERT, AddedToken, SpecialTokens

Item = TypeVar("Item")


class _Part(NamedTuple):
    """A part of a text: its place, its ids, and whether it begins a word if it is plain text."""

    start: int
    end: int
    ids: Ids
    begins_word: bool | None


class _Plain(NamedTuple):
    """Those of several texts that hold no added tokens, and which they are."""

    texts: list[str]
    flags: list[bool]

    @classmethod
    def find(cls, texts: Sequence[str], added: AddedTokens) -> _Plain:
        flags = [not added.are_in(text) for text in texts]
        return cls(list(compress(texts, flags)), flags)

    def fill(
        self, of_plain: list[Item], texts: Sequence[str], find: Callable[[str], Item]
    ) -> list[Item]:
        """What belongs to each text: `of_plain` in turn, or what is found for the others."""
        if len(of_plain) == len(texts):
            return of_plain
        each = iter(of_plain)
        pairs = zip(texts, self.flags, strict=True)
        return [next(each) if is_plain else find(text) for text, is_plain in pairs]


class PieceEncoder:
    """Encodes texts with a vocabulary of SentencePiece.

    Args:
        model: the vocabulary.
        rules: what becomes of capitals and accents.
        hub_mode: encode as `tokenizers` does, instead of as SentencePiece and Google's code.
    """

    def __init__(self, model: ModelFile, rules: Rules, hub_mode: bool) -> None:
        self._model = model
        self.rules = rules
        self._hub_mode = hub_mode
        segmenter = HubSegmenter if hub_mode else GoogleSegmenter
        self._segmenter: Segmenter = segmenter(model, *rules)
        self._added = AddedTokens(self._segmenter.align)
        self._added_words = AddedTokens(self._segmenter.align)
        self.pieces = list(model.pieces)
        self.ids = {piece: token_id for token_id, piece in enumerate(model.pieces)}

    @property
    def added_tokens(self) -> dict[int, AddedToken]:
        return self._added.tokens

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "tokenizer_class": definition.tokenizer_class(self._model),
            **self.rules._asdict(),
            "hub_mode": self._hub_mode,
        }

    def add(self, tokens: Sequence[AddedToken]) -> list[int]:
        for token in tokens:
            if token.content not in self.ids:
                self.ids[token.content] = len(self.pieces)
                self.pieces.append(token.content)
        found = {self.ids[token.content]: token for token in tokens if self._is_sought(token)}
        self._added.add(found)
        self._added_words.add(
            {token_id: token for token_id, token in found.items() if not token.special}
        )
        return [self.ids[token.content] for token in tokens]

    def encode(self, texts: Sequence[str], *, with_spans: bool) -> Encoded:
        plain = _Plain.find(texts, self._added)
        joined = self._segmenter.encode(plain.texts)
        ids = plain.fill(joined.rows(), texts, self._ids_of_parts)
        if not with_spans:
            return Encoded(ids, None)
        located = self._segmenter.locate(plain.texts, joined)
        spans = plain.fill(located, texts, self._spans_of_parts)
        return Encoded(ids, list(map(_visible, texts, spans)))

    def encode_plain(self, texts: Sequence[str]) -> Joined:
        if not self._added_words.tokens:
            return self._corpus_segmenter.encode(texts)
        plain = _Plain.find(texts, self._added_words)
        rows = self._corpus_segmenter.encode(plain.texts).rows()
        return Joined.from_rows(plain.fill(rows, texts, self._words_of_parts))

    def words(self, text: str, ids: Ids) -> WordIndices:
        begun: list[bool] = []
        for part in self._parts(text, self._added) if self._added.are_in(text) else ():
            begun += self._begun(part.ids) if part.begins_word is not None else [True]
        return np.cumsum(begun or self._begun(ids)) - 1

    def text(self, pieces: Sequence[str]) -> str:
        if values := self._model.byte_pieces:
            pieces = [
                bytes(map(values.__getitem__, run)).decode(errors="replace")
                if are_bytes
                else "".join(run)
                for are_bytes, run in groupby(pieces, values.__contains__)
            ]
        joined = "".join(pieces).replace(SPACE, " ")
        return joined.removesuffix(" ") if self._model.has_suffix else joined.removeprefix(" ")

    def fingerprint(self) -> str:
        decisive = (
            self._model.pieces,
            self._model.scores(),
            self._model.character_map(),
            (*self.rules, self._hub_mode),
        )
        tokens = sorted(self._added.tokens.items())
        added = [(token_id, token) for token_id, token in tokens if token.content not in ALBERT]
        return repr(decisive) + (repr(added) if added else "")

    def files(self, special: SpecialTokens) -> dict[str, bytes]:
        made = definition.from_model(self._model, self.rules, special, self._added.tokens)
        text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
        return {"spiece.model": self._model.content, "tokenizer.json": f"{text}\n".encode()}

    def _is_sought(self, token: AddedToken) -> bool:
        """Whether it is looked for in texts: SentencePiece itself finds the pieces of the user."""
        token_id = self.ids[token.content]
        if self._hub_mode or token_id >= len(self._model.pieces):
            return True
        is_control = self._model.processor.is_control(token_id)
        return is_control or token.content not in self._model.user_defined

    @cached_property
    def _corpus_segmenter(self) -> Segmenter:
        """Finds no special tokens in texts."""
        if not self._hub_mode:
            return self._segmenter
        return HubSegmenter(self._model, *self.rules, finds_control_pieces=False)

    def _parts(
        self, text: str, added: AddedTokens, segmenter: Segmenter | None = None
    ) -> Iterator[_Part]:
        segmenter = segmenter or self._segmenter
        for start, end, token_id in added.split(text):
            if token_id is not None:
                yield _Part(start, end, np.array([token_id], np.int32), None)
                continue
            begins_word = start == 0 or text[start : start + 1].isspace()
            ids = segmenter.encode_part(text[start:end], begins_word=begins_word)
            yield _Part(start, end, ids, begins_word)

    def _ids_of_parts(self, text: str) -> Ids:
        return np.concatenate([part.ids for part in self._parts(text, self._added)])

    def _words_of_parts(self, text: str) -> Ids:
        parts = self._parts(text, self._added_words, self._corpus_segmenter)
        return np.concatenate([part.ids for part in parts])

    def _spans_of_parts(self, text: str) -> Spans:
        spans: list[Spans] = []
        for start, end, ids, begins_word in self._parts(text, self._added):
            if begins_word is None:
                spans.append(np.array([[start, end]]))
            else:
                found = self._segmenter.spans(text[start:end], ids, begins_word=begins_word)
                spans.append(start + found)
        return np.concatenate(spans)

    def _begun(self, ids: Ids) -> list[bool]:
        """Whether each token begins a word, in plain text."""
        pieces = [self.pieces[token_id] for token_id in ids.tolist()]
        if self._model.has_suffix:
            begun = [True, *(piece.endswith(SPACE) for piece in pieces)]
        else:
            begun = [True, *(piece.startswith(SPACE) for piece in pieces[1:])]
        return begun[: len(pieces)]


def _visible(text: str, spans: Spans) -> Spans:
    """The spans without white space, control and format characters at their beginning."""
    if text.isprintable():
        return spans
    hidden = set(filter(_is_hidden, set(text)))
    for token, (start, end) in enumerate(spans.tolist()):
        if start < end and text[start] in hidden:
            places = range(start, end)
            spans[token, 0] = next((at for at in places if text[at] not in hidden), start)
    return spans


def _is_hidden(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf")
