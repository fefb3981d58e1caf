"""Calls of the tokenizer as a user of transformers makes them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from albertlm import AlbertTokenizer


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


def test_an_empty_batch_is_empty(tokenizer: AlbertTokenizer) -> None:
    assert tokenizer([]).input_ids == []


@pytest.mark.parametrize(("kind", "array"), [("pt", torch.Tensor), ("np", np.ndarray)])
def test_tensors_have_a_batch_dimension(
    tokenizer: AlbertTokenizer, kind: str, array: type[object]
) -> None:
    single = tokenizer("the model", return_tensors=kind)  # type: ignore[arg-type]
    batch = tokenizer(["the", "a model"], padding=True, return_tensors=kind)  # type: ignore[arg-type]
    assert all(isinstance(value, array) for value in {**single, **batch}.values())
    assert single.input_ids.tolist() == [tokenizer("the model").input_ids]
    assert batch.input_ids.shape == batch.token_type_ids.shape == batch.attention_mask.shape
    assert str(batch.input_ids.dtype).endswith("int64")


def test_tensors_move_to_a_device(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("the model", return_tensors="pt").to("meta")
    assert {value.device.type for value in encoded.values()} == {"meta"}


def test_special_tokens_in_a_text_are_those_tokens(tokenizer: AlbertTokenizer) -> None:
    pieces = ["[CLS]", "▁", "a", "[MASK]", "[SEP]", "<pad>", "<unk>", "[MASK]"]
    assert tokenizer.tokenize("[CLS] a [MASK][SEP]<pad> <unk>[MASK]") == pieces
    assert tokenizer.mask_token_id not in tokenizer("[mask]").input_ids


def test_what_follows_a_mask_goes_on_with_the_word(
    tokenizer: AlbertTokenizer, hub_tokenizer: AlbertTokenizer
) -> None:
    assert tokenizer.tokenize("[MASK]. [MASK] model") == ["[MASK]", ".", "[MASK]", "▁model"]
    assert hub_tokenizer.tokenize("[MASK].") == ["[MASK]", "▁", "."]


def test_ids_of_the_special_tokens(tokenizer: AlbertTokenizer) -> None:
    ids = [tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.cls_token_id]
    assert [*ids, tokenizer.sep_token_id, tokenizer.mask_token_id] == [0, 1, 2, 3, 4]
    assert tokenizer.all_special_ids == [0, 1, 2, 3, 4]
    assert tokenizer.all_special_tokens == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    assert len(tokenizer) == tokenizer.vocab_size == 300


def test_word_starts(tokenizer: AlbertTokenizer) -> None:
    expected = [
        piece.startswith("▁") or piece in ("<pad>", "[CLS]", "[SEP]", "[MASK]")
        for piece in tokenizer.get_vocab()
    ]
    assert tokenizer.word_starts.dtype == bool
    assert tokenizer.word_starts.tolist() == expected


def test_words_and_sequences(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer(["modeling model", "a"], ["a cafe", "the"], padding=True)
    words, sequences = encoded.word_ids(0), encoded.sequence_ids(0)
    pieces = tokenizer.convert_ids_to_tokens(encoded.input_ids[0])
    first_of_pair = pieces.index("[SEP]") + 1
    starts = [index for index, piece in enumerate(pieces) if piece.startswith("▁")]
    assert [words[index] for index in starts] == [0, 1, 0, 1]
    assert words[0] is words[-1] is sequences[0] is None
    assert sequences[first_of_pair:-1] == [1] * (len(pieces) - first_of_pair - 1)
    assert len(encoded.word_ids(1)) == len(encoded.input_ids[1])
    with pytest.raises(ValueError, match="there is no row 2; the encoding has 2"):
        encoded.word_ids(2)


def test_decoding(tokenizer: AlbertTokenizer) -> None:
    ids = tokenizer("The Model,  [MASK] the cafe").input_ids
    assert tokenizer.decode(ids) == "[CLS] the model,[MASK] the cafe[SEP]"
    assert tokenizer.decode(torch.tensor(ids), skip_special_tokens=True) == "the model, the cafe"
    assert tokenizer.decode(4) == "[MASK]"
    assert tokenizer.batch_decode([ids, ids[1:-1]])[1] == "the model,[MASK] the cafe"


def test_conversions(tokenizer: AlbertTokenizer) -> None:
    assert tokenizer.convert_tokens_to_ids("no such piece") == tokenizer.unk_token_id
    assert tokenizer.convert_ids_to_tokens(4) == "[MASK]"
    assert tokenizer.convert_ids_to_tokens(np.array([4, 13]), skip_special_tokens=True) == ["▁"]
    assert tokenizer.encode("the", "a") == tokenizer("the", "a").input_ids


def test_masks_of_special_tokens(tokenizer: AlbertTokenizer) -> None:
    encoded = tokenizer("a [MASK]", "the", return_special_tokens_mask=True)
    plain = [tokenizer.encode(text, add_special_tokens=False) for text in ("a [MASK]", "the")]
    assert encoded.special_tokens_mask == tokenizer.get_special_tokens_mask(*plain)
    already = tokenizer.get_special_tokens_mask([2, 13, 4], already_has_special_tokens=True)
    assert already == [1, 0, 1]


def test_rows_are_padded_by_a_collator(tokenizer: AlbertTokenizer) -> None:
    texts = ["the", "a longer model"]
    collated = tokenizer.pad([tokenizer(text) for text in texts], return_tensors="pt")
    together = tokenizer(texts, padding=True, return_tensors="pt")
    assert all(torch.equal(collated[name], together[name]) for name in together)
    assert tokenizer.pad(tokenizer(texts))["input_ids"] == together.input_ids.tolist()
    assert tokenizer.pad(together)["input_ids"] == together.input_ids.tolist()
    single = tokenizer.pad(tokenizer("the"), padding="max_length", max_length=9)
    assert [len(row) for row in single["input_ids"]] == [9]


@pytest.mark.parametrize("hub_mode", [True, False])
def test_options_survive_saving(spiece: Path, tmp_path: Path, hub_mode: bool) -> None:
    saved = AlbertTokenizer(
        spiece, do_lower_case=False, keep_accents=True, hub_mode=hub_mode, model_max_length=77
    )
    saved.save_pretrained(tmp_path / "new")
    loaded = AlbertTokenizer.from_pretrained(tmp_path / "new")
    text = "É in 1999, ``[MASK].''"
    assert loaded(text) == saved(text)
    assert (loaded.hub_mode, loaded.model_max_length) == (hub_mode, 77)
    assert AlbertTokenizer.from_pretrained(tmp_path / "new", do_lower_case=True).do_lower_case
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "spiece.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_folder_of_the_hub_without_options_gets_googles_way(spiece: Path, tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    no_limit = '{"model_max_length": 1000000000000000019884624838656, "do_lower_case": false}'
    (tmp_path / "tokenizer_config.json").write_text(no_limit)
    loaded = AlbertTokenizer.from_pretrained(tmp_path)
    assert (loaded.hub_mode, loaded.do_lower_case, loaded.model_max_length) == (False, False, 512)
    assert AlbertTokenizer.from_pretrained(spiece).do_lower_case


@pytest.mark.parametrize("hub_mode", [True, False])
def test_a_worker_process_gets_the_same_tokenizer(spiece: Path, hub_mode: bool) -> None:
    tokenizer = AlbertTokenizer(spiece, hub_mode=hub_mode)
    texts = ["in 1999, [MASK]. é", "the model"]
    encoded = tokenizer(texts)
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy(texts) == encoded
    assert pickle.loads(pickle.dumps(encoded)).word_ids(1) == encoded.word_ids(1)


def test_the_checksum_tells_what_decides_about_ids(spiece: Path, tmp_path: Path) -> None:
    tokenizer = AlbertTokenizer(spiece)
    tokenizer.save_pretrained(tmp_path)
    definition = AlbertTokenizer(tmp_path / "tokenizer.json", model_max_length=9)
    assert definition.checksum == tokenizer.checksum
    options = ({"do_lower_case": False}, {"keep_accents": True}, {"hub_mode": True})
    others = {AlbertTokenizer(spiece, **option).checksum for option in options}
    assert len(others - {tokenizer.checksum}) == 3
