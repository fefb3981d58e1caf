"""Conversion between pieces, ids and text, compared with sentencepiece and transformers."""

from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
import transformers
from hypothesis import assume, given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.pieces import Pieces

WORDS = st.lists(st.sampled_from(["the", "model", "1999,", "[MASK]", "☃"]), min_size=1).map(
    " ".join
)


@pytest.fixture(scope="module")
def pieces(spiece: Path) -> Pieces:
    return AlbertTokenizer(spiece)


def test_ids_and_pieces_are_those_of_sentencepiece(pieces: Pieces, spiece: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spiece))
    ids = list(range(processor.vocab_size()))
    names = [processor.id_to_piece(token_id) for token_id in ids]
    assert pieces.convert_ids_to_tokens(ids) == names
    assert pieces.convert_tokens_to_ids(names) == ids
    assert pieces.get_vocab() == dict(zip(names, ids, strict=True))
    assert len(pieces) == processor.vocab_size()


@given(text=st.text("abcdefghij .-(£"))
def test_ids_are_decoded_as_by_sentencepiece(pieces: Pieces, spiece: Path, text: str) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spiece))
    ids = processor.encode(text)
    assume(processor.unk_id() not in ids)
    assert pieces.decode(ids) == processor.decode(ids)


@given(text=WORDS, text_pair=st.none() | WORDS)
def test_the_mask_of_special_tokens_is_that_of_transformers(
    pieces: Pieces,
    hub_tokenizer: AlbertTokenizer,
    transformers_tokenizer: transformers.PreTrainedTokenizerBase,
    text: str,
    text_pair: str | None,
) -> None:
    expected = transformers_tokenizer(text, text_pair, return_special_tokens_mask=True)
    ids = hub_tokenizer.encode(text, add_special_tokens=False)
    pair_ids = None
    if text_pair is not None:
        pair_ids = hub_tokenizer.encode(text_pair, add_special_tokens=False)
    mask = pieces.get_special_tokens_mask(ids, pair_ids)
    assert mask == expected["special_tokens_mask"]
    added = pieces.num_special_tokens_to_add(pair=text_pair is not None)
    assert added == sum(expected["special_tokens_mask"])


def test_ids_of_the_special_tokens(tokenizer: AlbertTokenizer) -> None:
    ids = [tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.cls_token_id]
    assert [*ids, tokenizer.sep_token_id, tokenizer.mask_token_id] == [0, 1, 2, 3, 4]
    assert tokenizer.all_special_ids == [0, 1, 2, 3, 4]
    assert tokenizer.all_special_tokens == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    assert len(tokenizer) == tokenizer.vocab_size == 300


def test_decoding(tokenizer: AlbertTokenizer) -> None:
    ids = tokenizer("The Model,  [MASK] the cafe").input_ids
    assert tokenizer.decode(ids) == "[CLS] the model,[MASK] the cafe[SEP]"
    assert tokenizer.decode(torch.tensor(ids), skip_special_tokens=True) == "the model, the cafe"
    assert tokenizer.decode(4) == "[MASK]"
    assert tokenizer.batch_decode([ids, ids[1:-1]])[1] == "the model,[MASK] the cafe"


@pytest.mark.parametrize(
    "token_id", [4, np.int64(4), np.uint16(4), np.array(4), torch.tensor(4)], ids=repr
)
def test_an_integer_of_any_library_is_an_id(tokenizer: AlbertTokenizer, token_id: object) -> None:
    assert tokenizer.convert_ids_to_tokens(token_id) == "[MASK]"
    assert tokenizer.decode(token_id) == tokenizer.decode([token_id, token_id])[:6] == "[MASK]"
    assert tokenizer.convert_ids_to_tokens([token_id]) == ["[MASK]"]


def test_added_tokens_take_the_ids_behind_the_vocabulary(spiece: Path) -> None:
    tokenizer = AlbertTokenizer(spiece)
    assert tokenizer.add_tokens(["newword", "("]) == 1
    assert tokenizer.add_tokens("newword") == 0
    assert tokenizer.add_tokens("<ent>", special_tokens=True) == 1
    assert len(tokenizer) == tokenizer.vocab_size == 302
    assert tokenizer.convert_tokens_to_ids(["newword", "<ent>"]) == [300, 301]
    assert tokenizer.tokenize("a NEWWORD <ent> model") == ["▁", "a", "newword", "<ent>", "▁model"]
    assert tokenizer.all_special_tokens[5:] == tokenizer.additional_special_tokens == ["<ent>"]
    assert tokenizer.decode([300, 301], skip_special_tokens=True) == "newword"
    assert tokenizer.get_added_vocab().keys() >= {"newword", "<ent>", "[MASK]"}


def test_a_special_token_can_get_another_name(spiece: Path, tmp_path: Path) -> None:
    tokenizer = AlbertTokenizer(spiece)
    names = {"mask_token": "<mask>", "additional_special_tokens": ["<e1>", "<e2>"]}
    assert tokenizer.add_special_tokens(names) == 3
    assert (tokenizer.mask_token, tokenizer.mask_token_id) == ("<mask>", 300)
    assert tokenizer.special_tokens_map["mask_token"] == "<mask>"
    assert tokenizer("<mask>").input_ids == [2, 300, 3]
    tokenizer.save_pretrained(tmp_path)
    assert AlbertTokenizer.from_pretrained(tmp_path).mask_token_id == 300


def test_conversions(tokenizer: AlbertTokenizer) -> None:
    assert tokenizer.convert_tokens_to_ids("no such piece") == tokenizer.unk_token_id
    assert tokenizer.convert_ids_to_tokens(4) == "[MASK]"
    assert tokenizer.convert_ids_to_tokens(np.array([4, 13]), skip_special_tokens=True) == ["▁"]
    assert tokenizer.encode("the", "a") == tokenizer("the", "a").input_ids


def test_masks_of_special_tokens(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("a [MASK]", "the", return_special_tokens_mask=True)
    plain = [tokenizer.encode(text, add_special_tokens=False) for text in ("a [MASK]", "the")]
    assert encoded.special_tokens_mask == tokenizer.get_special_tokens_mask(plain[0], plain[1])
    already = tokenizer.get_special_tokens_mask([2, 13, 4], already_has_special_tokens=True)
    assert already == [1, 0, 1]
