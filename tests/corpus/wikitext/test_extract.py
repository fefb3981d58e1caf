"""What stays of each kind of markup, whole and broken."""

import pytest

from albertlm.corpus.wikitext import Namespaces, extract


@pytest.mark.parametrize(
    ("wikitext", "prose"),
    [
        # paragraphs
        ("", ""),
        ("One line.\nThe next.\n\nAnother paragraph.", "One line. The next.\nAnother paragraph."),
        ("A<br>B<br/>C<BR clear=all />D", "A\nB\nC\nD"),
        ("One <p>two</p> three", "One\ntwo\nthree"),
        ("A\n<!-- a note alone on its line -->\nB", "A B"),
        ("A <!-- {{ [[ --> B", "A B"),
        ("A <!-- never closed {{x\nB", "A"),
        # lines that are no prose
        ("Fruit:\n* apples\n*# and pears\n: indented\n; term\nMore.", "Fruit:\nMore."),
        ("== Heading ==\nText.\n=== ''Other'' === <!-- c -->\n=One=\nMore.", "Text.\nMore."),
        ("a = b, and c == d", "a = b, and c == d"),
        ("A\n----\nB\n-----C", "A\nB\nC"),
        ("A\n preformatted\nB", "A\nB"),
        ("{{anchor|x}} After a template.", "After a template."),
        ("|stray=row\n!header!!other\n|}\n}}\nText", "Text"),
        ("!Kung is a language.", "!Kung is a language."),
        ("__NOTOC__Text__FORCETOC__ and __init__", "Text and __init__"),
        # bold and italic
        ("'''Bold''', ''italic'', '''''both'''''.", "Bold, italic, both."),
        ("''Hamlet'''s ghost", "Hamlet's ghost"),
        ("L'''amour'' et ''la''", "L'amour et la"),
        ("a ''''quoted'''' word", "a 'quoted' word"),
        ("never '''closed", "never closed"),
        ("rock 'n' roll, the '90s", "rock 'n' roll, the '90s"),
        # entities
        (
            "5&nbsp;km &amp; &eacute;&#233;&#xe9; AT&T &bogus; &lt;b&gt;",
            "5 km & ééé AT&T &bogus; <b>",
        ),
        ("&#0; &#xD800; &#x110000; x", "x"),
        ("&amp;nbsp;", "&nbsp;"),
        # nowiki
        ("<nowiki>[[a]] '''b''' {{c}}</nowiki>", "[[a]] '''b''' {{c}}"),
        ("A<nowiki />B <nowiki>&amp;<ref></nowiki>", "AB &<ref>"),
        ("<nowiki>* no list</nowiki>", "* no list"),
        ("<nowiki> never closed", "never closed"),
        # tags
        ("A.<ref>Note, p. 5.</ref> B.<ref name=x /> C.<REF name='y'>{{cite}}</REF >", "A. B. C."),
        ("A.<ref>never closed {{cite|a}} B.\nC.<ref>x</ref> D.", "A. C. D."),
        ("<gallery>\nFile:a.jpg|A caption\n</gallery>Text<math>\\frac{a}{b}</math>.", "Text."),
        ("A\n<math>never\nclosed\n\nB", "A\nB"),
        ("<gallery>\nFile:a.jpg|never\nDatei:b c.PNG\nclosed", "closed"),
        ("<syntaxhighlight lang=c>\nint x;\n</syntaxhighlight>Text", "Text"),
        ("call <source lang=c inline>f(x[[0]])</source> now", "call f(x[[0]]) now"),
        ("<references>\n<ref name=a>Note</ref>\n</references>Text", "Text"),
        ("H<sub>2</sub>O, the 19<sup>th</sup>, <span style='a'>b</span>", "H2O, the 19th, b"),
        ("<s>struck</s><del>out</del> kept <u>this</u>", "kept this"),
        ("<table><tr><td>x<table><td>y</table></table>Text", "Text"),
        ("<ul><li>x</ul>Text <ol><li>never closed", "Text\nnever closed"),
        ("a < b and c > d, <unknown> x", "a < b and c > d, <unknown> x"),
        ("<poem>\nOne\nTwo\n</poem>Three", "Three"),
        ("<blockquote>Said.</blockquote>", "Said."),
        # templates
        ("A {{cite|x={{y|z}}|}} B", "A B"),
        ("{{Infobox\n| a = b\n|}}\nText", "Text"),
        ("A {{{1|default}}} {{{{{x}}}}} B", "A B"),
        ("{{#if:x|{{{1}}}|b}}Text", "Text"),
        ("{{Infobox\n| name = x\n| other = y\n\nText.", "Text."),
        ("He {{cn|date=May 2010} was born. {{open", "He was born."),
        ("closed }} twice }}", "closed twice"),
        # tables
        ("{| class=x\n! a !! b\n|-\n| c || d\n{|\n| e\n|}\n|}\nText", "Text"),
        (":{|\n| a\n|}Text", "Text"),
        ("{|\n| a\nText", "Text"),
        ("{{(!}}\n{{!}} a\n{{!)}}\nText", "Text"),
        # links
        ("[[A]] [[a|B]]s [[:Category:C]] [[#D]]", "A Bs Category:C #D"),
        ("[[Help:Style (music)|]] [[Boston, Massachusetts|]]", "Style Boston"),
        ("[[File:a.jpg|thumb|A [[b|c]] [[d]] [http://e f]]]Text[[Category:G]]", "Text"),
        ("[[Image:a.jpg]]Text [[fr:Texte]][[zh-min-nan:B]]", "Text"),
        ("[[wikt:word|a word]] [[Alien: Covenant]]", "a word Alien: Covenant"),
        (
            "[http://a.b/c the site] [//a.b] [mailto:a@b write] [1] [sic]",
            "the site write [1] [sic]",
        ),
        ("[http://a.b the [[x|y]] site]", "the y site"),
        ("never [[closed and [[a|b]]", "never closed and b"),
        ("closed ]] twice", "closed twice"),
        ("[[File:a.jpg|thumb|never [[closed]]\nText", "Text"),
        ("[[two\nlines|x]]", "two lines|x"),
        ("[[[a]]]", "[a]"),
        # language variants
        ("-{zh-hans:甲;zh-hant:乙}- -{A|丙}-", "甲 丙"),
        # what is left around holes
        ("Fa Mulan ({{zh-x|1}}) is", "Fa Mulan is"),
        ("Mulan ({{x}}; {{y}}, {{z}}) is", "Mulan is"),
        ("Mulan ({{x}}; born 1900) is", "Mulan (born 1900) is"),
        ("Mulan (born 1900, {{x}}) is", "Mulan (born 1900) is"),
        ("Mulan (Chinese: {{x}}, ''Hua'', {{y}}) is", "Mulan (Chinese, Hua) is"),
        ("A (pronounced {{x}}) is", "A is"),
        ("word {{x}}, next {{y}}. End {{z}}", "word, next. End"),
        ("such as {{x}}, {{y}}, and others", "such as, and others"),
        ("includes the following: {{x}}", "includes the following:"),
        ("print() and ( ) , stay", "print() and ( ) , stay"),
        ("the<ref>a</ref>.NET word{{x}}word", "the.NET wordword"),
    ],
)
def test_markup(wikitext, prose):
    assert extract(wikitext) == prose


