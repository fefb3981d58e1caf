"""The tokenizer, called as users of transformers call theirs."""

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm.tokenization.tokenizer import AlbertTokenizer


def test_one_text_gives_flat_lists(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("the model")
    model = tokenizer.convert_tokens_to_ids("▁model")
    assert list(encoded) == ["input_ids", "token_type_ids", "attention_mask"]
    assert encoded["input_ids"] == encoded.input_ids
    assert encoded.input_ids[0] == 2
    assert encoded.input_ids[-2:] == [model, 3]
    assert encoded.token_type_ids == [0] * len(encoded.input_ids)
    assert encoded.attention_mask == [1] * len(encoded.input_ids)


def test_a_pair_has_two_types(tokenizer: AlbertTokenizer) -> None:
    first, second = (tokenizer.encode(text, add_special_tokens=False) for text in ("the", "model"))
    encoded = tokenizer("the", "model")
    assert encoded.input_ids == [2, *first, 3, *second, 3]
    assert encoded.token_type_ids == [0] * (len(first) + 2) + [1] * (len(second) + 1)


def test_a_batch_of_tuples_is_a_batch_of_pairs(tokenizer: AlbertTokenizer) -> None:
    pairs = [("the river", "a"), ("", "model")]
    assert tokenizer(pairs) == tokenizer([a for a, _ in pairs], [b for _, b in pairs])
    assert tokenizer(list(map(list, pairs))) == tokenizer(np.array(pairs)) == tokenizer(pairs)


def test_an_empty_batch_is_empty(tokenizer: AlbertTokenizer) -> None:
    assert tokenizer([]).input_ids == []


def test_special_tokens_in_a_text_are_parsed(tokenizer: AlbertTokenizer) -> None:
    pieces = ["[CLS]", "▁", "a", "[MASK]", "[SEP]", "<pad>", "<unk>", "[MASK]"]
    assert tokenizer.tokenize("[CLS] a [MASK][SEP]<pad> <unk>[MASK]") == pieces
    assert tokenizer.mask_token_id not in tokenizer("[mask]").input_ids


def test_text_after_a_mask_continues_the_word(
    tokenizer: AlbertTokenizer, hub_tokenizer: AlbertTokenizer
) -> None:
    assert tokenizer.tokenize("[MASK]. [MASK] model") == ["[MASK]", ".", "[MASK]", "▁model"]
    assert hub_tokenizer.tokenize("[MASK].") == ["[MASK]", "▁", "."]


@pytest.mark.parametrize("hub_mode", [True, False])
def test_a_worker_process_gets_the_same_tokenizer(spiece: Path, hub_mode: bool) -> None:
    tokenizer = AlbertTokenizer(spiece, hub_mode=hub_mode)
    texts = ["in 1999, [MASK]. é", "the model"]
    encoded = tokenizer(texts)
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy(texts) == encoded
    assert pickle.loads(pickle.dumps(encoded)).word_ids(1) == encoded.word_ids(1)


NAMES = (
    *("add_special_tokens", "add_tokens", "additional_special_tokens", "all_special_ids"),
    *("all_special_tokens", "batch_decode", "cls_token", "cls_token_id", "convert_ids_to_tokens"),
    *("convert_tokens_to_ids", "convert_tokens_to_string", "decode", "encode", "from_pretrained"),
    *("get_added_vocab", "get_special_tokens_mask", "get_vocab", "mask_token", "mask_token_id"),
    *("model_max_length", "num_special_tokens_to_add", "pad", "pad_token", "pad_token_id"),
    *("padding_side", "save_pretrained", "sep_token", "sep_token_id", "special_tokens_map"),
    *("tokenize", "unk_token", "unk_token_id", "vocab_size"),
)
ARGUMENTS = {
    *("add_special_tokens", "is_split_into_words", "max_length", "pad_to_multiple_of", "padding"),
    *("padding_side", "return_attention_mask", "return_length", "return_offsets_mapping"),
    *("return_overflowing_tokens", "return_special_tokens_mask", "return_tensors"),
    *("return_token_type_ids", "stride", "text", "text_pair", "truncation"),
}
METHODS = (
    *("char_to_token", "char_to_word", "items", "keys", "sequence_ids", "to", "token_to_chars"),
    *("token_to_sequence", "token_to_word", "tokens", "values", "word_ids", "word_to_chars"),
    "word_to_tokens",
)


def test_users_of_transformers_find_what_they_know(
    tokenizer: AlbertTokenizer, transformers_tokenizer: transformers.PreTrainedTokenizerBase
) -> None:
    encodings = tokenizer("a"), transformers_tokenizer("a")
    for ours, theirs, names in ((tokenizer, transformers_tokenizer, NAMES), (*encodings, METHODS)):
        assert [name for name in names if not hasattr(ours, name)] == []
        # transformers 5 calls the additional ones extra
        assert [name for name in names if not hasattr(theirs, name)] in (
            [],
            ["additional_special_tokens"],
        )
    for each in (tokenizer, transformers_tokenizer):
        assert inspect.signature(type(each).__call__).parameters.keys() >= ARGUMENTS
    assert {"pad_token", "mask_token"} <= transformers_tokenizer.special_tokens_map.keys()
    shared = (
        tokenizer.special_tokens_map.items() - transformers_tokenizer.special_tokens_map.items()
    )
    assert not shared


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array, lambda texts: (t for t in texts)])
def test_any_sequence_or_iterator_of_texts_is_a_batch(
    tokenizer: AlbertTokenizer, kind: Callable[[list[str]], Any]
) -> None:
    texts = ["the model", "a"]
    assert tokenizer(kind(texts)) == tokenizer(texts)
    assert tokenizer(kind(texts), kind(texts)) == tokenizer(texts, texts)
    corpus = [ids.tolist() for ids in tokenizer.encode_corpus(kind(texts))]
    assert corpus == tokenizer(texts, add_special_tokens=False).input_ids


def test_lengths_are_integers_of_any_library(tokenizer: AlbertTokenizer) -> None:
    text = "the model " * 9
    numbers: list[Any] = [np.int64(8), np.array(8), torch.tensor(8)]
    for number in numbers:
        encoded = tokenizer(text, max_length=number, truncation=True, pad_to_multiple_of=number)
        assert len(encoded.input_ids) == 8


def test_the_checksum_depends_on_what_determines_the_ids(spiece: Path, tmp_path: Path) -> None:
    tokenizer = AlbertTokenizer(spiece)
    tokenizer.save_pretrained(tmp_path)
    definition = AlbertTokenizer(tmp_path / "tokenizer.json", model_max_length=9)
    assert definition.checksum == tokenizer.checksum
    options: tuple[dict[str, Any], ...]
    options = ({"do_lower_case": False}, {"keep_accents": True}, {"hub_mode": True})
    others = {AlbertTokenizer(spiece, **option).checksum for option in options}
    assert len(others - {tokenizer.checksum}) == 3
