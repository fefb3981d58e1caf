"""Google's normalisation, against a transcription of its definition."""

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
    for letter, start, end in zip(aligned.text, aligned.starts, aligned.ends, strict=True):
        # a final sigma is one only at the end of a word
        assert letter in (" ", "σ", "ς") or letter in normalize(text[start:end])


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
    assert (aligned.text, list(aligned.starts), list(aligned.ends)) == ("xey", [0, 1, 4], [1, 4, 5])


@pytest.mark.parametrize("keep_accents", [True, False])
def test_a_lone_surrogate_is_refused(keep_accents: bool) -> None:
    with pytest.raises(ValueError, match=r"lone surrogate \\udc00"):
        GoogleNormalizer(True, keep_accents)("a \udc00 b")
