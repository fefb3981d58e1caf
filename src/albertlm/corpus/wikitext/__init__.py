"""Wikitext to prose, in linear time.

A page goes through a few passes, each a scan that never goes back: what is not wikitext (`tags`),
templates (`braces`, with the few whose content is prose in `templates`), `tables`, `links`, HTML
(`elements`), `lines`, and what is left within lines (`inline`). Where something that readers see
is taken out, a mark stays (`marks.HOLE`) so that only there is punctuation put in order.
"""

from __future__ import annotations

from albertlm.corpus.wikitext import marks
from albertlm.corpus.wikitext.braces import without_templates
from albertlm.corpus.wikitext.disambiguation import is_disambiguation
from albertlm.corpus.wikitext.elements import unwrap_elements, without_elements
from albertlm.corpus.wikitext.entities import unescape
from albertlm.corpus.wikitext.inline import close_holes, without_remains
from albertlm.corpus.wikitext.lines import paragraphs, prose_lines
from albertlm.corpus.wikitext.links import without_links
from albertlm.corpus.wikitext.namespaces import ENGLISH, Namespaces
from albertlm.corpus.wikitext.tables import without_tables
from albertlm.corpus.wikitext.tags import without_tags

__all__ = ["ENGLISH", "Namespaces", "extract", "is_disambiguation"]


def extract(wikitext: str, *, title: str = "", namespaces: Namespaces = ENGLISH) -> str:
    """The prose of a page, a paragraph a line.

    Lists, tables, headings, templates, references, galleries, formulas, files and categories are
    left out; links, bold and italic type and entities are resolved. Markup that is never closed
    loses its marks, not the rest of the page. The time is linear in the length of any page.

    Args:
        wikitext: the source of the page.
        title: of the page, for templates that name it; a line that is only the title is left out.
        namespaces: the wiki's names for files and categories.
    """
    text = marks.clean(wikitext).replace("\n ", f"\n{marks.INDENT}")
    text = without_tags(text)
    text = without_templates(text, title, namespaces)
    text = without_tables(f"\n{text}\n")
    text = without_links(text, namespaces)
    text = without_elements(text)
    text = prose_lines(text)
    text = unwrap_elements(text)
    found = []
    for paragraph in paragraphs(text):
        prose = without_remains(close_holes(unescape(paragraph)))
        prose = " ".join(marks.restore(prose).split())
        if prose != title and any(map(str.isalnum, prose)):
            found.append(prose)
    return "\n".join(found)
