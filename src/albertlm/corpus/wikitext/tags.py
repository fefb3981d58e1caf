"""Remove comments, extension tags, tables and HTML elements that hold no prose."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import HOLE, INDENT, cut, protect, unescape

_LITERAL = ("nowiki",)
_INVISIBLE = ("includeonly", "indicator", "templatestyles", "templatedata", "section")
_FILES = ("gallery", "imagemap")
_REMOVED = (
    "categorytree", "ce", "chem", "graph", "hiero", "inputbox", "mapframe", "maplink", "math",
    "poem", "pre", "references", "score", "source", "syntaxhighlight", "timeline",
)  # fmt: skip
_CODE = ("source", "syntaxhighlight")
_NAMES = (*_LITERAL, *_INVISIBLE, *_FILES, *_REMOVED, "ref")
"""Tags whose content is not wikitext or not prose."""

_ALL = "|".join(_NAMES[:-1])
_OPENING = re.compile(rf"<(?=[!a-zA-Z])(?:!--|({_ALL})(?=[\s/>])([^<>]*)>)", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_ALL})\s*>", re.IGNORECASE)
_CLOSING_OF = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _ALL.split("|")}
_REFERENCE_ALONE = re.compile(r"<ref\s[^<>]*/>|<ref/>", re.IGNORECASE)
_REFERENCE = re.compile(r"<ref(?:\s[^<>]*)?>", re.IGNORECASE)
_REFERENCE_END = re.compile(r"</ref\s*>", re.IGNORECASE)

_TABLE_EDGE = re.compile(rf"\n[ \t:{HOLE}{INDENT}]*+(\{{\||\|\}})")
_REMOVED_ELEMENTS = (
    "table", "ul", "ol", "dl", "s", "del", "strike", "h1", "h2", "h3", "h4", "h5", "h6",
)  # fmt: skip
_BLOCK_ELEMENTS = (
    "blockquote", "br", "caption", "center", "dd", "div", "dt", "hr", "li", "noinclude",
    "onlyinclude", "p", "tbody", "td", "th", "thead", "tr",
    "table", "ul", "ol", "dl", "h1", "h2", "h3", "h4", "h5", "h6",
)  # fmt: skip
_INLINE_ELEMENTS = (
    "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "ins", "kbd", "mark", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "langconvert", "phonos",
)  # fmt: skip


def _tag_pattern(names: tuple[str, ...], before: str) -> re.Pattern[str]:
    return re.compile(rf"<(?=[/a-zA-Z]){before}({'|'.join(names)})(?:[\s/][^<>]*)?>", re.IGNORECASE)


_REMOVED_ELEMENT_TAG = _tag_pattern(_REMOVED_ELEMENTS, "(/?)")
_BLOCK_ELEMENT_TAG = _tag_pattern(_BLOCK_ELEMENTS, "/?")
_INLINE_ELEMENT_TAG = _tag_pattern((*_INLINE_ELEMENTS, *_NAMES), "/?")


def without_tags(text: str) -> str:
    """Remove comments, references and other tags that hold no prose.

    `<nowiki>` is replaced by its content, protected. A comment that is never closed hides the rest
    of the page, as in MediaWiki. Other tags that are never closed end with their line (references),
    at the next blank line (formulas, code) or immediately (`prose_lines` recognises the lines of a
    gallery).
    """
    return _without_references(_without_blocks(text)) if "<" in text else text


def _without_blocks(text: str) -> str:
    # Knowing the last closing tag of each kind keeps the search for closing tags linear.
    last = {tag[1].lower(): tag.start() for tag in _CLOSING.finditer(text)}
    kept = []
    done = 0
    while tag := _OPENING.search(text, done):
        start, done = tag.span()
        kept.append(text[tag.pos : start])
        if tag[1] is None:
            done = _comment_end(text, start)
            continue
        name, attributes = tag[1].lower(), tag[2]
        content = ""
        if attributes.endswith("/"):
            pass
        elif last.get(name, -1) >= done and (end := _CLOSING_OF[name].search(text, done)):
            content, done = text[done : end.start()], end.end()
        elif name in _REMOVED:
            done = _found(text, "\n\n", done)
        if name in _LITERAL:
            kept.append(protect(unescape(content)))
        elif name in _CODE and "inline" in attributes:
            kept.append(protect(content))
        elif name not in _INVISIBLE:
            kept.append(HOLE)
    kept.append(text[done:])
    return "".join(kept)


def _comment_end(text: str, start: int) -> int:
    """Return where the page continues after a comment; one alone on its line includes the line."""
    stop = _found(text, "-->", start + 4) + 3
    alone = start == 0 or text[start - 1] == "\n"
    return stop + 1 if alone and text[stop : stop + 1] == "\n" else stop


def _without_references(text: str) -> str:
    first, *others = _REFERENCE.split(_REFERENCE_ALONE.sub(HOLE, text))
    kept = [first]
    for part in others:
        # References cannot be nested: one without an end before the next is never closed.
        end = _REFERENCE_END.search(part)
        kept += [HOLE, part[end.end() if end else _found(part, "\n", 0) :]]
    return "".join(kept)


def _found(text: str, what: str, start: int) -> int:
    place = text.find(what, start)
    return place if place >= 0 else len(text)


def without_tables(text: str) -> str:
    """Remove tables, including nested ones; the page must start with a line break.

    A table that is never closed stays; `prose_lines` removes its rows.
    """
    if "{|" not in text:
        return text
    opened: list[int] = []
    tables = []
    for edge in _TABLE_EDGE.finditer(text):
        if edge[1] == "{|":
            opened.append(edge.start() + 1)
        elif opened:
            tables.append((opened.pop(), edge.end()))
    return cut(text, tables)


def without_elements(text: str) -> str:
    """Remove the elements that hold no prose: tables, lists, headings and struck text."""
    opened: dict[str, list[int]] = {name: [] for name in _REMOVED_ELEMENTS}
    elements = []
    for tag in _REMOVED_ELEMENT_TAG.finditer(text):
        starts = opened[tag[2].lower()]
        if not tag[1]:
            starts.append(tag.start())
        elif starts:
            elements.append((starts.pop(), tag.end()))
    return cut(text, elements) if elements else text


def unwrap_elements(text: str) -> str:
    """Replace all other elements by their content; block elements become paragraphs."""
    if "<" not in text:
        return text
    return _INLINE_ELEMENT_TAG.sub("", _BLOCK_ELEMENT_TAG.sub("\n\n", text))
