"""The tokenizer, which converts text to token ids and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, SupportsIndex

from albertlm import hub
from albertlm.tokenization import checks, hub_format
from albertlm.tokenization.batch_encoding import BatchEncoding, EncodedTexts, RowLayout, Rows
from albertlm.tokenization.encoding import (
    Columns,
    Padding,
    Pads,
    Side,
    TensorKind,
    Truncation,
    pad_columns,
    to_tensors,
    windows,
)
from albertlm.tokenization.opening import VOCABULARY_SUFFIXES, Options, open_encoder
from albertlm.tokenization.pieces import Pieces
from albertlm.tokenization.segmenter import Ids, Joined
from albertlm.tokenization.special_tokens import AddedToken

Texts = str | Iterable[str] | Iterable[Sequence[str]]


class AlbertTokenizer(Pieces):
    """Converts text to ALBERT's token ids and back, like the tokenizers of transformers.

    By default, text is processed as Google processed the training data. In hub mode, the ids are
    those of transformers instead; the two differ in numbers before a comma, in pairs of single
    quotes, and after `[MASK]`. A vocabulary of another kind than ALBERT's has rules of its own,
    which transformers obeys too: WordPiece, or whatever a `tokenizer.json` says. For these, the
    package `tokenizers` must be installed.

    Args:
        vocab_file: a `spiece.model`, a `tokenizer.json`, or a `vocab.txt` of WordPiece.
        do_lower_case: lower-case the text; by default, unless the vocabulary is of cased text.
        keep_accents: keep the combining marks; by default, only if the vocabulary has some.
        hub_mode: return the ids that transformers returns.
        tokenize_chinese_chars: in a `vocab.txt`, whether each Chinese character is a word, as it
            is by default.
        model_max_length: the default for the `max_length` of a call.
        padding_side: `right` or `left`, the default of a call.
        special_tokens: names of special tokens that are not those of ALBERT or BERT, by
            `cls_token` and so on.
        added_tokens: tokens that are found in texts before anything else; see `add_tokens`.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: the vocabulary needs `tokenizers`.
        ValueError: the file is not an ALBERT vocabulary, or an option is out of range.

    Source: tokenization.py of the released code; the released `tokenizer.json` for the hub mode.
    """

    def __init__(
        self,
        vocab_file: str | Path,
        *,
        do_lower_case: bool | None = None,
        keep_accents: bool | None = None,
        hub_mode: bool = False,
        tokenize_chinese_chars: bool | None = None,
        model_max_length: SupportsIndex = 512,
        padding_side: Side = "right",
        special_tokens: Mapping[str, str] | None = None,
        added_tokens: Iterable[Any] = (),
    ) -> None:
        options = Options(do_lower_case, keep_accents, hub_mode, tokenize_chinese_chars)
        checks.require_flags(hub_mode=hub_mode)
        checks.require_flags(
            **{name: value for name, value in options._asdict().items() if value is not None}
        )
        self.vocab_file = Path(vocab_file)
        self.hub_mode = hub_mode
        self.model_max_length = checks.require_count("model_max_length", model_max_length, least=1)
        self.padding_side = checks.require_side(padding_side)
        added = [AddedToken.read(token) for token in added_tokens]
        super().__init__(*open_encoder(self.vocab_file, options, special_tokens or {}, added))
        self.do_lower_case, self.keep_accents = self._encoder.rules

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | None = None,
        subfolder: str = "",
        **options: Any,
    ) -> Self:
        """The tokenizer of a model, with the options in its `tokenizer_config.json`.

        It is limited to the positions of the model, if the folder has a `config.json`.

        Args:
            name: a folder, a hub id, or the path of a vocabulary.
            revision: a branch, a tag or a commit; see `hub.resolve`.
            cache_dir: the hub's cache.
            local_files_only: look only in the cache.
            token: an access token, for private models.
            subfolder: the folder of the tokenizer within that of `name`.
            **options: options of the class, which override those in the file.
        """
        checks.require_known(options, hub_format.TOKENIZER_OPTIONS)
        if str(name).endswith(VOCABULARY_SUFFIXES):
            return cls(name, **options)
        folder = hub.resolve(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            subfolder=subfolder,
            part="tokenizer",
        )
        found = hub_format.read_folder(folder, options)
        tokenizer = cls(found.vocabulary, **found.options)
        found.check(tokenizer.pieces)
        return tokenizer

    @property
    def checksum(self) -> str:
        """The SHA-256 of everything that determines the ids: the vocabulary and the options.

        It is the same for a `spiece.model` and the `tokenizer.json` made from it.
        """
        return hashlib.sha256(self._encoder.fingerprint().encode()).hexdigest()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the vocabulary, its `tokenizer.json` and `tokenizer_config.json` into a folder.

        From this folder, transformers and `tokenizers` produce the ids of hub mode. Save the model
        first: its number of positions is then written as a limit.

        Raises:
            ValueError: no `tokenizer.json` can say what SentencePiece does with this vocabulary.
        """
        settings = {
            **self._encoder.settings,
            "model_max_length": self.model_max_length,
            "padding_side": self.padding_side,
        }
        files = self._encoder.files(self._special)
        hub_format.write_tokenizer(Path(folder), files, settings, self._special)

    def __call__(
        self,
        text: Texts,
        text_pair: Texts | None = None,
        *,
        is_split_into_words: bool = False,
        add_special_tokens: bool = True,
        padding: bool | Padding = False,
        truncation: bool | Truncation | None = None,
        max_length: SupportsIndex | None = None,
        stride: SupportsIndex = 0,
        pad_to_multiple_of: SupportsIndex | None = None,
        padding_side: Side | None = None,
        return_tensors: TensorKind | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
    ) -> BatchEncoding:
        """The model's inputs for a text, a pair of texts, or a batch of either.

        `[MASK]`, `[CLS]`, `[SEP]`, `<pad>` and `<unk>` in a text become special tokens.

        Args:
            text: a text, texts in any sequence or iterator, or pairs of texts.
            text_pair: the second text of each pair.
            is_split_into_words: a text is a list of words, and spans are within the words.
            add_special_tokens: add `[CLS]` and `[SEP]`.
            padding: `longest` (or True), `max_length`, or `do_not_pad` (or False).
            truncation: `longest_first` (or True), `only_first`, `only_second`, or
                `do_not_truncate` (or False); by default `longest_first` if `max_length` is given
                without padding, and `do_not_truncate` otherwise.
            max_length: the maximum number of tokens; `model_max_length` by default.
            stride: the number of tokens that consecutive windows share.
            pad_to_multiple_of: round the padded length up to a multiple of this.
            padding_side: `right` or `left`; that of the tokenizer by default.
            return_tensors: `pt` for torch tensors, `tf` for TensorFlow's, or `np` for arrays;
                lists by default.
            return_token_type_ids: return `token_type_ids`, as by default.
            return_attention_mask: return `attention_mask`, as by default.
            return_overflowing_tokens: return further windows as additional rows if a text does not
                fit; `overflow_to_sample_mapping` contains the index of each row's text.
            return_special_tokens_mask: return a mask that is 1 for added tokens.
            return_offsets_mapping: return the `(start, end)` of each token in the text.
            return_length: return the number of tokens in each row.

        Returns:
            `input_ids`, `token_type_ids`, `attention_mask` and what was requested. The values for
            a single text are flat lists; those for a batch, tensors and windows have rows.

        Raises:
            ValueError: an argument is not allowed; the message says what is allowed.
        """
        columns, is_batch = checks.as_columns(text, text_pair, is_split_into_words)
        strategy = checks.padding_strategy(padding)
        if truncation is None:
            truncation = max_length is not None and strategy == "do_not_pad"
        cuts = checks.truncation_strategy(truncation)
        if cuts == "only_second" and len(columns) == 1:
            raise ValueError("truncation='only_second' needs a text_pair; use 'only_first'")
        stride = checks.require_count("stride", stride, least=0)
        checks.require_tensor_kind(return_tensors)
        added = self.num_special_tokens_to_add(pair=len(columns) == 2) * add_special_tokens
        pads = self._pads(
            padding, max_length, pad_to_multiple_of, padding_side, least=added + len(columns)
        )

        encoded = [
            EncodedTexts(self._encoder, column, with_spans=return_offsets_mapping)
            for column in columns
        ]
        rows = Rows(encoded, add_special_tokens, [], [])
        for sample, texts in enumerate(zip(*(each.ids for each in encoded), strict=True)):
            kept = windows(cuts, pads.max_length - added, stride, [len(ids) for ids in texts])
            for window in kept if return_overflowing_tokens else kept[:1]:
                rows.samples.append(sample)
                rows.windows.append(window)

        data = self._columns(rows, return_special_tokens_mask, return_offsets_mapping)
        pad_columns(data, self._padding_values, pads)
        lengths = [len(row) for row in data["input_ids"]]
        if return_token_type_ids is False:
            del data["token_type_ids"]
        if return_attention_mask is False:
            del data["attention_mask"]
        if return_length:
            data["length"] = lengths
        if return_overflowing_tokens:
            data["overflow_to_sample_mapping"] = rows.samples
        if return_tensors:
            data = to_tensors(data, return_tensors)
        elif not is_batch and not return_overflowing_tokens:
            data = {name: row if name == "length" else row[0] for name, row in data.items()}
        return BatchEncoding(data, RowLayout(rows, lengths, pads.side, self._special))

    def encode_corpus(self, texts: Iterable[str]) -> list[Ids]:
        """The ids of each text, without special tokens; `[MASK]` in a text is plain text.

        Returns:
            An array of shape (T,) for each text; copy it before you write to it.
        """
        return self.encode_joined(texts).rows()

    def encode_joined(self, texts: Iterable[str]) -> Joined:
        """The same ids as `encode_corpus` returns, in one array.

        Returns:
            `ids` (T,) of all texts, and in `lengths` (B,) the number of ids of each text.
        """
        return self._encoder.encode_plain(checks.as_texts("texts", texts))

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, without `[CLS]` and `[SEP]`; unknown characters become `<unk>`."""
        ids = self.encode(text, add_special_tokens=False)
        pieces: list[str] = self.convert_ids_to_tokens(ids)
        return pieces

    def encode(self, text: Any, text_pair: Any = None, **options: Any) -> list[int]:
        """The `input_ids` of a text or a pair; the options are those of a call."""
        ids: list[int] = self(text, text_pair, **options)["input_ids"]
        return ids

    def pad(
        self,
        encodings: Mapping[str, Any] | Iterable[Mapping[str, Any]],
        *,
        padding: bool | Padding = True,
        max_length: SupportsIndex | None = None,
        pad_to_multiple_of: SupportsIndex | None = None,
        padding_side: Side | None = None,
        return_tensors: TensorKind | None = None,
        return_attention_mask: bool | None = None,
    ) -> BatchEncoding:
        """Pad texts that were encoded one by one to the same length, as for a data loader.

        `labels` that are one per token are padded with -100, which losses leave out.

        Args:
            encodings: what calls returned for one text each, or one mapping of lists of rows.
            padding: as in a call.
            max_length: the number of tokens for `padding='max_length'`.
            pad_to_multiple_of: round the padded length up to a multiple of this.
            padding_side: `right` or `left`; that of the tokenizer by default.
            return_tensors: `pt` for torch tensors, `tf` for TensorFlow's, or `np` for arrays;
                lists by default.
            return_attention_mask: return `attention_mask`, as by default.

        Returns:
            The rows by name.
        """
        checks.require_tensor_kind(return_tensors)
        pads = self._pads(padding, max_length, pad_to_multiple_of, padding_side, least=1)
        data = checks.as_rows(encodings)
        if return_attention_mask is False:
            data.pop("attention_mask", None)
        else:
            data.setdefault("attention_mask", [[1] * len(row) for row in data["input_ids"]])
        pad_columns(data, self._padding_values, pads)
        return BatchEncoding(to_tensors(data, return_tensors) if return_tensors else data)

    def _pads(
        self, padding: object, max_length: object, multiple_of: object, side: object, *, least: int
    ) -> Pads:
        return Pads(
            checks.padding_strategy(padding),
            checks.require_count(
                "max_length", self.model_max_length if max_length is None else max_length, least
            ),
            None
            if multiple_of is None
            else checks.require_count("pad_to_multiple_of", multiple_of, least=1),
            checks.require_side(self.padding_side if side is None else side),
        )

    @property
    def _padding_values(self) -> dict[str, Any]:
        return {
            "input_ids": self.pad_token_id,
            "token_type_ids": 0,
            "attention_mask": 0,
            "special_tokens_mask": 1,
            "offset_mapping": (0, 0),
            "labels": -100,
        }

    def _columns(self, rows: Rows, with_mask: bool, with_spans: bool) -> Columns:
        data: Columns = {"input_ids": [], "token_type_ids": [], "attention_mask": []}
        if with_mask:
            data["special_tokens_mask"] = []
        if with_spans:
            data["offset_mapping"] = []
        for row in rows:
            ids = row.ids(self.cls_token_id, self.sep_token_id)
            data["input_ids"].append(ids)
            data["token_type_ids"].append(row.type_ids())
            data["attention_mask"].append([1] * len(ids))
            if with_mask:
                data["special_tokens_mask"].append(row.special_mask())
            if with_spans:
                data["offset_mapping"].append(row.spans())
        return data
