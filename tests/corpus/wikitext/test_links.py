"""Test the text of each kind of link, valid and broken."""

import pytest

from albertlm.corpus.wikitext.links import without_links
from albertlm.corpus.wikitext.wikis import ENGLISH, Wiki


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("no link", "no link"),
        ("[[A]] [[a|B]]s [[#D]] [[a b|]]", "A Bs #D a b"),
        ("[[:Category:C]] [[:File:a.jpg|a file]]", "Category:C a file"),
        ("[[wikt:word|a word]] [[Alien: Covenant]]", "a word Alien: Covenant"),
        ("[[File:a.jpg|thumb|A [[b|c]] [[d]] [http://e f]]]Text[[Category:G]]", "Text"),
        ("[[Image:a.jpg]]Text [[ file : a.jpg ]][[fr:Texte]][[zh-min-nan:B]]", "Text "),
        ("[http://a.b/c the site] [//a.b] [mailto:a@b write]", "the site  write"),
        ("[1] [sic] [x://y]", "[1] [sic] [x://y]"),
        ("[http://a.b the [[x|y]] site]", "the y site"),
        ("[[[a]]]", "[a]"),
        # broken
        ("never [[closed and [[a|b]]", "never closed and b"),
        ("[[a]] closed ]] twice", "a closed  twice"),
        ("[[File:a.jpg|thumb|never [[closed]]\nText", "\nText"),
        ("[[File:a.jpg|to the end", ""),
        ("[[two\nlines|x]]", "two\nlines|x"),
        ("[http://a.b never closed", "[http://a.b never closed"),
        ("[[|b]]; [[ ]]; [[]]", "b;  ; "),
    ],
)
def test_without_links(wikitext: str, expected: str) -> None:
    assert without_links(wikitext, ENGLISH) == expected


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        # the examples of https://en.wikipedia.org/wiki/Help:Pipe_trick
        ("[[Pipe (computing)|]]", "Pipe"),
        ("[[Phoenix, Arizona|]]", "Phoenix"),
        ("[[Yours, Mine and Ours (1968 film)|]]", "Yours, Mine and Ours"),
        ("[[Wikipedia:Verifiability|]]", "Verifiability"),
        ("[[Template:Welcome (fellow)|]]", "Welcome"),
        ("[[:es:Wikipedia:Políticas|]]", "Políticas"),
        ("[[Wikipedia:Manual of Style (Persian)|]]", "Manual of Style"),
    ],
)
def test_the_pipe_trick(link: str, shown: str) -> None:
    assert without_links(link, ENGLISH) == shown


def test_nested_links_are_resolved_to_a_limited_depth() -> None:
    for depth in (39, 400):
        shown = without_links("[[a|" * depth + "x" + "]]" * depth, ENGLISH)
        assert shown.endswith("x")
        assert ("a|" in shown) == (depth > 40)
        assert "[[" not in shown


@pytest.mark.parametrize(
    ("language", "wikitext", "expected"),
    [
        ("de", "[[Datei:a.jpg|mini|Bild]][[Bild:b.jpg]][[File:c.jpg]]Text[[Kategorie:A]]", "Text"),
        ("zh", "[[文件:A.jpg|thumb|说明]]北京。[[分类:北京]]", "北京。"),
        ("zh", "[[檔案:B.jpg|縮圖|[[說]]明]]北京。[[分類:北京]]", "北京。"),
        ("ltg", "[[Attēls:A.jpg|thumb|250px|Puma]]Puma[[Kategoreja:A]]", "Puma"),
        ("en", "[[Datei:a.jpg|mini]]", "mini"),
    ],
)
def test_files_and_categories_of_a_wiki(language: str, wikitext: str, expected: str) -> None:
    assert without_links(wikitext, Wiki.of(language, {})) == expected
