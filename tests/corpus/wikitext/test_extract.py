"""Test the passes together on whole pages; each pass also has tests of its own."""

import pytest

from albertlm.corpus.wikitext import Wiki, extract


@pytest.mark.parametrize(
    ("wikitext", "prose"),
    [
        ("", ""),
        # paragraphs
        ("One line.\nThe next.\n\nAnother paragraph.", "One line. The next.\nAnother paragraph."),
        ("A<br>B<br/>C<BR clear=all />D", "A\nB\nC\nD"),
        ("One <p>two</p> three", "One\ntwo\nthree"),
        ("A\n<!-- a note alone on its line -->\nB", "A B"),
        ("Fruit:\n* apples\n*# and pears\n: indented\n; term\nMore.", "Fruit:\nMore."),
        ("== Heading ==\nText.\n=== ''Other'' === <!-- c -->\n=One=\nMore.", "Text.\nMore."),
        ("A\n----\nB\n-----C", "A\nB\nC"),
        ("A\n preformatted\nB", "A\nB"),
        ("{{anchor|x}} After a template.", "After a template."),
        ("H<sub>2</sub>O, the 19<sup>th</sup>, <span style='a'>b</span>", "H2O, the 19th, b"),
        # entities are text, never markup
        (
            "5&nbsp;km &amp; &eacute;&#233;&#xe9; AT&T &bogus; &lt;b&gt;",
            "5 km & ééé AT&T &bogus; <b>",
        ),
        ("&amp;nbsp; &#91;[a]&#93; &#39;&#39;b&#39;&#39;", "&nbsp; [[a]] ''b''"),
        ("<nowiki>* no list</nowiki>", "* no list"),
        # one kind of markup within another
        ("{{nowrap|[[a|b]] ''c''}} [[d|{{small|e}}]]", "b c e"),
        ("A{{nowrap|<ref>x</ref>}}.<ref>{{cite|[[y]]}}</ref> B.", "A. B."),
        ("{{(!}}\n{{!}} a\n{{!)}}\nText", "Text"),
        ("[[File:a.jpg|thumb|A {{x}} [[b]]<ref>c</ref>]]Text", "Text"),
        ("<ul><li>[[a]] {{b}}</ul>Text <ol><li>never closed", "Text\nnever closed"),
        # broken markup does not remove what follows
        ("<gallery>\nFile:a.jpg|never\nDatei:b c.PNG\nclosed", "closed"),
        ("|stray=row\n!header!!other\n|}\n}}\nText", "Text"),
        ("{{Infobox\n| name = x\n| other = y\n\nText.", "Text."),
        ("He {{cn|date=May 2010}} was born. {{open", "He was born."),
        ("closed }} and ]] twice", "closed and twice"),
        ("{{Infobox}}}}\nText {{nowrap|a}}} b", "Text a} b"),
        ("{|\n| a\nText", "Text"),
        ("[[File:a.jpg|thumb|never [[closed]]\nText", "Text"),
        ("[[two\nlines|x]]", "two lines|x"),
        # what is left around holes
        ("Fa Mulan ({{zh-x|1}}) is", "Fa Mulan is"),
        ("Mulan (Chinese: {{x}}, ''Hua'', <math>y</math>) is", "Mulan (Chinese, Hua) is"),
        ("such as {{x}}, {{y}}, and others", "such as, and others"),
        ("the<ref>a</ref>.NET word{{x}}word", "the.NET wordword"),
    ],
)
def test_pages(wikitext: str, prose: str) -> None:
    assert extract(wikitext) == prose


def test_a_line_that_is_the_title_is_left_out() -> None:
    assert extract("Rome\n\nRome is a city.\n\n''Rome''", title="Rome") == "Rome is a city."
    assert extract("{{PAGENAME}} is a city.", title="Rome") == "Rome is a city."


def test_namespaces_apply_to_links_and_templates() -> None:
    german = Wiki.of("de", {"1": "Diskussion", "6": "Datei", "14": "Kategorie"})
    page = "[[Datei:a.jpg|mini]]({{lang-la|verbum}})[[Kategorie:A]]"
    assert extract(page, wiki=german) == "(verbum)"
    assert extract(page) == "mini(Latin: verbum)Kategorie:A"


@pytest.mark.parametrize(
    ("wikitext", "prose"),
    [
        ("北京（{{lang-en|Beijing}}）是首都。", "北京（Beijing）是首都。"),
        ("{{nowrap|-{zh-cn:计算机;zh-tw:電腦}-}}和[[-{zh-cn:甲;zh-tw:乙}-|丙]]", "计算机和丙"),
        ("-{H|zh-cn:甲;\nzh-tw:乙;}-\n-{T|zh-cn:甲;zh-tw:乙}-\n'''甲'''是。", "甲是。"),
    ],
)
def test_a_chinese_page(wikitext: str, prose: str) -> None:
    assert extract(wikitext, wiki=Wiki.of("zh", {"1": "Talk"})) == prose


def test_noncharacters_are_not_taken_for_marks() -> None:
    assert extract("a\ufdd0, b (\ufdd1) \ufde0 c \ufdef") == "a, b () c"
