"""Test what is removed of the work of volunteers, and that the book itself stays."""

import pytest

from albertlm.corpus.formats.transcription import tidy

BODY = [f"This is paragraph number {number} of the book itself." for number in range(400)]


def test_credits_pictures_and_pages() -> None:
    paragraphs = [
        "Produced by John Doe and the Online Distributed Proofreading Team",
        "E-text prepared by John Doe",
        "This etext was prepared by John Doe",
        "Transcriber's Note: spelling was kept.",
        "[Illustration: a house]It was _very_ dark; snake_case_names stay.[Pg 12]",
        "Prepared for the worst, he went.",
        *["Filler."] * 4,
        "Produced by a famous house, the wine was good.",
    ]
    assert tidy(paragraphs) == [
        "It was very dark; snake_case_names stay.",
        "Prepared for the worst, he went.",
        *["Filler."] * 4,
        "Produced by a famous house, the wine was good.",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ["Produced by A and the Online", "Distributed Proofreading Team at http://www.pgdp.net"],
        ["E-text prepared by A", "Note: Project Gutenberg also has an HTML version of this file",
         "Images of the original pages are available through Internet Archive. See",
         "https://archive.org/details/x"],
        ["(This file was produced from images generously made available by Google Books)"],
    ],
)  # fmt: skip
def test_credits_of_several_lines_and_paragraphs(lines: list[str]) -> None:
    assert tidy([*lines, *BODY]) == BODY


@pytest.mark.parametrize(
    "note",
    [
        ["Transcriber's Note", "Spelling and punctuation were kept."],
        ["Au lecteur", "Cette version électronique reproduit dans son intégralité l'original.",
         "L'orthographe a été conservée."],
        ["NOTE DU TRANSCRIPTEUR"],
        ["Nota del Trascrittore", "Ortografia e punteggiatura originali sono state mantenute."],
        ["Anmerkungen zur Transkription", "Die Schreibweise wurde beibehalten."],
        ["Opmerkingen van de bewerker", "De spelling is behouden."],
        ["Nota del transcriptor:", "Se ha respetado la ortografía original."],
        ["Notas do transcritor"],
    ],
)  # fmt: skip
def test_notes_in_other_languages(note: list[str]) -> None:
    assert tidy([*note, *BODY]) == BODY
    assert tidy([*BODY, *note, "quelques «mots»", "p. 12: so, not thus"]) == BODY


def test_an_author_may_address_the_reader() -> None:
    paragraphs = ["Au lecteur", "C'est ici un livre de bonne foi, lecteur.", *BODY]
    assert tidy(paragraphs) == paragraphs


@pytest.mark.parametrize(
    "mark",
    [
        "[Illustrazione]", "[Ilustración]", "[Ilustração: casa]", "[Abbildung: Haus]", "[Kuva]",
        "[Illustratie]", "[Εικόνα]", "[Illustration: a house [1] and a\ngarden]", "[Bild]",
        "[Footnote 1: See\nabove.]", "[Sidenote: Of foxes]", "[Transcriber's Note: so\nprinted]",
        "[ Anmerkungen zur Transkription: alles\nwie gedruckt ]", "[Pg 12]", "{23}",
    ],
)  # fmt: skip
def test_additions_in_brackets(mark: str) -> None:
    tidied = " ".join(tidy(f"It was dark {mark} and cold.".split("\n")))
    assert " ".join(tidied.split()) == "It was dark and cold."


def test_what_others_write_in_brackets_stays() -> None:
    assert tidy(["He [the fox] was [sic] there [... and", "not here]."]) == [
        "He [the fox] was [sic] there [... and",
        "not here].",
    ]


def test_footnotes_go_with_their_marks() -> None:
    paragraphs = [
        "The man[1], said he [2] and[A] she.",
        "[1] A note.",
        "[A] Another.",
        "[7] No note.",
    ]
    assert tidy(paragraphs) == ["The man, said he and she.", "[7] No note."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=The Title.= of a =b= c", "The Title. of a b c"),
        ("M^{r} Smith, the 2^{nd} man, M^rs", "Mr Smith, the 2nd man, Mrs"),
        ("H_{2}O and C{IE}", "H2O and CIE"),
        ("a ~spaced~ word, _hello and day._", "a spaced word, hello and day."),
        ("a = b, c = d; x=y=z; ~ 5 ~ 6", "a = b, c = d; x=y=z; ~ 5 ~ 6"),
    ],
)
def test_marks_of_type(text: str, expected: str) -> None:
    assert tidy([text]) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "[illustration " * 20_000, "[illustration" + "]" * 200_000, "_a " * 70_000, "[1]" * 70_000,
        "=a " * 70_000, "~a" * 70_000, "Produced " + "by" * 100_000, "{" * 200_000, "^{" * 100_000,
        "[" * 200_000 + "]" * 200_000, "[pg 1 " * 50_000 + "]" * 50_000,
    ],
)  # fmt: skip
def test_patterns_are_linear(line: str) -> None:
    # a quadratic pattern would take minutes
    tidy([line])
