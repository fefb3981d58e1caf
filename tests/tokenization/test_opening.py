"""From files to encoders: what a vocabulary demands, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import WRONG, places, replaced

from albertlm import AlbertTokenizer
from albertlm.tokenization.library_encoder import LibraryEncoder
from albertlm.tokenization.opening import Options, open_encoder
from albertlm.tokenization.piece_encoder import PieceEncoder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##ing"]


def write(path: Path, pieces: list[str]) -> Path:
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("sentence", "do_lower_case", "keep_accents"),
    [
        ("the model of a town", True, False),
        ("The model of a town", False, False),
        ("the café of a town", True, True),
        ("Ωμέγα", False, True),
        ("北京 한국어", True, False),
    ],
)
def test_a_vocabulary_of_sentencepiece_is_used_as_its_pieces_demand(
    train: Any, sentence: str, do_lower_case: bool, keep_accents: bool
) -> None:
    path = train([sentence])
    encoder, _ = open_encoder(path, Options(), {}, [])
    assert encoder.rules == (do_lower_case, keep_accents)
    encoder, _ = open_encoder(path, Options(True, keep_accents=False), {}, [])
    assert encoder.rules == (True, False)


@pytest.mark.parametrize(
    ("pieces", "do_lower_case"),
    [(["the"], True), (["The"], False), (["##A"], False), (["[unused1]", "Ⅷ", "Ａ"], True)],
)
def test_word_pieces_with_capitals_are_of_cased_text(
    tmp_path: Path, pieces: list[str], do_lower_case: bool
) -> None:
    path = write(tmp_path / "vocab.txt", WORDS + pieces)
    encoder, _ = open_encoder(path, Options(), {}, [])
    assert encoder.rules == (do_lower_case, not do_lower_case)


def test_each_kind_has_its_encoder(train: Any, tmp_path: Path) -> None:
    bytes_ = train(byte_fallback=True)
    words = write(tmp_path / "vocab.txt", WORDS)
    assert isinstance(open_encoder(bytes_, Options(), {}, [])[0], PieceEncoder)
    assert isinstance(open_encoder(bytes_, Options(hub_mode=True), {}, [])[0], LibraryEncoder)
    assert isinstance(open_encoder(words, Options(), {}, [])[0], LibraryEncoder)


def test_a_vocabulary_without_special_tokens_is_refused(train: Any, tmp_path: Path) -> None:
    other = train(control_symbols=["[CLS]", "[SEP]"])
    with pytest.raises(ValueError, match=r"has no piece '\[MASK\]', so it is not an ALBERT vocab"):
        open_encoder(other, Options(), {}, [])
    with pytest.raises(ValueError, match=r"vocab.txt has no piece '\[CLS\]'"):
        open_encoder(write(tmp_path / "vocab.txt", ["[PAD]", "[UNK]", "the"]), Options(), {}, [])


def test_special_tokens_may_be_added_or_have_other_names(train: Any) -> None:
    path = train(control_symbols=["<s>", "</s>"])
    names = {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    tokenizer = AlbertTokenizer(path, special_tokens=names, added_tokens=["<mask>"])
    pieces = ["<s>", "▁model", "<mask>", "▁model", "</s>"]
    assert tokenizer("model <mask> model").tokens() == pieces
    assert tokenizer.mask_token_id == len(tokenizer) - 1


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"there is no vocabulary .*spiece.model; fetch the"
    ):
        open_encoder(tmp_path / "spiece.model", Options(), {}, [])


def test_text_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("[CLS]\n京".encode("gbk"))
    with pytest.raises(ValueError, match=r"vocab.txt is not UTF-8 \(.*\); fetch it again"):
        open_encoder(path, Options(), {}, [])


def test_cased_rules_in_a_definition_are_obeyed(spiece: Path, tmp_path: Path) -> None:
    AlbertTokenizer(spiece, do_lower_case=False, keep_accents=True).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    for hub_mode in (False, True):
        tokenizer = AlbertTokenizer(path, hub_mode=hub_mode)
        assert (tokenizer.do_lower_case, tokenizer.keep_accents) == (False, True)
    assert AlbertTokenizer(path, do_lower_case=True).do_lower_case


def test_another_normalizer_in_a_definition_is_obeyed(spiece: Path, tmp_path: Path) -> None:
    AlbertTokenizer(spiece).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    rules = json.loads(path.read_text(encoding="utf-8"))
    rules["normalizer"] = {"type": "Replace", "pattern": {"String": "town"}, "content": "model"}
    path.write_text(json.dumps(rules), encoding="utf-8")
    tokenizer = AlbertTokenizer(path)
    assert tokenizer.tokenize("the town") == ["▁", "t", "h", "e", "▁model"]
    assert not tokenizer.do_lower_case


def opens_or_names(folder: Path, hub_mode: bool = False) -> None:
    try:
        AlbertTokenizer.from_pretrained(folder, hub_mode=hub_mode)("the [MASK] ''1999,''")
    except ValueError as error:
        assert str(folder) in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("has_model", [True, False])
def test_any_value_in_a_file_is_read_or_refused_by_the_name_of_the_file(
    tiny_vocabulary: Path, tmp_path: Path, name: str, has_model: bool
) -> None:
    folder = shutil.copytree(tiny_vocabulary, tmp_path / "damaged")
    if not has_model:
        (folder / "spiece.model").unlink()
    content = json.loads((folder / name).read_text())
    for number, place in enumerate(places(content)):
        # each place has a few of the values, and each value several places
        for wrong in WRONG[number % 7 :: 7]:
            (folder / name).write_text(json.dumps(replaced(content, place, wrong)))
            opens_or_names(folder, hub_mode=bool(number % 2))
    (folder / name).write_text("[" * 200_000)
    opens_or_names(folder)


@given(place=st.floats(0, 1, exclude_max=True), new=st.binary(min_size=1, max_size=4))
def test_any_bytes_in_a_vocabulary_are_read_or_refused_by_its_name(
    tiny_vocabulary: Path, tmp_path_factory: pytest.TempPathFactory, place: float, new: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray((tiny_vocabulary / "spiece.model").read_bytes())
    start = int(place * len(content))
    content[start : start + len(new)] = new
    (folder / "spiece.model").write_bytes(content)
    opens_or_names(folder)


def test_pieces_that_are_not_utf8_are_refused(tiny_vocabulary: Path, tmp_path: Path) -> None:
    content = (tiny_vocabulary / "spiece.model").read_bytes()
    (tmp_path / "spiece.model").write_bytes(content.replace("–".encode(), b"\xe2\xe2\xe2"))
    with pytest.raises(ValueError, match=r"spiece\.model"):
        AlbertTokenizer.from_pretrained(tmp_path)
