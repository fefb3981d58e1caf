"""HTML in a page."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext import tags
from albertlm.corpus.wikitext.cuts import cut

_REMOVED = ("table", "ul", "ol", "dl", "s", "del", "strike", "h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = (
    "blockquote", "br", "caption", "center", "dd", "div", "dt", "hr", "li", "noinclude",
    "onlyinclude", "p", "tbody", "td", "th", "thead", "tr",
    "table", "ul", "ol", "dl", "h1", "h2", "h3", "h4", "h5", "h6",
)  # fmt: skip
_INLINE = (
    "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "ins", "kbd", "mark", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "langconvert", "phonos",
)  # fmt: skip


def _tags(names: tuple[str, ...], before: str) -> re.Pattern[str]:
    return re.compile(rf"<(?=[/a-zA-Z]){before}({'|'.join(names)})(?:[\s/][^<>]*)?>", re.IGNORECASE)


_REMOVED_TAG = _tags(_REMOVED, "(/?)")
_BLOCK_TAG = _tags(_BLOCKS, "/?")
_INLINE_TAG = _tags((*_INLINE, *tags.NAMES), "/?")


def without_elements(text: str) -> str:
    """The page without the elements that hold no prose: tables, lists, headings, struck text."""
    opened: dict[str, list[int]] = {name: [] for name in _REMOVED}
    elements = []
    for tag in _REMOVED_TAG.finditer(text):
        starts = opened[tag[2].lower()]
        if not tag[1]:
            starts.append(tag.start())
        elif starts:
            elements.append((starts.pop(), tag.end()))
    return cut(text, elements) if elements else text


def unwrap_elements(text: str) -> str:
    """The content of all other elements; those that are blocks on the page become paragraphs."""
    if "<" not in text:
        return text
    return _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n\n", text))
