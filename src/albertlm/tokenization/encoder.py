"""The interface of what encodes texts with a vocabulary of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from albertlm.tokenization.definition import Rules
from albertlm.tokenization.normalization import Spans
from albertlm.tokenization.segmenter import Ids, Joined
from albertlm.tokenization.special_tokens import AddedToken, SpecialTokens

WordIndices = npt.NDArray[np.int64]
"""(T,) the index of each token's word in its text."""


class Encoded(NamedTuple):
    """The ids of each text, and the spans if they were requested."""

    ids: list[Ids]
    spans: list[Spans] | None


class Encoder(Protocol):
    """Converts texts to ids, and pieces back to text."""

    @property
    def pieces(self) -> Sequence[str]:
        """All pieces by id, the added tokens included."""

    @property
    def ids(self) -> dict[str, int]:
        """The id of every piece."""

    @property
    def added_tokens(self) -> dict[int, AddedToken]:
        """The added tokens by id, the special ones of the vocabulary included."""

    @property
    def rules(self) -> Rules:
        """What becomes of capitals and accents."""

    @property
    def settings(self) -> dict[str, Any]:
        """What `tokenizer_config.json` has to say about the vocabulary."""

    def add(self, tokens: Sequence[AddedToken]) -> list[int]:
        """Find tokens in texts from now on; returns their ids, which are new for new pieces."""

    def encode(self, texts: Sequence[str], *, with_spans: bool) -> Encoded:
        """The ids of texts in which added tokens are found."""

    def encode_plain(self, texts: Sequence[str]) -> Joined:
        """The ids of texts in which special tokens are text as any other."""

    def words(self, text: str, ids: Ids) -> WordIndices:
        """The word of each token; `ids` are those of `encode`."""

    def text(self, pieces: Sequence[str]) -> str:
        """The text that the pieces stand for."""

    def fingerprint(self) -> str:
        """A text that tells apart all that give other ids."""

    def files(self, special: SpecialTokens) -> dict[str, bytes]:
        """The content of the files that hold the vocabulary, by name."""
