"""Test that each kind of document that is not worth training on is left out with a reason."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from albertlm.corpus import filters
from albertlm.corpus.cleaning import clean, without_headings
from albertlm.corpus.filters import Filters, languages, letters_share, repeated_share

DECLARATION = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with "
    "reason and conscience and should act towards one another in a spirit of brotherhood. "
    "Everyone is entitled to all the rights and freedoms set forth in this Declaration.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft "
    "und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen. Jeder hat "
    "Anspruch auf die in dieser Erklärung verkündeten Rechte und Freiheiten ohne Unterschied.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués "
    "de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité. Chacun peut se prévaloir de tous les droits proclamés dans la présente.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены "
    "разумом и совестью и должны поступать в отношении друг друга в духе братства. Каждый человек "
    "должен обладать всеми правами и всеми свободами, провозглашенными настоящей Декларацией.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और "
    "अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए। सभी को इस घोषणा में "
    "सन्निहित सभी अधिकारों और आज़ादियों को प्राप्त करने का हक़ है।",
}


@pytest.mark.parametrize("language", DECLARATION)
def test_a_language_passes_its_own_filter_alone(language: str) -> None:
    for name, text in DECLARATION.items():
        reason = Filters(language=language).reason(text)
        assert reason == (None if name == language else "another language")
        assert Filters(language=None).reason(text) is None


def test_an_uncertain_language_drops_nothing() -> None:
    names = "Kuleshov Kornilov Moskva Shirakawa Hassan Bilbo Cepheus Porphyry Anastasius " * 3
    assert Filters().reason(names) is None
    assert Filters(language_confidence=0).reason(names) == "another language"


def test_a_preface_in_another_language_drops_nothing() -> None:
    preface, book = DECLARATION["en"] * 4, DECLARATION["de"] * 12
    german = Filters(language="de", max_repeated=1)
    assert german.reason(preface + book) is None
    assert german.reason(preface + book[: len(preface) // 4]) == "another language"
    assert german.reason(preface) == "another language"
    assert german.reason(book + preface) is None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "呢個係香港嘅嘢，佢哋唔知點解咁多人喺度。你哋去咗邊度呀？我哋都唔知佢喺邊。" * 8),
        (
            "no",
            "Alle menneske er fødde til fridom og med same menneskeverd og rettar. Dei har " * 4,
        ),
        (
            "hr",
            "Сва људска бића рађају се слободна и једнака у достојанству и правима. Она су " * 4,
        ),
    ],
)
def test_a_variety_is_not_another_language(language: str, text: str) -> None:
    assert Filters(language=language, min_characters=0, max_repeated=1).reason(text) is None
    assert filters._identifier().classify(text)[0] != language


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "too short"),
        ("It may refer to:", "too short"),
        ("1,024 2,048 (2010) 4,096 8,192 = 16,384 or so " * 10, "few letters"),
        (f"{DECLARATION['en']}\n" * 2, "repeated lines"),
        (f"{DECLARATION['en']}\n\n\n\n\n", None),
    ],
)
def test_reasons(text: str, reason: str | None) -> None:
    assert Filters().reason(text) == reason


def test_letters_are_counted_in_every_script() -> None:
    assert letters_share("abc, (12) é") == 4 / 9
    assert letters_share("") == letters_share("\n 1 — ") == 0
    for text in DECLARATION.values():
        assert letters_share(text) > 0.95


def test_repeated_lines_are_weighed_by_their_characters() -> None:
    assert repeated_share("abcd\nab\nab") == 2 / 10
    assert repeated_share("\n\n\n") == repeated_share("") == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"language": "xx"}, "'xx' cannot be identified; accept any"),
        ({"language": "english"}, "cannot be identified"),
        ({"language": "zxx"}, "cannot be identified"),
        ({"min_letters": 1.5}, "min_letters is 1.5; it must be between 0 and 1"),
        ({"max_repeated": float("nan")}, "max_repeated is nan"),
        ({"language_confidence": -0.1}, "language_confidence is -0.1"),
        ({"min_characters": -1}, "min_characters is -1"),
    ],
)
def test_bad_limits(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Filters(**changes)  # type: ignore[arg-type]


def test_languages() -> None:
    assert {"en", "de", "zh", "sw"} <= {*languages()}


@pytest.mark.slow
def test_english_articles_are_not_taken_for_another_language(shared_data: Path) -> None:
    table = pq.read_table(shared_data / "corpus" / "wikipedia-en-2015-00002-of-00004.parquet")
    english = Filters()
    rows = table.select(["title", "text"]).slice(0, 1000).to_pylist()
    reasons = [english.reason(clean(without_headings(row["text"], row["title"]))) for row in rows]
    assert "another language" not in reasons
    assert reasons.count(None) > 800
