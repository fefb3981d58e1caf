"""The words of a card: what is read from a card.toml, and what is refused."""

from pathlib import Path

import pytest

from albertlm.reporting.card_words import FILE, SECTIONS, begin_words, read_words


def test_a_card_is_begun_with_its_licence(tmp_path: Path) -> None:
    folder = tmp_path / 'a "model"'
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match="state the licence of the model"):
        read_words(folder)
    begin_words(folder, "apache-2.0")
    words = read_words(folder)
    assert (words.title, words.license) == ('a "model"', "apache-2.0")
    assert all(name in (folder / FILE).read_text(encoding="utf-8") for name in SECTIONS)
    with pytest.raises(FileExistsError, match="never changed"):
        begin_words(folder, "mit")


def test_all_fields(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        """
        license = "mit"
        language = ["en", "de"]
        base_model = "albert/albert-base-v2"
        widget = ["A [MASK]."]
        [metadata]
        license_link = "LICENSE"
        [text]
        description = "Words."
        """
    )
    words = read_words(tmp_path)
    assert words.title == tmp_path.name
    assert words.language == ("en", "de")
    assert words.metadata == {"license_link": "LICENSE"}
    assert words.text == {"description": "Words."}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('title = "x"', "states no licence, which is never guessed"),
        ('license = ""', "states no licence"),
        ('license = "mit"\ntitle = " "', "title=' ' is not allowed"),
        ('license = "mit"\n[text]\ndescripton = "x"', "did you mean 'description'"),
        ('license = "mit"\nlanguages = ["en"]', "did you mean 'language'"),
        ('license = "mit"\nlanguage = "en"', "language='en' is not allowed"),
        ("license = mit", "is not valid TOML"),
    ],
)
def test_words_that_are_wrong(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=told) as raised:
        read_words(tmp_path)
    assert str(tmp_path / FILE) in str(raised.value)
    assert "\n" not in str(raised.value)
