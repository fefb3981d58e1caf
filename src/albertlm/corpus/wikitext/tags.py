"""Comments and extension tags: what MediaWiki takes out of a page before it reads anything else."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.entities import unescape
from albertlm.corpus.wikitext.marks import HOLE, protect

_LITERAL = ("nowiki",)
_INVISIBLE = ("includeonly", "indicator", "templatestyles", "templatedata", "section")
_FILES = ("gallery", "imagemap")
_REMOVED = (
    "categorytree", "ce", "chem", "graph", "hiero", "inputbox", "mapframe", "maplink", "math",
    "poem", "pre", "references", "score", "source", "syntaxhighlight", "timeline",
)  # fmt: skip
_CODE = ("source", "syntaxhighlight")
NAMES = (*_LITERAL, *_INVISIBLE, *_FILES, *_REMOVED, "ref")
"""Tags whose content is not wikitext, or is no prose."""

_ALL = "|".join(NAMES[:-1])
_OPENING = re.compile(rf"<(?=[!a-zA-Z])(?:!--|({_ALL})(?=[\s/>])([^<>]*)>)", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_ALL})\s*>", re.IGNORECASE)
_CLOSING_OF = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _ALL.split("|")}
_REFERENCE_ALONE = re.compile(r"<ref\s[^<>]*/>|<ref/>", re.IGNORECASE)
_REFERENCE = re.compile(r"<ref(?:\s[^<>]*)?>", re.IGNORECASE)
_REFERENCE_END = re.compile(r"</ref\s*>", re.IGNORECASE)


def without_tags(text: str) -> str:
    """The page without comments, references and other tags that hold no prose.

    `<nowiki>` leaves its content, protected. A comment that is never closed hides the rest of the
    page, as in MediaWiki. Other tags that are never closed end with their line (references), at the
    next blank line (formulas, code), or at once (the lines of a gallery are told by `prose_lines`).
    """
    return _without_references(_without_blocks(text)) if "<" in text else text


def _without_blocks(text: str) -> str:
    # To know the last closing tag of each kind keeps the search for it linear over the page.
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
    """Where the page goes on after a comment; one alone on its line takes the line's end along."""
    stop = _found(text, "-->", start + 4) + 3
    alone = start == 0 or text[start - 1] == "\n"
    return stop + 1 if alone and text[stop : stop + 1] == "\n" else stop


def _without_references(text: str) -> str:
    first, *others = _REFERENCE.split(_REFERENCE_ALONE.sub(HOLE, text))
    kept = [first]
    for part in others:
        # A reference cannot hold another one: without its end before the next, it has none.
        end = _REFERENCE_END.search(part)
        kept += [HOLE, part[end.end() if end else _found(part, "\n", 0) :]]
    return "".join(kept)


def _found(text: str, what: str, start: int) -> int:
    place = text.find(what, start)
    return place if place >= 0 else len(text)
