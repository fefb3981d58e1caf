"""Test what is known about wikis in different languages."""

import pytest

from albertlm.corpus.wikitext.numbers import NumberFormat
from albertlm.corpus.wikitext.wikis import ENGLISH, Wiki


@pytest.mark.parametrize(
    ("target", "hidden"),
    [
        ("File:a.jpg", True),
        ("CATEGORY : a", True),
        ("media:a.ogg", True),
        ("de:Seite", True),
        ("Help:Contents", False),
        (":File:a.jpg", False),
        ("Bild:a.jpg", False),
        ("File", False),
        ("", False),
    ],
)
def test_which_links_show_nothing(target: str, hidden: bool) -> None:
    assert ENGLISH.hides(target) == hidden


@pytest.mark.parametrize(
    ("language", "prefixes"),
    [
        ("de", "Datei Bild Kategorie Image"),
        ("zh", "文件 檔案 档案 图像 圖像 图片 分类 分類 媒体"),
        ("zh-Hant", "文件 檔案 分類"),
        ("ja", "ファイル 画像 カテゴリ"),
        ("ltg", "Fails Attēls Kategoreja Kategorija"),  # also Latvian names
        ("sr", "Датотека Слика Datoteka Slika Категорија Kategorija"),  # of two scripts
        ("be_x_old", "Файл Выява Катэгорыя"),
        ("pt-br", "Ficheiro Arquivo Imagem Categoria"),
        ("hu", "Fájl Kép Kategória"),
        ("fa", "پرونده تصویر رده"),
        ("he", "קובץ תמונה קטגוריה"),
        ("xx", "File Image Media Category"),
    ],
)
def test_names_of_files_and_categories(language: str, prefixes: str) -> None:
    wiki = Wiki.of(language, {})
    assert [prefix for prefix in prefixes.split() if not wiki.hides(f"{prefix}:A")] == []
    assert not wiki.hides("Foo:A")


def test_names_of_a_dump_are_added() -> None:
    wiki = Wiki.of("", {"6": "Datoteko", "14": "Sorto", "0": "", "1": "Babilado", "100": "Portalo"})
    assert wiki.hides("datoteko:a.jpg")
    assert wiki.hides("Sorto:A")
    assert not wiki.hides("Portalo:A")


@pytest.mark.parametrize(
    ("language", "names", "english"),
    [
        ("en", {}, True),
        ("en-GB", {}, True),
        ("simple", {}, True),
        ("de", {"1": "Diskussion"}, False),
        ("zh", {"1": "Talk"}, False),  # the Chinese Wikipedia has English names
        ("", {"1": "Talk"}, True),
        ("", {}, True),
        ("", {"1": "Diskussion"}, False),
    ],
)
def test_which_wikis_are_english(language: str, names: dict[str, str], english: bool) -> None:
    assert Wiki.of(language, names).english == english


def test_a_wiki_of_unknown_language_counts_as_english() -> None:
    assert Wiki.of("", {}) == Wiki.of("", {"1": "Talk", "6": "File"}) == ENGLISH


@pytest.mark.parametrize(
    ("language", "numbers"),
    [
        ("en", NumberFormat()),
        ("", NumberFormat()),
        ("de", NumberFormat(".", ",")),
        ("sv", NumberFormat("\xa0", ",")),
        ("es", NumberFormat("\xa0", ",", least=2)),
        ("hi", NumberFormat(pairs=True)),
    ],
)
def test_numbers(language: str, numbers: NumberFormat) -> None:
    assert Wiki(language).numbers == numbers
