"""Hub mode, compared with `tokenizers` and transformers on a folder that we save."""

import random
import unicodedata
from pathlib import Path

import pytest
import tokenizers
import transformers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.hub_segmenter import Unigram

OPTIONS = [(lower, keep) for lower in (True, False) for keep in (True, False)]


@pytest.fixture(scope="module", params=OPTIONS, ids=lambda each: f"lower={each[0]},keep={each[1]}")
def folder(
    request: pytest.FixtureRequest, spiece: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder that `save_pretrained` wrote, for each choice of options."""
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


@pytest.mark.slow
def test_every_kind_of_character_has_the_ids_of_tokenizers(
    ours: AlbertTokenizer, peer: tokenizers.Tokenizer
) -> None:
    """All characters of the first two planes, each inside a word, 500 words to a text."""
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


@given(
    scores=st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(-20, 0), min_size=1),
    word=st.text("abcx", max_size=12),
)
@example(scores={"a": -1.0, "aa": -1.5, "aaa": -2.5}, word="aaa").via("equally probable splits")
@example(scores={"a": -1.0, "aa": -1.5, "aaa": -2.5}, word="aaaa").via("equally probable splits")
@example(scores={"a": -1.0}, word="xxa").via("unknown characters")
def test_words_are_split_as_by_tokenizers(scores: dict[str, float], word: str) -> None:
    scores = {"<unk>": 0.0, **scores}
    unigram = Unigram(list(scores), list(scores.values()), unknown=0)
    expected = tokenizers.models.Unigram(list(scores.items()), 0, False).tokenize(word)
    assert unigram[word] == tuple(token.id for token in expected)
    lengths = [token.offsets[1] - token.offsets[0] for token in expected]
    assert unigram.lengths(word) == lengths


@pytest.mark.slow
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