@pytest.mark.parametrize(
    ("template", "prose"),
    [
        ("nowrap|a [[b|c]]", "a c"),
        ("Nowrap | 1=a = b", "a = b"),
        ("small|{{big|x}}", "x"),
        ("lang|grc|λόγος", "λόγος"),
        ("lang-fr|mot", "French: mot"),
        ("lang-sr-Latn|reč", "Serbian: reč"),
        ("lang-xx|mot", "mot"),
        ("langx|fr|mot", "French: mot"),
        ("transl|ar|DIN|al-Jazāʾir", "al-Jazāʾir"),
        ("convert|2381741|km2|sqmi|0", "2,381,741 km2"),
        ("convert|6|ft|2|in", "6 ft 2 in"),
        ("convert|5|to|10|km|mi|abbr=on", "5 to 10 km"),
        ("convert|5|-|10|C", "5–10 °C"),
        ("as of|2012", "As of 2012"),
        ("as of|2012|5|3|lc=y", "as of 3 May 2012"),
        ("as of|2012|5|3|df=US", "As of May 3, 2012"),
        ("circa|1920", "c. 1920"),
        ("circa|1920|1930", "c. 1920 – c. 1930"),
        ("reign|1509|1547", "r. 1509–1547"),
        ("frac|2|1|3", "2 1/3"),
        ("frac|3", "1/3"),
        ("val|12345|u=km", "12,345 km"),
        ("US$|800", "US$800"),
        ("formatnum:3003.5", "3,003.5"),
        ("USS|Enterprise|CV-6", "USS Enterprise"),
        ("HMS|Ajax|22|2", "Ajax"),
        ("sclass|Nimitz|aircraft carrier", "Nimitz-class aircraft carrier"),
        ("harvtxt|Hardy|Wright|1938", "Hardy & Wright (1938)"),
        ("nihongo|tea ceremony|茶道|sadō", "tea ceremony (茶道, sadō)"),
        ("zh|c=花木蘭|p=Huā Mùlán", "Chinese: 花木蘭; pinyin: Huā Mùlán"),
        ("OldStyleDate|February 2|1905|January 20", "February 2 [O.S. January 20] 1905"),
        ("music|flat", "♭"),
        ("chem|H|2|O", "H2O"),
        ("snd", "–"),
        ("'", "'"),
        ("PAGENAME", "Title"),
        ("cite web|title=x", ""),
        ("anchor|x", ""),
        ("convert", ""),
        ("lang|grc", ""),
        ("nowrap", ""),
    ],
)
def test_templates_within_sentences(template, prose):
    text = extract(f"Before {{{{{template}}}}} after.", title="Title")
    assert text == " ".join(f"Before {prose} after.".split())


@pytest.mark.parametrize("name", ["quote", "Blockquote|text="])
def test_quotations_are_paragraphs(name):
    bar = "" if "=" in name else "|"
    assert extract(f"He said:{{{{{name}{bar}Words.|Author}}}}Then.") == "He said:\nWords.\nThen."


def test_namespaces_of_the_wiki():
    german = Namespaces.from_siteinfo({"6": "Datei", "14": "Kategorie", "0": ""})
    page = "[[Datei:a.jpg|mini|Bild]][[Bild:b.jpg]][[File:c.jpg]]Text[[Kategorie:A]]"
    assert extract(page, namespaces=german) == "Text"
    assert extract("[[Datei:a.jpg|mini]]") == "mini"


def test_languages_are_named_on_english_wikis_only():
    german = Namespaces.from_siteinfo({"1": "Diskussion"})
    assert extract("({{lang-la|verbum}})") == "(Latin: verbum)"
    assert extract("({{lang-la|verbum}})", namespaces=german) == "(verbum)"


def test_a_line_that_is_the_title_is_left_out():
    assert extract("Rome\n\nRome is a city.\n\n''Rome''", title="Rome") == "Rome is a city."


def test_noncharacters_do_not_pass_for_marks():
    assert extract("a\ufdd0, b (\ufdd1) \ufde0 c \ufdef") == "a, b () c"
