"""Test that the prose of HTML pages is read, and nothing else, for any markup."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.documents import Document, Drop, Record
from albertlm.corpus.formats import html
from albertlm.corpus.formats.books import UnreadableError


def paragraphs(markup: str) -> list[str]:
    return html.paragraphs(markup.encode())[1]


def read(path: Path, data: bytes) -> Record:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    (span,) = html.spans(str(path))
    (record,) = html.read(span)
    return record


def test_a_page(tmp_path):
    page = "<html><head><title>A\n Page</title></head><body><p>One.</p><p>Two.</p></body></html>"
    path = tmp_path / "shelf" / "a.html"
    assert read(path, page.encode()) == Document("a.html", "shelf", "One.\nTwo.", "A Page")


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (
            "<p>One <b>bold</b>\n word<p>Two&nbsp;words &amp; more",
            ["One bold word", "Two words & more"],
        ),
        ("<div>One<p>Two</p>Three</div>Four", ["One", "Two", "Three", "Four"]),
        ("<blockquote>One<hr>Two<br>words</blockquote>", ["One", "Two words"]),
        ("Loose <i>text", ["Loose text"]),
        ("<pre>One\nline.\n\nTwo\nlines.</pre>after", ["One line.", "Two lines.", "after"]),
        ("<p>漢<ruby>字<rp>(</rp><rt>じ</rt></ruby>", ["漢字"]),
        ("", []),
        ("<frameset><frame src=a></frameset>", []),
    ],
)
def test_paragraphs(markup, expected):
    assert paragraphs(markup) == expected


@pytest.mark.parametrize(
    "inside",
    [
        "<h1>x</h1>",
        "<h4>x</h4>",
        "<table><tr><td>x<table><tr><td><ul><li>x</table>x</table>",
        "<ul><li>x<ol><li><p>x</ol></ul>",
        "<dl><dt>x<dd>x</dl>",
        "<nav><p>x</p></nav>",
        "<script>x < y</script><style>x</style>",
        "<figure><p>x</p><figcaption>x</figcaption></figure>",
        '<div class="figcenter"><p>x</p></div>',
        '<span class="pagenum">[x]</span>',
        "<!-- x -->",
        # fallbacks
        "<canvas>x</canvas><audio>x</audio><video><p>x</p></video>",
        # numbers of pages, notes and their marks
        '<span epub:type="pagebreak">12</span>',
        '<div role="doc-pagebreak" id="p12">12</div>',
        '<a epub:type="noteref" href="#n1">1</a>',
        '<a role="doc-noteref" href="notes.xhtml#n1">x</a>',
        '<a href="#n1">1</a>',
        '<sup><a href="n.xhtml#n1">a</a></sup>',
        '<a href="#n1"><sup>12</sup></a>',
        '<a href="#n1">[1]</a><a href="#n2">*20</a><a href="#n3">†</a>',
        '<div epub:type="footnote"><p>x</p></div>',
        '<section epub:type="backmatter endnotes"><p>x</p></section>',
        '<section role="doc-endnotes"><p>x</p></section>',
        "<noteref>1</noteref><note>x</note><pagenum>3</pagenum>",
        # parts of a book without prose
        '<section epub:type="frontmatter imprint"><p>x</p></section>',
        '<section epub:type="colophon">x</section><section epub:type="copyright-page">x</section>',
        '<section epub:type="titlepage">x</section><section role="doc-index">x</section>',
    ],
)
def test_what_is_not_prose_is_removed(inside):
    assert "".join(paragraphs(f"<p>One.</p>{inside}<p>Two.</p>")) == "One.Two."


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<p>See page <a href="#p12">12</a>.', ["See page 12."]),
        ('<p>See <a href="#a">a</a> or <a href="#e">(3)</a>.', ["See a or (3)."]),
        ('<p>The <a href="https://example.org/">site</a>, 10<sup>3</sup>', ["The site, 103"]),
        # pictures of initials
        ('<p><img alt="A"/>lice was.</p>', ["Alice was."]),
        ('<p><img alt="“A" class="dropcap">lice was.</p>', ["“Alice was."]),
        ("<p><span><img alt='A'></span>lice was.</p>", ["lice was."]),
        ('<p><img alt="A house">It was.</p>', ["It was."]),
        ('<p><img alt="A"> It was.</p>', ["It was."]),
        ('<body epub:type="imprint"><p>x</p></body>', []),
    ],
)
def test_links_and_pictures_within_prose(markup, expected):
    assert paragraphs(markup) == expected


def test_what_only_xml_has():
    page = (
        '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY pub "Acme"><!ENTITY a \'b\'>]><html>'
        "<head><title>x</title></head><body>By &pub; &a; &amp; &c;."
        "<p><![CDATA[raw <b> & ]]> end.</p></body></html>"
    )
    expected = ("x", ["By Acme b & &c;.", "raw <b> & end."])
    assert html.paragraphs(page.encode()) == expected


def test_entities_do_not_multiply():
    nested = '<!DOCTYPE html [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;">]><p>&b;</p>'
    assert paragraphs(nested) == ["&a;&a;"]
    long = f'<!DOCTYPE html [<!ENTITY a "{"x" * 1_000_000}">]><p>{"&a;" * 1_000_000}</p>'
    with pytest.raises(UnreadableError, match="too long"):
        paragraphs(long)


@pytest.mark.parametrize("token", ["<![CDATA[", "]]>", "&a;", "<!ENTITY ", "<!DOCTYPE x [", "["])
def test_what_only_xml_has_is_read_in_linear_time(token):
    # quadratic time would take minutes
    with suppress(UnreadableError):
        paragraphs("<!DOCTYPE html [" + token * 100_000)


def test_landmarks():
    page = """<nav epub:type="toc"><a href="a.xhtml">A</a></nav>
    <nav epub:type="landmarks"><a epub:type="imprint x" href="b.xhtml">B</a></nav>"""
    assert html.landmarks(page.encode()) == [("imprint", "b.xhtml"), ("x", "b.xhtml")]


def test_empty_elements_of_xhtml_do_not_swallow_what_follows():
    markup = '<html><head><title/><script src="a/b"/></head><body><p><a id="x"/>One<br/>two.</p>'
    assert html.paragraphs(markup.encode()) == ("", ["One two."])


@pytest.mark.parametrize(
    "head",
    [
        '<meta charset="iso-8859-1">',
        '<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-1" />',
        "<meta charset=latin1 />",
        '<?xml version="1.0" encoding="ISO-8859-1"?>',
    ],
)
def test_a_declared_encoding_is_honoured(head):
    assert html.paragraphs(f"{head}<p>Un café".encode("latin-1"))[1] == ["Un café"]


def test_an_unknown_encoding_is_a_drop(tmp_path):
    path = tmp_path / "shelf" / "a.html"
    assert read(path, b"<p>the\xe9") == Drop("a.html", "shelf", "not UTF-8", f"{path} byte 6")


def test_a_page_without_prose_is_a_drop(tmp_path):
    drop = read(tmp_path / "a.html", b"<table><td>x</table>")
    assert isinstance(drop, Drop)
    assert drop.reason == "empty"


def test_deep_nesting_is_refused():
    assert paragraphs("<div>" * 900 + "x") == ["x"]
    assert paragraphs("<div>x</div>" * 2000) == ["x"] * 2000
    for markup in ("<div>" * 200_000, "<a><b><i><font>" * 50_000):
        with pytest.raises(UnreadableError, match="nested too deeply"):
            paragraphs(markup)


def test_too_many_attributes_are_a_drop(tmp_path):
    attributes = " ".join(f"a{i}" for i in range(80_000))
    drop = read(tmp_path / "a.html", f"<p {attributes}>One.".encode())
    assert isinstance(drop, Drop)
    assert drop.reason == "too many attributes"


def test_too_many_elements_are_refused():
    with pytest.raises(UnreadableError, match="too many elements"):
        paragraphs("<p>a" * 400_000)


MODERN = """<html><head><title>A dark night | Project Gutenberg</title></head><body>
<section class="pg-boilerplate pgheader" id="pg-header"><h2>The Project Gutenberg eBook of A</h2>
<p>This ebook is for the use of anyone.</p>
<p><strong>Title</strong>: A Dark Night</p><p><strong>Release date</strong>: 1998 [eBook #12]</p>
<div id="pg-start-separator"><span>*** START OF THE PROJECT GUTENBERG EBOOK A ***</span></div>
</section>
<p>Produced by John Doe</p><h2>CHAPTER I</h2><p>It was <i>dark</i>.</p>
<section id="pg-footer"><div>*** END OF THE PROJECT GUTENBERG EBOOK A ***</div>
<p>Updated editions</p></section></body></html>"""

OLD = """<html><head><title>The Project Gutenberg eBook of A Dark Night, by Jane Roe</title></head>
<body><pre>
The Project Gutenberg EBook of A Dark Night, by Jane Roe
Release Date: June, 1998 [EBook #12]
*** START OF THIS PROJECT GUTENBERG EBOOK A DARK NIGHT ***
Produced by John Doe
</pre><h2>CHAPTER I</h2><p>It was <i>dark</i>.</p><pre>
End of the Project Gutenberg EBook of A Dark Night, by Jane Roe
Updated editions
</pre></body></html>"""


@pytest.mark.parametrize("page", [MODERN, OLD])
def test_licences_of_project_gutenberg(tmp_path, page):
    assert read(tmp_path / "shelf" / "12.htm", page.encode()) == Document(
        id="12.htm",
        source="shelf",
        text="It was dark.",
        title="A Dark Night",
        url="https://www.gutenberg.org/ebooks/12",
        licence="Public domain in the USA",
    )


PIECES = """<a href="#x"> <sup> <img alt="A"> 1 <![CDATA[ ]]>
<p> </p> <div> </div> <table> <td> </table> <ul> <li> </ul> <pre> </pre> <br> <b> </i>
<a/> <!-- --> <h1> </h1> <script> </script> <title> </body> <template> <svg> </svg> <p/> < & x é
<figure> </figure> <nav> </nav> <select> <option> <frameset> <ruby> <rt>"""


@given(st.lists(st.sampled_from(PIECES.split()), max_size=60).map("".join))
def test_any_markup_is_read(markup):
    for paragraph in paragraphs(markup):
        assert paragraph == " ".join(paragraph.split())
