"""Comments and extension tags: what MediaWiki takes out of a page before it reads anything else."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.entities import unescape
from albertlm.corpus.wikitext.marks import HOLE, protect

_LITERAL = ("nowiki",)
_INVISIBLE = ("includeonly", "indicator", "templatestyles", "templatedata", "section")
_REMOVED = (
    "categorytree", "ce", "chem", "gallery", "graph", "hiero", "imagemap", "inputbox", "mapframe",
    "maplink", "math", "pre", "references", "score", "source", "syntaxhighlight", "timeline",
)  # fmt: skip
_CODE = ("source", "syntaxhighlight")
NAMES = (*_LITERAL, *_INVISIBLE, *_REMOVED, "ref")
"""Tags whose content is not wikitext for a reader."""

_ALL = "|".join((*_LITERAL, *_INVISIBLE, *_REMOVED))
_OPENING = re.compile(rf"<(?:!--|({_ALL})(?=[\s/>])([^<>]*)>)", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_ALL})\s*>", re.IGNORECASE)
_CLOSING_OF = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _ALL.split("|")}
_REFERENCE_ALONE = re.compile(r"<ref\s[^<>]*/>|<ref/>", re.IGNORECASE)
_REFERENCE = re.compile(r"<ref(?:\s[^<>]*)?>", re.IGNORECASE)
_REFERENCE_END = re.compile(r"</ref\s*>", re.IGNORECASE)


def without_tags(text: str) -> str:
    """The page without comments, references and other tags that hold no prose.

    `<nowiki>` leaves its content, protected. A tag that is never closed goes alone, a comment that
    is never closed with the rest of its line.
    """
    return _without_references(_without_blocks(text)) if "<" in text else text


def _without_blocks(text: str) -> str:
    # To know the last closing tag of each kind keeps the search for it linear over the page.
    last = {tag[1].lower(): tag.start() for tag in _CLOSING.finditer(text)}
    last_comment = text.rfind("-->")
    kept = []
    done = 0
    while tag := _OPENING.search(text, done):
        start, stop = tag.span()
        kept.append(text[done:start])
        if tag[1] is None:
            done = _comment_end(text, start, last_comment)
            continue
        name, attributes = tag[1].lower(), tag[2]
        done = stop
        content = ""
        if not attributes.endswith("/") and last.get(name, -1) >= stop:
            end = _CLOSING_OF[name].search(text, stop)
            if end:
                content = text[stop : end.start()]
                done = end.end()
        if name in _LITERAL:
            kept.append(protect(unescape(content)))
        elif name in _CODE and "inline" in attributes:
            kept.append(protect(content))
        elif name not in _INVISIBLE:
            kept.append(HOLE)
    kept.append(text[done:])
    return "".join(kept)


def _comment_end(text: str, start: int, last: int) -> int:
    """Where the page goes on after a comment; one alone on its line takes the line's end along."""
    if last < start + 4:
        line_end = text.find("\n", start)
        return len(text) if line_end < 0 else line_end
    stop = text.index("-->", start + 4) + 3
    alone = start == 0 or text[start - 1] == "\n"
    return stop + 1 if alone and text[stop : stop + 1] == "\n" else stop


def _without_references(text: str) -> str:
    first, *others = _REFERENCE.split(_REFERENCE_ALONE.sub(HOLE, text))
    kept = [first]
    for part in others:
        # A reference cannot hold another one: without its end before the next, it has none.
        end = _REFERENCE_END.search(part)
        kept += [HOLE, part[end.end() :] if end else part]
    return "".join(kept)
