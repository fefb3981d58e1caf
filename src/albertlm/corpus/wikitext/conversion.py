"""Resolve the markup of MediaWiki's language converter: `-{zh-hans:A; zh-hant:B}-`.

Wikis in languages with several scripts or spellings use it, such as those in Chinese, Serbian and
Kazakh. See https://www.mediawiki.org/wiki/Writing_systems/Syntax.
"""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import UNCLOSED

_BRACKETS = re.compile(r"-\{(?!\{)|\}-")
_DEEPEST = 10
"""MediaWiki's limit on nested markup, which also bounds what is copied here."""

_CODE = (
    r"(?:zh|gan|wuu|sr|sh|kk|uz|tg|tt|ku|shi|iu|ike|crh|ban|tly|zgh|mni|nan|en)"
    r"(?:-(?:x-)?[a-z]{2,8})?"
)
_FLAGS = re.compile(rf"\s*(?:(?:[A-Z-]|{_CODE})\s*(?:;\s*|(?=\|)))*\|")
_SILENT = frozenset("HTN-")
"""Flags of rules that show nothing: hidden, of the title, the name of a variant, and removed."""

_RULE_END = re.compile(rf";\s*+(?=(?:[^;]*?=>\s*+)?{_CODE}\s*:|\Z)", re.IGNORECASE)
_RULE = re.compile(rf"\s*+(?:[^;]*?=>\s*+)?{_CODE}\s*:(.*)", re.IGNORECASE | re.DOTALL)


def without_conversion(text: str) -> str:
    """Replace conversion markup by the text that it shows in the first variant that it names.

    Rules for the title or for the rest of the page show nothing. Markup that is never closed is
    left as it is.
    """
    if "-{" not in text:
        return text
    pieces: list[str] = []
    unclosed: list[int] = []  # places in `pieces`
    done = 0
    for bracket in _BRACKETS.finditer(text):
        pieces.append(text[done : bracket.start()])
        done = bracket.end()
        if bracket[0] != "}-":
            unclosed.append(len(pieces))
            pieces.append(UNCLOSED)
        elif not unclosed:
            pieces.append(bracket[0])
        else:
            place = unclosed.pop()
            if len(unclosed) < _DEEPEST:
                pieces[place:] = [_shown("".join(pieces[place + 1 :]))]
            else:
                pieces[place] = ""
    pieces.append(text[done:])
    return "".join(pieces).replace(UNCLOSED, "-{")


def _shown(content: str) -> str:
    """Return the text that markup shows, given what is between its brackets."""
    if flags := _FLAGS.match(content):
        if _SILENT.intersection(part.strip() for part in flags[0][:-1].split(";")):
            return ""
        content = content[flags.end() :]
    first = _RULE.fullmatch(_RULE_END.split(content, maxsplit=1)[0])
    return first[1].strip() if first else content
