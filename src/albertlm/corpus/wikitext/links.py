"""Replace links by their text; remove files, categories and links to other languages."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import UNCLOSED
from albertlm.corpus.wikitext.wikis import Wiki

_EXTERNAL = re.compile(
    r"\[(?:(?:https?|ftps?|sftp|news|mailto|irc|git|svn|tel|urn|gopher):|//)[^\s\[\]<>]++[^\S\n]*+"
    r"((?:[^\[\]\n]++|\[\[[^\[\]\n]*+\]\])*+)\]",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"\[\[(?:[^\[\]|\n:]++\|([^\[\]|\n]++)|([^\[\]|\n:]++))\]\]")
"""A link without a prefix, by far the most frequent kind."""

_BRACKETS = re.compile(r"\[\[(?!\[)|\]\]")
_DEEPEST = 40
"""The depth of nesting below which links only lose their brackets, which bounds what is copied. A
link in a caption has depth two."""

_TRAILING_NOTE = re.compile(r"\s*[(（][^()（）]*[)）]\s*$")


def without_links(text: str, wiki: Wiki) -> str:
    """Replace the links of a page by their text.

    Brackets that are never closed are removed, those of a file with the rest of their line.
    """
    if "[" not in text:
        return text
    text = _EXTERNAL.sub(r"\1", text)
    if "[[" not in text and "]]" not in text:
        return text
    return _without_internal_links(_PLAIN.sub(r"\1\2", text), wiki)


def _without_internal_links(text: str, wiki: Wiki) -> str:
    pieces: list[str] = []
    unclosed: list[int] = []  # places in `pieces`
    done = 0
    for brackets in _BRACKETS.finditer(text):
        pieces.append(text[done : brackets.start()])
        done = brackets.end()
        if brackets[0] == "[[":
            unclosed.append(len(pieces))
            pieces.append(UNCLOSED)
        elif unclosed:
            place = unclosed.pop()
            if len(unclosed) < _DEEPEST:
                pieces[place:] = [_shown("".join(pieces[place + 1 :]), wiki)]
            else:
                pieces[place] = ""
    pieces.append(text[done:])
    kept, *opened = "".join(pieces).split(UNCLOSED)
    return kept + "".join(_without_file(text, wiki) for text in opened)


def _without_file(text: str, wiki: Wiki) -> str:
    """Return the text after unclosed brackets; a file that begins there ends with its line."""
    if not wiki.hides(text.partition("|")[0]):
        return text
    line_end = text.find("\n")
    return text[line_end:] if line_end >= 0 else ""


def _shown(link: str, wiki: Wiki) -> str:
    """Return the text that a link shows, given what is between its brackets."""
    target, pipe, label = link.partition("|")
    if "\n" in target:
        return link  # brackets around something that is not a link
    if wiki.hides(target.strip()):
        return "" if "\n=" not in label else label  # a file that was never closed
    if label.strip():
        return label
    target = target.strip().removeprefix(":")
    return _without_context(target) if pipe else target


def _without_context(target: str) -> str:
    """Return `Style` for `[[Help:Style (music)|]]`, `Boston` for `[[Boston, Massachusetts|]]`."""
    name = target.rpartition(":")[2]
    shorter = _TRAILING_NOTE.sub("", name)
    return shorter if shorter != name else name.partition(", ")[0]
