"""The last steps: what is left of markup, and what is left around holes."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import HOLE, INDENT

_SWITCH = re.compile(r"__([^\W\d_]+(?:_[^\W\d_]+)*)__")
_VARIANTS = re.compile(r"-\{([^{}\n]*)\}-")
_REMAINS = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|\{\||\|\}|'''+|</?ref")
_HOLES = re.compile(rf"{HOLE}[{HOLE} \t\xa0,;:]*")
_SEPARATORS = " \t\xa0,;:"
_LAST = {"(": ")", "[": "]", "（": "）"}
_LEAD_IN = re.compile(r"\b(?:pronounced(?: as)?|pronunciation)$")


def without_remains(text: str) -> str:
    """The text without behaviour switches and markup that was never closed.

    Of language variants (`-{zh-hans:A; zh-hant:B}-`) the first stays.
    """
    if "__" in text:
        text = _SWITCH.sub(lambda name: "" if name[1] == name[1].upper() else name[0], text)
    if "-{" in text:
        text = _VARIANTS.sub(lambda content: _first_variant(content[1]), text)
    # A space, so that what stood on either side makes no new markup.
    return _REMAINS.sub(" ", text.replace(INDENT, " "))


def _first_variant(content: str) -> str:
    """`zh-hans:A; zh-hant:B` is `A`; flags before a bar are left out."""
    variant = content.rpartition("|")[2].partition(";")[0]
    code, colon, text = variant.partition(":")
    return text.strip() if colon and code.strip().startswith("zh") else variant


def close_holes(text: str) -> str:
    """A paragraph without the punctuation that only belonged to what was taken out.

    `Mulan ( ; , ) is` becomes `Mulan is`. Nothing changes but next to a hole.
    """
    kept: list[str] = []
    done = 0
    for hole in _HOLES.finditer(text):
        before = text[done : hole.start()]
        left = _without_lead_in(before.rstrip(_SEPARATORS))
        separators = before[len(left) :] + hole[0]
        done = hole.end()
        after = text[done : done + 1]
        emptied = False
        while left and after and _LAST.get(left[-1]) == after:
            left = left[:-1].rstrip()
            done += 1
            after = text[done : done + 1]
            emptied = True
        kept.append(left)
        kept.append(_joint(separators, left[-1:], after, emptied=emptied))
    kept.append(text[done:])
    return "".join(kept)


def _joint(separators: str, before: str, after: str, *, emptied: bool) -> str:
    """What stays of the separators around a hole."""
    if before in _LAST or after in {"", ")", "]", ".", "!", "?"}:
        return ":" if ":" in separators and not after else ""
    if emptied:
        return "" if after in {",", ";", ":", " ", ""} else " "
    mark = next((mark for mark in ";,:" if mark in separators), "")
    space = any(char.isspace() for char in separators)
    return mark + " " if space else mark


def _without_lead_in(text: str) -> str:
    """`(pronounced {{IPA|…}})` is nothing without the pronunciation."""
    words = _LEAD_IN.search(text[-20:])
    return text[: len(text) - len(words[0])].rstrip(_SEPARATORS) if words else text
