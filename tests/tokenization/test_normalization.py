"""Google's normalisation, compared with a transcription of its definition."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tokenization.normalization import GoogleNormalizer


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("keep_accents", [True, False])
@given(data=st.data())
def test_equals_the_definition(
    texts: st.SearchStrategy[str],
    googles_normalisation: Callable[[str, bool, bool], str],
    lower: bool,
    keep_accents: bool,
    data: st.DataObject,
) -> None:
    text = data.draw(texts)
    expected = googles_normalisation(text, lower, keep_accents)
    assert GoogleNormalizer(lower, keep_accents)(text) == expected


@pytest.mark.parametrize("keep_accents", [True, False])
@given(data=st.data())
def test_alignment_gives_the_same_text_and_where_it_comes_from(
    texts: st.SearchStrategy[str], keep_accents: bool, data: st.DataObject
) -> None:
    text = data.draw(texts)
    normalize = GoogleNormalizer(True, keep_accents)
    aligned = normalize.align(text)
    assert aligned.text == normalize(text)
    assert list(aligned.starts) == sorted(aligned.starts)
    for letter, start, end in zip(aligned.text, aligned.starts[:-1], aligned.ends[1:], strict=True):
        # whether a sigma is final depends on the characters around it
        assert letter in (" ", "σ", "ς") or letter in normalize(text[start:end])


@given(data=st.data())
def test_composed_text_is_aligned(texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    text = data.draw(texts | st.text("aIi\u0301\u0307\u0323éİ가각\u1100\u1161\u11a8 ", max_size=8))
    normalize = GoogleNormalizer(True, keep_accents=True, compose=True)
    decomposed = GoogleNormalizer(True, keep_accents=True)(text)
    aligned = normalize.align(text)
    assert aligned.text == normalize(text) == unicodedata.normalize("NFC", decomposed)
    assert len(aligned.starts) == len(aligned.ends) == len(aligned.text) + 1
    assert aligned.starts.tolist() == sorted(aligned.starts)
    assert aligned.ends.tolist() == sorted(aligned.ends)
    assert aligned.starts[-1] <= len(text)


@given(data=st.data())
def test_places_are_kept_where_each_character_stays_one(
    texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    text = data.draw(texts)
    normalize = GoogleNormalizer()
    if normalize.keeps_places(text):
        assert [normalize(letter) or " " for letter in text if letter != "Σ"] == [
            letter
            for letter, original in zip(normalize(text), text, strict=True)
            if original != "Σ"
        ]


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("  A\u00a0B\n\tC ", "a b c"),
        ("Crème Brûlée", "creme brulee"),
        ("ﬁne ① ½ ㎏", "fine 1 1⁄2 kg"),
        ("ΟΔΟΣ", "οδος"),
        ("``quoted''", "``quoted''"),
        ("", ""),
    ],
)
def test_examples(text: str, normalized: str) -> None:
    assert GoogleNormalizer()(text) == normalized


def test_marks_belong_to_their_letter() -> None:
    aligned = GoogleNormalizer().align("xe\u0301\u0323y")
    assert aligned.text == "xey"
    assert aligned.starts.tolist() == [0, 1, 4, 5]
    assert aligned.ends.tolist() == [0, 1, 4, 5]


@pytest.mark.parametrize("keep_accents", [True, False])
def test_a_lone_surrogate_is_rejected(keep_accents: bool) -> None:
    with pytest.raises(ValueError, match=r"lone surrogate \\udc00"):
        GoogleNormalizer(True, keep_accents)("a \udc00 b")
