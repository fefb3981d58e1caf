"""The hub's normalisation, compared with the normalizers of `tokenizers`."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tokenization import hub_normalization
from albertlm.tokenization.hub_normalization import HubNormalizer
from albertlm.tokenization.model_file import read_model

WORD = re.compile(r"[\S\x1c-\x1f]+")
r"""Characters that are not `White_Space` in Unicode; Python's `\s` adds four control characters."""


class Normalizers(NamedTuple):
    """Our normalizer, and the peer that it must agree with."""

    ours: HubNormalizer
    theirs: Callable[[str], str]


@pytest.fixture(scope="module", params=["", "lower", "accents", "lower accents"])
def normalizers(request: pytest.FixtureRequest, spiece: Path) -> Normalizers:
    """The peer consists of the steps in the released `tokenizer.json`."""
    lower, accents = "lower" in request.param, "accents" in request.param
    model = read_model(spiece)
    peers = tokenizers.normalizers
    steps: list[tokenizers.normalizers.Normalizer] = [
        peers.Replace("``", '"'),
        peers.Replace("''", '"'),
        *([] if accents else [peers.NFKD(), peers.StripAccents()]),
        *([peers.Lowercase()] if lower else []),
        peers.Precompiled(model.character_map()),
    ]
    ours = HubNormalizer(model.content, lower, accents)
    return Normalizers(ours, peers.Sequence(steps).normalize_str)


@given(data=st.data())
def test_any_text_has_the_same_words_as_in_tokenizers(
    normalizers: Normalizers, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    text = data.draw(texts)
    words = [word for word in normalizers.ours(text).split(" ") if word]
    assert words == WORD.findall(normalizers.theirs(text))


@given(data=st.data())
def test_alignment_gives_the_same_text_and_where_it_comes_from(
    normalizers: Normalizers, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    text = data.draw(texts)
    aligned = normalizers.ours.align(text)
    assert aligned.text == normalizers.ours(text)
    assert aligned.starts.tolist() == sorted(aligned.starts)
    for character, start, end in zip(
        aligned.text, aligned.starts[:-1], aligned.ends[1:], strict=True
    ):
        assert character in normalizers.ours(text[start:end])


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("``Crème''", '"creme"'),
        ("`Brûlée`", "`brulee`"),
        ("a\u00a0 \tb", "a   b"),
        ("ΟΔΟΣ", "οδοσ"),
        ("ﬁne ½", "fine 1⁄2"),
        ("", ""),
    ],
)
def test_examples(spiece: Path, text: str, normalized: str) -> None:
    normalize = HubNormalizer(spiece.read_bytes(), do_lower_case=True, keep_accents=False)
    assert normalize(text) == normalized


def test_a_lone_surrogate_is_rejected(spiece: Path) -> None:
    normalize = HubNormalizer(spiece.read_bytes(), do_lower_case=True, keep_accents=False)
    with pytest.raises(ValueError, match=r"lone surrogate \\udc00"):
        normalize("a \udc00 b")


def test_the_tables_contain_all_differences_from_tokenizers() -> None:
    decompose = tokenizers.normalizers.NFKD().normalize_str
    strip = tokenizers.normalizers.StripAccents().normalize_str
    lower = tokenizers.normalizers.Lowercase().normalize_str
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cs", "Co", "Cn"):
            continue
        if decompose(character) != unicodedata.normalize("NFKD", character):
            assert character in hub_normalization.NOT_DECOMPOSED
        is_mark = category.startswith("M")
        if (strip(character) == "") != is_mark:
            table = hub_normalization.NOT_MARKS if is_mark else hub_normalization.FORMER_MARKS
            assert character in table
        if lower(character) != character.lower():
            assert hub_normalization.LATER_LOWER_CASE[character] == lower(character)
