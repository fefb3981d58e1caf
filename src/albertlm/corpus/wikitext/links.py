"""Links: their text stays; files, categories and links to other languages go."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import UNCLOSED
from albertlm.corpus.wikitext.namespaces import Namespaces

_EXTERNAL = re.compile(
    r"\[(?:(?:https?|ftps?|sftp|news|mailto|irc|git|svn|tel|urn|gopher):|//)[^\s\[\]<>]++[^\S\n]*+"
    r"((?:[^\[\]\n]++|\[\[[^\[\]\n]*+\]\])*+)\]",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"\[\[(?:[^\[\]|\n:]++\|([^\[\]|\n]++)|([^\[\]|\n:]++))\]\]")
"""A link without a prefix, by far the most frequent one."""

_BRACKETS = re.compile(r"\[\[(?!\[)|\]\]")
_DEEPEST = 40
"""Links deeper than this within links lose their brackets and are not looked into; a caption that
holds a link is two deep. It bounds what is copied."""

_TRAILING_NOTE = re.compile(r"\s*[(（][^()（）]*[)）]\s*$")


def without_links(text: str, namespaces: Namespaces) -> str:
    """The page with the text of its links.

    Brackets that are never closed go alone, those of a file with the rest of their line.
    """
    if "[" not in text:
        return text
    text = _EXTERNAL.sub(r"\1", text)
    if "[[" not in text and "]]" not in text:
        return text
    return _without_internal_links(_PLAIN.sub(r"\1\2", text), namespaces)


def _without_internal_links(text: str, namespaces: Namespaces) -> str:
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
                pieces[place:] = [_shown("".join(pieces[place + 1 :]), namespaces)]
            else:
                pieces[place] = ""
    pieces.append(text[done:])
    kept, *opened = "".join(pieces).split(UNCLOSED)
    return kept + "".join(_without_file(text, namespaces) for text in opened)


def _without_file(text: str, namespaces: Namespaces) -> str:
    """Text after brackets that are never closed; a file that begins there ends with its line."""
    if not namespaces.hides(text.partition("|")[0]):
        return text
    line_end = text.find("\n")
    return text[line_end:] if line_end >= 0 else ""


def _shown(link: str, namespaces: Namespaces) -> str:
    """What a reader sees of a link, given what is between its brackets."""
    target, pipe, label = link.partition("|")
    if "\n" in target:
        return link  # brackets around something that is no link
    if namespaces.hides(target.strip()):
        return "" if "\n=" not in label else label  # a file that was never closed
    if label.strip():
        return label
    target = target.strip().removeprefix(":")
    return _without_context(target) if pipe else target


def _without_context(target: str) -> str:
    """`[[Help:Style (music)|]]` shows `Style`, `[[Boston, Massachusetts|]]` shows `Boston`."""
    name = target.rpartition(":")[2]
    shorter = _TRAILING_NOTE.sub("", name)
    return shorter if shorter != name else name.partition(", ")[0]
