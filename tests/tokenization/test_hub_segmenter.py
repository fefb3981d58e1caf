"""The hub mode, against `tokenizers` and transformers on the folder that the tokenizer writes."""

import random
import unicodedata
from pathlib import Path

import pytest
import tokenizers
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization import unicode_versions
from albertlm.tokenization.unigram import Unigram

OPTIONS = [(lower, keep) for lower in (True, False) for keep in (True, False)]


@pytest.fixture(scope="module", params=OPTIONS, ids=lambda each: f"lower={each[0]},keep={each[1]}")
def folder(
    request: pytest.FixtureRequest, spiece: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What `save_pretrained` writes, for each way to normalise."""
    lower, keep = request.param
    folder = tmp_path_factory.mktemp("saved")
    options = {"do_lower_case": lower, "keep_accents": keep, "hub_mode": True}
    AlbertTokenizer(spiece, **options).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> AlbertTokenizer:
    return AlbertTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def peer(folder: Path) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def transformers_peers(folder: Path) -> list[transformers.PreTrainedTokenizerBase]:
    return [
        transformers.AlbertTokenizer.from_pretrained(folder),
        transformers.AutoTokenizer.from_pretrained(folder),
    ]


@settings(deadline=None)
@given(data=st.data())
def test_any_text_has_the_ids_of_the_peers(
    ours: AlbertTokenizer,
    peer: tokenizers.Tokenizer,
    transformers_peers: list[transformers.PreTrainedTokenizerBase],
    texts: st.SearchStrategy[str],
    data: st.DataObject,
) -> None:
    text = data.draw(texts)
    ids = ours(text).input_ids
    assert ids == peer.encode(text).ids
    for each in transformers_peers:
        assert ids == each(text).input_ids
        assert ours.decode(ids) == each.decode(ids)


def test_every_kind_of_character_has_the_ids_of_tokenizers(
    ours: AlbertTokenizer, peer: tokenizers.Tokenizer
) -> None:
    """All assigned characters of the first two planes, a few hundred to a text, in words of two."""
    characters = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) != "Cs"]
    for start in range(0, len(characters), 500):
        text = " ".join(f"a{character}b" for character in characters[start : start + 500])
        assert ours(text).input_ids == peer.encode(text).ids


def test_pairs_have_the_type_ids_of_transformers(
    ours: AlbertTokenizer, transformers_peers: list[transformers.PreTrainedTokenizerBase]
) -> None:
    encoded = ours("the model", "a river")
    for each in transformers_peers:
        assert dict(each("the model", "a river")) == dict(encoded)


def test_sentencepiece_would_add_scores_up_otherwise() -> None:
    """Two ways to split that are equally probable: the first found stays."""
    unigram = Unigram(["<unk>", "a", "aa", "aaa"], [0.0, -1.0, -1.5, -2.5], 0)
    assert unigram["aaaa"] == (2, 2)
    assert unigram.segment("aaa") == [(3, 3)]
    assert unigram.segment("xxa") == [(0, 2), (1, 1)]


def test_the_tables_hold_what_tokenizers_does() -> None:
    decompose = tokenizers.normalizers.NFKD().normalize_str
    strip = tokenizers.normalizers.StripAccents().normalize_str
    lower = tokenizers.normalizers.Lowercase().normalize_str
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cs", "Co", "Cn"):
            continue
        if decompose(character) != unicodedata.normalize("NFKD", character):
            assert character in unicode_versions.NOT_DECOMPOSED
        is_mark = category.startswith("M")
        if (strip(character) == "") != is_mark:
            table = unicode_versions.NOT_MARKS if is_mark else unicode_versions.FORMER_MARKS
            assert character in table
        if lower(character) != character.lower():
            assert unicode_versions.LATER_LOWER_CASE[character] == lower(character)


def test_wikipedia_and_books_have_the_ids_of_transformers(
    original: Path, shared_data: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet

    ours = AlbertTokenizer(original, hub_mode=True)
    ours.save_pretrained(tmp_path)
    peer = transformers.AlbertTokenizer.from_pretrained(tmp_path)
    draw = random.Random(0)
    for path in sorted((shared_data / "corpus").glob("*.parquet"))[:2]:
        texts = pyarrow.parquet.read_table(path, columns=["text"])["text"][:40].to_pylist()
        lines = [line for text in texts for line in text.split("\n")]
        for line in draw.sample(lines, 400):
            assert ours(line).input_ids == peer(line, truncation=False).input_ids


def test_transformers_differs_on_a_bare_spiece_model(original: Path, tmp_path: Path) -> None:
    """Why a folder must hold `tokenizer.json`: without it symbols become tokens of their own."""
    pytest.importorskip("google.protobuf")
    (tmp_path / "spiece.model").write_bytes(original.read_bytes())
    bare = transformers.AlbertTokenizer.from_pretrained(tmp_path)
    ours = AlbertTokenizer(original, hub_mode=True)
    text = "He said (twice) that it cost £5."
    assert bare(text).input_ids != ours(text).input_ids
    assert "token_type_ids" not in bare("one", "two")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Paris is [MASK].", "▁paris ▁is [MASK] ▁ ."),
        ("born in 1999, there", "▁born ▁in ▁1999, ▁there"),
        ("``no''", '▁ " no "'),
        ("ΟΔΟΣ", "▁ <unk>"),
    ],
)
def test_examples_with_the_released_vocabulary(original: Path, text: str, pieces: str) -> None:
    assert AlbertTokenizer(original, hub_mode=True).tokenize(text) == pieces.split()
