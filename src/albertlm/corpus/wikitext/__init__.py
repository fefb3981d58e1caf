"""Extract the prose of wikitext in linear time.

A page goes through several passes, each a single scan: comments and extension tags (`tags`),
templates (`templates`), the language converter's markup (`conversion`), tables (`tags`), links
(`links`), HTML elements (`tags`), and finally lines and what is left within them (`lines`).
Where something visible to readers is removed, a mark stays in its place (`marks.HOLE`), so that
punctuation is corrected only there.

conversion: resolve the markup of MediaWiki's language converter.
disambiguation: recognise disambiguation pages.
known_templates: the templates of the English Wikipedia that show text.
lines: select the lines that are prose, and remove what is left of markup in them.
links: replace links by their text; remove files, categories and links to other languages.
local_templates: the templates of other large wikis that show text, by language.
marks: Unicode noncharacters that mark places in a page while it is processed.
numbers: write numbers as a wiki in some language does.
rules: parse a template's arguments, and turn them into the text that it shows.
tags: remove comments, extension tags, tables and HTML elements that hold no prose.
templates: replace templates by their text, or by a hole.
wikis: what the wikitext of a wiki depends on: its language, and its names of files and categories.
"""

from __future__ import annotations

from albertlm.corpus.wikitext import marks
from albertlm.corpus.wikitext.conversion import without_conversion
from albertlm.corpus.wikitext.disambiguation import is_disambiguation
from albertlm.corpus.wikitext.lines import (
    close_holes,
    paragraphs,
    prose_lines,
    without_remains,
)
from albertlm.corpus.wikitext.links import without_links
from albertlm.corpus.wikitext.tags import (
    unwrap_elements,
    without_elements,
    without_tables,
    without_tags,
)
from albertlm.corpus.wikitext.templates import without_templates
from albertlm.corpus.wikitext.wikis import ENGLISH, Wiki

__all__ = ["ENGLISH", "Wiki", "extract", "is_disambiguation"]


def extract(wikitext: str, *, title: str = "", wiki: Wiki = ENGLISH) -> str:
    """Return the prose of a page, one paragraph per line.

    Lists, tables, headings, templates, references, galleries, formulas, files and categories are
    left out; links, bold and italic type and entities are resolved. Markup that is never closed is
    removed without the rest of the page. The time is linear in the length of the page.

    Args:
        wikitext: the source of the page.
        title: the page's title, for templates that show it; a line that equals the title is left
            out.
        wiki: the wiki of the page.
    """
    text = marks.without_noncharacters(wikitext).replace("\n ", f"\n{marks.INDENT}")
    text = without_tags(text)
    text = without_templates(text, title, wiki)
    text = without_conversion(text)
    text = without_tables(f"\n{text}\n")
    text = without_links(text, wiki)
    text = without_elements(text)
    text = prose_lines(text)
    text = unwrap_elements(text)
    found = []
    for paragraph in paragraphs(text):
        prose = without_remains(close_holes(marks.unescape(paragraph)))
        prose = " ".join(marks.restore(prose).split())
        if prose != title and any(map(str.isalnum, prose)):
            found.append(prose)
    return "\n".join(found)
