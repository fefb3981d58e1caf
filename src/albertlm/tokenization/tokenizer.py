"""The tokenizer: text to token ids and back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from albertlm import hub
from albertlm.tokenization import hub_format, inputs
from albertlm.tokenization.encoding import BatchEncoding, EncodedTexts, Rows
from albertlm.tokenization.google_segmenter import GoogleSegmenter
from albertlm.tokenization.hub_segmenter import HubSegmenter
from albertlm.tokenization.model_file import SPECIAL_PIECES, read_model
from albertlm.tokenization.padding import Columns, Padding, pad_columns, to_tensors
from albertlm.tokenization.pieces import Pieces
from albertlm.tokenization.segmenter import Ids, Joined, Segmenter, Spans
from albertlm.tokenization.truncation import Truncation, windows

_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL_PIECES)))

Texts = str | Sequence[str] | Sequence[tuple[str, str]]
TensorKind = Literal["pt", "np"]


class AlbertTokenizer(Pieces):
    """Text to ALBERT's token ids and back, called as the tokenizers of transformers are.

    By default a text is treated as Google treated what the weights were trained on. The hub mode
    gives the ids that transformers gives for the same text instead; the two differ in numbers
    before a comma, in pairs of single quotes, and behind `[MASK]`.

    Args:
        vocab_file: a `spiece.model`, or a `tokenizer.json`.
        do_lower_case: lower-case the text.
        keep_accents: keep the combining marks.
        hub_mode: the ids that transformers gives.
        model_max_length: tokens that fit into the model, when a call names no `max_length`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no ALBERT vocabulary, or an option is out of its range.

    Source: tokenization.py of the released code; the released `tokenizer.json` for the hub mode.
    """

    def __init__(
        self,
        vocab_file: str | Path,
        *,
        do_lower_case: bool = True,
        keep_accents: bool = False,
        hub_mode: bool = False,
        model_max_length: int = 512,
    ) -> None:
        inputs.require_flags(
            do_lower_case=do_lower_case, keep_accents=keep_accents, hub_mode=hub_mode
        )
        inputs.require_count("model_max_length", model_max_length, least=1)
        self.vocab_file = Path(vocab_file)
        self.do_lower_case = do_lower_case
        self.keep_accents = keep_accents
        self.hub_mode = hub_mode
        self.model_max_length = model_max_length
        model = read_model(vocab_file)
        super().__init__(model)
        segmenter = HubSegmenter if hub_mode else GoogleSegmenter
        self._segmenter: Segmenter = segmenter(model, do_lower_case, keep_accents)
        self._padding_values = {
            "input_ids": self.pad_token_id,
            "token_type_ids": 0,
            "attention_mask": 0,
            "special_tokens_mask": 1,
            "offset_mapping": (0, 0),
        }

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | None = None,
        **options: Any,
    ) -> Self:
        """The tokenizer of a model, with the options in its `tokenizer_config.json`.

        Args:
            name: a folder, a hub id, or the path of a `spiece.model` or `tokenizer.json`.
            revision: as in `hub.resolve`, and so are `cache_dir`, `local_files_only` and `token`.
            cache_dir: the hub's cache.
            local_files_only: only look in the cache.
            token: for private models.
            **options: the class's own options; they go before those in the file.
        """
        inputs.require_known(options, hub_format.OPTIONS)
        if str(name).endswith((".model", ".json")):
            return cls(name, **options)
        folder = hub.resolve(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            part="tokenizer",
        )
        options = hub_format.read_options(folder) | options
        return cls(hub_format.vocabulary_file(folder), **options)

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of all that decides about ids: the vocabulary and the options.

        It is the same for a `spiece.model` and the `tokenizer.json` made from it.
        """
        options = self.do_lower_case, self.keep_accents, self.hub_mode
        decisive = self._model.pieces, self._model.scores(), self._model.character_map(), options
        return hashlib.sha256(repr(decisive).encode()).hexdigest()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `spiece.model`, `tokenizer.json` and `tokenizer_config.json` into a folder.

        transformers and `tokenizers` load the folder to the ids of the hub mode.
        """
        options = {name: getattr(self, name) for name in hub_format.OPTIONS}
        hub_format.write_tokenizer(Path(folder), self._model, options)

    def __call__(
        self,
        text: Texts,
        text_pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | Padding = False,
        truncation: bool | Truncation | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        return_tensors: TensorKind | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
    ) -> BatchEncoding:
        """The model's inputs for a text, a pair of texts, or a batch of either.

        `[MASK]`, `[CLS]`, `[SEP]`, `<pad>` and `<unk>` in a text are those tokens.

        Args:
            text: a text, texts, or pairs as a list of tuples.
            text_pair: the second text of each pair.
            add_special_tokens: put `[CLS]` and `[SEP]` around.
            padding: `longest` (or True), `max_length`, or `do_not_pad` (or False).
            truncation: `longest_first` (or True), `only_first`, `only_second`, or
                `do_not_truncate` (or False); by default only if `max_length` is all that is given.
            max_length: tokens; `model_max_length` by default.
            stride: tokens that a window has in common with the one before.
            pad_to_multiple_of: round the padded length up.
            return_tensors: `pt` for torch tensors, `np` for arrays, or lists.
            return_overflowing_tokens: also give the windows into what did not fit, as more rows;
                `overflow_to_sample_mapping` says which text each row is from.
            return_special_tokens_mask: 1 where a token was added.
            return_offsets_mapping: each token's characters in the text, as `(start, end)`.
            return_length: the number of tokens in each row.

        Returns:
            `input_ids`, `token_type_ids`, `attention_mask` and what was asked for. One text gives
            flat lists; several, or tensors, or windows give rows.

        Raises:
            ValueError: an argument is not allowed; the message says what is.
        """
        columns, is_batch = inputs.as_columns(text, text_pair)
        pads = inputs.padding_strategy(padding, pad_to_multiple_of)
        if truncation is None:
            truncation = max_length is not None and pads == "do_not_pad"
        cuts = inputs.truncation_strategy(truncation)
        if cuts == "only_second" and len(columns) == 1:
            raise ValueError("truncation='only_second' needs a text_pair; use 'only_first'")
        inputs.require_count("stride", stride, least=0)
        inputs.require_tensor_kind(return_tensors)
        added = self.num_special_tokens_to_add(pair=len(columns) == 2) * add_special_tokens
        length = self.model_max_length if max_length is None else max_length
        inputs.require_count("max_length", length, least=added + len(columns))

        encoded = [self._encode(column, return_offsets_mapping) for column in columns]
        rows = Rows(encoded, add_special_tokens, [], [])
        for sample, texts in enumerate(zip(*(each.ids for each in encoded), strict=True)):
            kept = windows(cuts, length - added, stride, [len(ids) for ids in texts])
            for window in kept if return_overflowing_tokens else kept[:1]:
                rows.samples.append(sample)
                rows.windows.append(window)

        data = self._columns(rows, return_special_tokens_mask, return_offsets_mapping)
        pad_columns(data, self._padding_values, pads, length, pad_to_multiple_of)
        lengths = [len(row) for row in data["input_ids"]]
        if return_length:
            data["length"] = lengths
        if return_overflowing_tokens:
            data["overflow_to_sample_mapping"] = rows.samples
        if return_tensors:
            data = to_tensors(data, return_tensors)
        elif not is_batch and not return_overflowing_tokens:
            data = {name: row if name == "length" else row[0] for name, row in data.items()}
        return BatchEncoding(data, rows, lengths, self.word_starts)

    def encode_corpus(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text; no token is added, and none is parsed: `[MASK]` is plain text.

        Returns:
            For each text an array of shape (T,); copy it before you write to it.
        """
        return self.encode_joined(texts).rows()

    def encode_joined(self, texts: Sequence[str]) -> Joined:
        """As `encode_corpus`, but the ids of all texts one after the other, and their numbers.

        Returns:
            `ids` (T,) and for each text in `lengths` how many of them are its own.
        """
        if isinstance(texts, str):
            raise ValueError("texts is one string; give a list of strings")
        inputs.require_strings(texts)
        return self._segmenter.encode(texts)

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, without `[CLS]` and `[SEP]`; `<unk>` stands for what has none."""
        ids = self.encode(text, add_special_tokens=False)
        pieces: list[str] = self.convert_ids_to_tokens(ids)
        return pieces

    def encode(self, text: str, text_pair: str | None = None, **options: Any) -> list[int]:
        """The `input_ids` of a text or a pair; the options are those of a call."""
        ids: list[int] = self(text, text_pair, **options)["input_ids"]
        return ids

    def pad(
        self,
        encodings: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        padding: bool | Padding = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_tensors: TensorKind | None = None,
    ) -> dict[str, Any]:
        """Rows that were encoded one by one, padded to one length; for a data loader.

        Args:
            encodings: what calls returned, each for one text, or one mapping of lists of rows.
            padding: as in a call, and so are the others.
            max_length: tokens, for `padding='max_length'`.
            pad_to_multiple_of: round the padded length up.
            return_tensors: `pt`, `np`, or lists.
        """
        pads = inputs.padding_strategy(padding, pad_to_multiple_of)
        inputs.require_tensor_kind(return_tensors)
        length = self.model_max_length if max_length is None else max_length
        inputs.require_count("max_length", length, least=1)
        data = inputs.as_rows(encodings)
        data.setdefault("attention_mask", [[1] * len(row) for row in data["input_ids"]])
        pad_columns(data, self._padding_values, pads, length, pad_to_multiple_of)
        return to_tensors(data, return_tensors) if return_tensors else data

    def _columns(self, rows: Rows, with_mask: bool, with_spans: bool) -> Columns:
        data: Columns = {"input_ids": [], "token_type_ids": [], "attention_mask": []}
        if with_mask:
            data["special_tokens_mask"] = [row.special_mask() for row in rows]
        if with_spans:
            data["offset_mapping"] = [row.spans() for row in rows]
        for row in rows:
            ids = row.ids(self.cls_token_id, self.sep_token_id)
            data["input_ids"].append(ids)
            data["token_type_ids"].append(row.type_ids())
            data["attention_mask"].append([1] * len(ids))
        return data

    def _encode(self, texts: list[str], with_spans: bool) -> EncodedTexts:
        # a character is found far faster than a pattern
        plain = [not ("[" in text or "<" in text) or not _SPECIAL.search(text) for text in texts]
        plain_texts = [text for text, is_plain in zip(texts, plain, strict=True) if is_plain]
        plain_ids = iter(self._segmenter.encode(plain_texts).rows())
        encoded = EncodedTexts([], [])
        for text, is_plain in zip(texts, plain, strict=True):
            if is_plain:
                ids = next(plain_ids)
                spans = self._segmenter.spans(text, ids, begins_word=True) if with_spans else None
            else:
                ids, spans = self._encode_parts(text, with_spans)
            encoded.ids.append(ids)
            if spans is not None:
                encoded.spans.append(spans)
        return encoded

    def _encode_parts(self, text: str, with_spans: bool) -> tuple[Ids, Spans | None]:
        """The ids of a text in which special tokens stand, and the spans if they are wanted."""
        ids: list[Ids] = []
        spans: list[Spans] = []
        end = 0
        for special in [*_SPECIAL.finditer(text), None]:
            start, end = end, special.start() if special else len(text)
            part = text[start:end]
            begins_word = start == 0 or part[:1].isspace()
            part_ids = self._segmenter.encode_part(part, begins_word=begins_word)
            ids.append(part_ids)
            if with_spans:
                part_spans = self._segmenter.spans(part, part_ids, begins_word=begins_word)
                spans.append(start + part_spans)
            if special:
                ids.append(np.array([self._ids[special[0]]], np.int32))
                spans.append(np.array([special.span()]))
                end = special.end()
        return np.concatenate(ids), np.concatenate(spans) if with_spans else None
