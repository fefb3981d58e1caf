"""Templates, found by MediaWiki's rule for runs of braces, in one scan."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import HOLE, UNCLOSED
from albertlm.corpus.wikitext.namespaces import Namespaces
from albertlm.corpus.wikitext.templates import expand

_RUN = re.compile(r"\{\{+|\}\}+")
_UNCLOSED_TEMPLATE = re.compile(UNCLOSED + r"[^\n}]*\}?")
_DEEPEST = 40
"""MediaWiki's limit on templates within templates, which also bounds what is copied here."""


def without_templates(text: str, title: str, namespaces: Namespaces) -> str:
    """The page with the text of templates that stand for prose, and a hole for every other.

    A template that is never closed is taken out up to a single closing brace or the end of its
    line.

    Args:
        text: wikitext without comments and extension tags.
        title: what `{{PAGENAME}}` stands for.
        namespaces: of the wiki.
    """
    if "{{" not in text and "}}" not in text:
        return text
    pieces: list[str] = []
    unclosed: list[tuple[int, int]] = []  # the place in `pieces`, the number of braces
    done = 0
    for run in _RUN.finditer(text):
        pieces.append(text[done : run.start()])
        done = run.end()
        left = done - run.start()
        if text[run.start()] == "{":
            unclosed.append((len(pieces), left))
            pieces.append(UNCLOSED)
            continue
        while left >= 2 and unclosed:
            place, count = unclosed.pop()
            matched = min(count, left, 3)
            template = matched == 2 and len(unclosed) < _DEEPEST
            content = "".join(pieces[place + 1 :]) if template else ""
            shown = expand(content, title, namespaces) if template else HOLE
            left -= matched
            count -= matched
            del pieces[place:]
            if count >= 2:
                unclosed.append((place, count))
                pieces += [UNCLOSED, shown]
            else:
                pieces += ["{" * count, shown]
    pieces.append(text[done:])
    text = "".join(pieces)
    return _UNCLOSED_TEMPLATE.sub("", text) if unclosed else text
