"""Test after which abbreviations a sentence goes on; whole sentences are in `test_sentences`."""

import pytest

from albertlm.corpus.abbreviations import ENDS, goes_on, missed_ends
from albertlm.corpus.sentences import LANGUAGES


@pytest.mark.parametrize(
    ("before", "after", "language"),
    [
        ("Le Dr. ", "Martin", "fr"),
        ("l'art. ", "5", "fr"),
        ("(pp. ", "12", "en"),
        ("No. ", "5", "simple"),
        ("at the end.:p. ", "175", "en"),
        ("der Fa. ", "Müller", "de"),
        ("J.-J. ", "Rousseau", "vi"),
        ("the N.E.-S.", "W. side", "en"),
        ("Ｕ．", "Ｓ", "ja"),
        ("т. ", "е.", "ru"),
        ("cost 10s. ", "6d.", "en"),
        ("séc. ", "XV", "pt"),
        ("по J. ", "Chirac", "fr"),
    ],
)
def test_a_sentence_goes_on(before: str, after: str, language: str) -> None:
    assert goes_on(before, after, language)


@pytest.mark.parametrize(
    ("before", "after", "language"),
    [
        ("the end. ", "Then", "en"),
        ("the end? ", "Then", "en"),
        ("on p. ", "Then", "en"),
        ("He got an A. ", "She", "en"),
        ("cost 10s. ", "6d.", "de"),
        ("AT&T. ", "78", "pt"),
        ("of Clement V. ", "From", "en"),
        ("Nr. ", "Ivo", "de"),
        ("Он дал им. ", "Потом он", "ru"),
    ],
)
def test_a_sentence_ends(before: str, after: str, language: str) -> None:
    assert not goes_on(before, after, language)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Это было в 1812 г. Война кончилась.", ["Это было в 1812 г. "]),
        ("В 1812 г. Наполеон пришёл.", []),
        ("В 1812 г. Он пришёл.", ["В 1812 г. "]),
        ("и т. д. Всё.", ["и т. д. "]),
        ("Шириной 5 м. Это много.", ["Шириной 5 м. "]),
        ("в 1900 г. в Москве", []),
    ],
)
def test_ends_that_look_like_abbreviations(text: str, ends: list[str]) -> None:
    assert [text[:end] for end in missed_ends(text, "ru")] == ends


def test_languages_are_known() -> None:
    assert set(ENDS) <= LANGUAGES
