"""Folders in the hub's format, compared with what transformers reads and writes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from albertlm import AlbertTokenizer
from albertlm.tokenization import hub_format


def test_transformers_reads_the_options(spiece: Path, tmp_path: Path) -> None:
    AlbertTokenizer(spiece, model_max_length=77).save_pretrained(tmp_path)
    peer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert type(peer) is transformers.AlbertTokenizer
    assert peer.model_max_length == 77
    assert peer.model_input_names == ["input_ids", "token_type_ids", "attention_mask"]
    assert [peer.cls_token, peer.sep_token, peer.mask_token] == ["[CLS]", "[SEP]", "[MASK]"]
    assert [peer.pad_token, peer.unk_token] == ["<pad>", "<unk>"]
    assert [peer.bos_token, peer.eos_token] == ["[CLS]", "[SEP]"]


def test_options_survive_a_round_trip_through_transformers(spiece: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"do_lower_case": False, "keep_accents": True, "hub_mode": True}
    AlbertTokenizer(spiece, **options, model_max_length=77).save_pretrained(tmp_path / "ours")
    peer = transformers.AlbertTokenizer.from_pretrained(tmp_path / "ours")
    peer.save_pretrained(tmp_path / "theirs")
    loaded = AlbertTokenizer.from_pretrained(tmp_path / "theirs")
    assert {name: getattr(loaded, name) for name in options} == options
    assert loaded.model_max_length == 77


@pytest.mark.parametrize(
    ("files", "tokenizer_class", "chosen"),
    [
        (["spiece.model"], "AlbertTokenizer", "spiece.model"),
        (["vocab.txt"], "BertTokenizerFast", "vocab.txt"),
        (["vocab.txt"], None, "vocab.txt"),
        (["vocab.txt"], "AlbertTokenizer", "vocab.txt"),
        (["spiece.model", "vocab.txt"], None, "spiece.model"),
        (["spiece.model", "vocab.txt"], "AlbertTokenizerFast", "spiece.model"),
        (["spiece.model", "vocab.txt"], "BertTokenizer", "vocab.txt"),
        ([], None, "spiece.model"),
        ([], "BertTokenizer", "vocab.txt"),
    ],
)
@pytest.mark.parametrize("name", ["tokenizer_config.json", "config.json"])
def test_the_class_says_which_vocabulary_counts(
    tmp_path: Path, files: list[str], tokenizer_class: str | None, chosen: str, name: str
) -> None:
    for file in files:
        (tmp_path / file).touch()
    (tmp_path / name).write_text(json.dumps({"tokenizer_class": tokenizer_class}))
    assert hub_format.vocabulary_file(tmp_path) == tmp_path / chosen


@pytest.mark.parametrize(
    "tokenizer_class", ["BertJapaneseTokenizer", "XLMRobertaTokenizer", "DebertaV2TokenizerFast"]
)
def test_a_class_whose_rules_are_in_no_file_is_refused(
    spiece: Path, tmp_path: Path, tokenizer_class: str
) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    (tmp_path / "vocab.txt").touch()
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": tokenizer_class})
    )
    name = tokenizer_class.removesuffix("Fast")
    with pytest.raises(ValueError, match=f"of the class {name}, whose rules are in no file; only"):
        AlbertTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("options", [{}, {"hub_mode": False}, {"hub_mode": True}], ids=str)
def test_a_spiece_model_is_preferred_to_the_definition_made_from_it(
    spiece: Path, tmp_path: Path, options: dict[str, bool]
) -> None:
    AlbertTokenizer(spiece).save_pretrained(tmp_path)
    assert hub_format.read_folder(tmp_path, options).vocabulary == tmp_path / "spiece.model"
    (tmp_path / "spiece.model").unlink()
    assert hub_format.vocabulary_file(tmp_path) == tmp_path / "tokenizer.json"


def test_scores_that_transformers_lowered_count_in_hub_mode(spiece: Path, tmp_path: Path) -> None:
    """Transformers 4 made pieces such as `1999,` unlikely, which is its form of Google's rule."""
    AlbertTokenizer(spiece).save_pretrained(tmp_path)
    change_definition(
        tmp_path,
        lambda rules: [
            entry.__setitem__(1, entry[1] - 100)
            for entry in rules["model"]["vocab"]
            if entry[0][-1] == "," and entry[0][-2:-1].isdigit()
        ],
    )
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path, hub_mode=True)
    peer = transformers.AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer("in 1999, 12,").input_ids == peer("in 1999, 12,").input_ids
    assert "▁1999," not in tokenizer.tokenize("in 1999,")


