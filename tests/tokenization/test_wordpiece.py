"""`vocab.txt`, and BERT's rules in a `tokenizer.json`, compared with transformers."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from albertlm.tokenization import wordpiece

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##s"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_line_is_a_piece(tmp_path: Path, end: str) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes((end.join([*PIECES, "", "a\u2028b", " "])).encode())
    assert wordpiece.read(path) == [*PIECES, "", "a\u2028b", " "]


def test_a_piece_may_stand_there_twice() -> None:
    rules = wordpiece.define([*PIECES, "the"], "[UNK]", True, None, True)
    assert rules["model"]["vocab"]["the"] == len(PIECES)
    assert wordpiece.write(rules).decode().split("\n")[5:] == ["", "##s", "the", ""]


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("keep", [True, False, None])
@pytest.mark.parametrize("chinese", [True, False])
def test_the_definition_is_that_of_transformers(
    tmp_path: Path, lower: bool, keep: bool | None, chinese: bool
) -> None:
    rules = wordpiece.define(PIECES, "[UNK]", lower, keep, chinese)
    (tmp_path / "vocab.txt").write_bytes(wordpiece.write(rules))
    peer = transformers.BertTokenizer.from_pretrained(
        tmp_path,
        do_lower_case=lower,
        strip_accents=None if keep is None else not keep,
        tokenize_chinese_chars=chinese,
    )
    expected = json.loads(peer.backend_tokenizer.to_str())
    for name in ("normalizer", "pre_tokenizer", "decoder", "model"):
        assert rules[name] == expected[name]
    assert wordpiece.is_bert(expected)


def change(rules: dict[str, Any], part: str, **values: Any) -> dict[str, Any]:
    return {**rules, part: {**rules[part], **values}}


def test_other_rules_are_not_berts() -> None:
    rules = wordpiece.define(PIECES, "[UNK]", True, None, True)
    assert wordpiece.is_bert(rules)
    assert not wordpiece.is_bert(change(rules, "normalizer", clean_text=False))
    assert not wordpiece.is_bert(change(rules, "normalizer", type="NFC"))
    assert not wordpiece.is_bert(change(rules, "model", continuing_subword_prefix="@@"))
    assert not wordpiece.is_bert(change(rules, "model", max_input_chars_per_word=9))
    assert not wordpiece.is_bert({**rules, "pre_tokenizer": {"type": "Whitespace"}})
    assert not wordpiece.is_bert({**rules, "normalizer": None})


def test_options_change_the_definition() -> None:
    rules = wordpiece.define(PIECES, "[UNK]", True, None, True)
    assert wordpiece.change(rules, {}) == rules
    options = {"do_lower_case": False, "keep_accents": True, "tokenize_chinese_chars": False}
    changed = wordpiece.change(rules, options)
    assert changed == wordpiece.define(PIECES, "[UNK]", False, True, False)
    assert wordpiece.settings(changed) == {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": False,
        "strip_accents": False,
        "tokenize_chinese_chars": False,
    }


def test_pieces_in_the_spelling_of_sentencepiece() -> None:
    pieces = [*PIECES, "中", "##中", "##", "#", ".", "2", "été", "가", ""]
    assert wordpiece.spell(pieces, PIECES[:5]) == [
        *(*PIECES[:5], "▁the", "s"),
        *("中", "中", "##", "#", ".", "▁2", "▁été", "▁가", ""),
    ]
    # others are as they should be
    for others in (["▁the", "s", "##"], ["the", "##"]):
        assert wordpiece.spell(others, []) == others
