"""The tokenizer: text to token ids and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from albertlm.tokenization.google import GoogleSegmenter


class AlbertTokenizer:
    def __init__(
        self,
        vocab_file: str | Path,
        *,
        do_lower_case: bool = True,
        keep_accents: bool = False,
        hub_mode: bool = False,
        model_max_length: int = 512,
    ) -> None:
        self.vocab_file = Path(vocab_file)
        self.do_lower_case = do_lower_case
        self.keep_accents = keep_accents
        self.hub_mode = hub_mode
        self.model_max_length = model_max_length
        self._segmenter = GoogleSegmenter(self.vocab_file.read_bytes(), do_lower_case, keep_accents)
        self._pieces = self._segmenter.pieces
        self._ids = {piece: token_id for token_id, piece in enumerate(self._pieces)}

    vocab_size = property(lambda self: len(self._pieces))
    pad_token_id = property(lambda self: self._ids["<pad>"])
    unk_token_id = property(lambda self: self._ids["<unk>"])
    cls_token_id = property(lambda self: self._ids["[CLS]"])
    sep_token_id = property(lambda self: self._ids["[SEP]"])
    mask_token_id = property(lambda self: self._ids["[MASK]"])

    @property
    def all_special_ids(self) -> list[int]:
        return [0, 1, 2, 3, 4]

    @property
    def word_starts(self) -> npt.NDArray[np.bool_]:
        return np.array([p.startswith("▁") or i < 5 for i, p in enumerate(self._pieces)])

    def encode_corpus(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
        return self._segmenter.encode(texts)