def change_definition(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "tokenizer.json"
    rules = json.loads(path.read_text(encoding="utf-8"))
    change(rules)
    path.write_text(json.dumps(rules), encoding="utf-8")


def test_another_vocabulary_in_the_same_folder_is_refused(spiece: Path, tmp_path: Path) -> None:
    AlbertTokenizer(spiece).save_pretrained(tmp_path)
    change_definition(tmp_path, lambda rules: rules["model"]["vocab"].reverse())
    with pytest.raises(ValueError, match=r"spiece.model has other pieces than .*tokenizer.json"):
        AlbertTokenizer.from_pretrained(tmp_path)


def test_other_special_tokens_around_texts_are_refused(spiece: Path, tmp_path: Path) -> None:
    AlbertTokenizer(spiece).save_pretrained(tmp_path)
    change_definition(tmp_path, lambda rules: rules["post_processor"]["single"].pop())
    for hub_mode in (False, True):
        with pytest.raises(ValueError, match=r"does not put \[CLS\] before a text"):
            AlbertTokenizer.from_pretrained(tmp_path, hub_mode=hub_mode)


def test_the_rules_in_a_definition_count(spiece: Path, tmp_path: Path) -> None:
    AlbertTokenizer(spiece, do_lower_case=False, keep_accents=True).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").unlink()
    for hub_mode in (False, True):
        tokenizer = AlbertTokenizer.from_pretrained(tmp_path, hub_mode=hub_mode)
        assert (tokenizer.do_lower_case, tokenizer.keep_accents) == (False, True)
    config["do_lower_case"] = True
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match=r"=True in tokenizer_config.json and False in to"):
        assert not AlbertTokenizer.from_pretrained(tmp_path).do_lower_case
    assert AlbertTokenizer.from_pretrained(tmp_path, do_lower_case=True).do_lower_case


@pytest.mark.parametrize("hub_mode", [True, False])
def test_tokens_that_transformers_added_are_parsed(
    spiece: Path, tmp_path: Path, hub_mode: bool
) -> None:
    AlbertTokenizer(spiece, hub_mode=hub_mode).save_pretrained(tmp_path / "ours")
    peer = transformers.AlbertTokenizer.from_pretrained(tmp_path / "ours")
    peer.add_tokens(["newword", "[E1]"])
    peer.add_special_tokens({"extra_special_tokens": ["<ent>"]})
    peer.save_pretrained(tmp_path / "theirs")
    (tmp_path / "both").mkdir()
    for folder in ("ours", "theirs"):
        for file in (tmp_path / folder).iterdir():
            (tmp_path / "both" / file.name).write_bytes(file.read_bytes())
    text = "the NewWord model[E1] <ent> a"
    for folder in ("theirs", "both"):
        tokenizer = AlbertTokenizer.from_pretrained(tmp_path / folder)
        assert len(tokenizer) == 303
        assert {"newword", "[E1]", "<ent>"} <= set(tokenizer.tokenize(text))
        assert tokenizer.additional_special_tokens == ["<ent>"]
        if hub_mode:
            assert tokenizer(text).input_ids == peer(text).input_ids


@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens.json": {"<ent>": 300, "newword": 301}},
        {
            "added_tokens.json": {"newword": 301, "<ent>": 300},
            "special_tokens_map.json": {"additional_special_tokens": ["<ent>"]},
        },
        {
            "tokenizer_config.json": {
                "added_tokens_decoder": {
                    "301": {"content": "newword", "special": False},
                    "300": {"content": "<ent>", "special": True, "normalized": False},
                }
            }
        },
        {"tokenizer_config.json": {"additional_special_tokens": ["<ent>", {"content": "newword"}]}},
        {"special_tokens_map.json": {"extra_special_tokens": {"a": "<ent>", "b": "newword"}}},
    ],
    ids=str,
)
def test_added_tokens_are_read_from_every_file(
    spiece: Path, tmp_path: Path, files: dict[str, object]
) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.convert_tokens_to_ids(["<ent>", "newword"]) == [300, 301]
    assert tokenizer.tokenize("a <ent> newword") == ["▁", "a", "<ent>", "newword"]
    assert ("<ent>" in tokenizer.all_special_tokens) == ("special" in str(files))


def test_an_added_token_with_another_id_is_refused(spiece: Path, tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    (tmp_path / "added_tokens.json").write_text('{"newword": 305}')
    with pytest.raises(ValueError, match=r"the added token 'newword' cannot have the id 305 that"):
        AlbertTokenizer.from_pretrained(tmp_path)


def test_symbols_that_transformers_made_added_tokens_stay_pieces(
    spiece: Path, tmp_path: Path
) -> None:
    """It does so for a bare `spiece.model`, and the ids are others than SentencePiece's then."""
    tokenizer = AlbertTokenizer(spiece)
    tokenizer.save_pretrained(tmp_path)
    symbols = ["(", ")", "-", "."]
    added = [
        {"id": tokenizer.convert_tokens_to_ids(each), "content": each, "special": True}
        for each in symbols
    ]
    change_definition(tmp_path, lambda rules: rules["added_tokens"].extend(added))
    text = "a (model) in-town."
    loaded = AlbertTokenizer.from_pretrained(tmp_path)
    assert loaded(text).input_ids == tokenizer(text).input_ids
    assert "(" in loaded.decode(loaded(text).input_ids, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("config", "model_config", "limit"),
    [
        ({}, {}, 512),
        ({"model_max_length": 128}, {}, 128),
        ({"model_max_length": None}, {}, 512),
        ({"model_max_length": int(1e30)}, {}, 512),
        ({"model_max_length": 512}, {"max_position_embeddings": 64}, 64),
        ({"model_max_length": 32}, {"max_position_embeddings": 64}, 32),
        ({"model_max_length": int(1e30)}, {"max_position_embeddings": 64}, 64),
        ({}, {"max_position_embeddings": 1024}, 1024),
    ],
    ids=str,
)
def test_a_text_may_be_as_long_as_the_model_has_positions(
    spiece: Path,
    tmp_path: Path,
    config: dict[str, object],
    model_config: dict[str, object],
    limit: int,
) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "config.json").write_text(json.dumps(model_config))
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.model_max_length == limit
    assert len(tokenizer("a " * 2000, truncation=True).input_ids) == limit
    assert AlbertTokenizer.from_pretrained(tmp_path, model_max_length=9).model_max_length == 9


def test_a_tokenizer_that_is_saved_beside_a_model_has_its_limit(
    tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 128}')
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["model_max_length"] == 128
    assert tokenizer.model_max_length == 512


@pytest.mark.parametrize("hub_mode", [True, False])
def test_options_survive_saving(spiece: Path, tmp_path: Path, hub_mode: bool) -> None:
    saved = AlbertTokenizer(
        spiece,
        do_lower_case=False,
        keep_accents=True,
        hub_mode=hub_mode,
        model_max_length=77,
        padding_side="left",
    )
    saved.save_pretrained(tmp_path / "new")
    loaded = AlbertTokenizer.from_pretrained(tmp_path / "new")
    text = "É in 1999, ``[MASK].''"
    assert loaded(text) == saved(text)
    assert (loaded.hub_mode, loaded.model_max_length) == (hub_mode, 77)
    assert loaded.padding_side == "left"
    assert AlbertTokenizer.from_pretrained(tmp_path / "new", do_lower_case=True).do_lower_case
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "spiece.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_folder_without_our_options_is_not_in_hub_mode(spiece: Path, tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    no_limit = '{"model_max_length": 1000000000000000019884624838656, "do_lower_case": false}'
    (tmp_path / "tokenizer_config.json").write_text(no_limit)
    loaded = AlbertTokenizer.from_pretrained(tmp_path)
    assert (loaded.hub_mode, loaded.do_lower_case, loaded.model_max_length) == (False, False, 512)
    assert AlbertTokenizer.from_pretrained(spiece).do_lower_case


def test_transformers_differs_on_a_bare_spiece_model(original: Path, tmp_path: Path) -> None:
    """This is why a folder needs `tokenizer.json`: without it, symbols become added tokens."""
    pytest.importorskip("google.protobuf")
    (tmp_path / "spiece.model").write_bytes(original.read_bytes())
    bare = transformers.AlbertTokenizer.from_pretrained(tmp_path)
    ours = AlbertTokenizer(original, hub_mode=True)
    text = "He said (twice) that it cost £5."
    assert bare(text).input_ids != ours(text).input_ids
    assert "token_type_ids" not in bare("one", "two")


@pytest.mark.parametrize("content", ["{", "[1]", "\x80"])
def test_a_broken_configuration(spiece: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    (tmp_path / "tokenizer_config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"tokenizer_config.json is not .*fetch or write it again"):
        AlbertTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("place", ["30k-clean.model", "assets/30k-clean.model"])
def test_google_s_vocabulary(tmp_path: Path, tiny_vocabulary: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    shutil.copy(tiny_vocabulary / "spiece.model", tmp_path / place)
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.checksum == AlbertTokenizer(tmp_path / place).checksum


def test_the_vocabulary_of_keras_hub(written_elsewhere: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(written_elsewhere / "keras_hub_classifier")
    assert (tokenizer.vocab_size, tokenizer.model_max_length) == (20, 16)
    assert tokenizer.decode(tokenizer("the cat sat")["input_ids"]) == "[CLS] the cat sat[SEP]"
