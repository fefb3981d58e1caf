"""Replace templates by their text, or by a hole.

`known_templates` and `local_templates` say which templates have a text. All others become holes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from albertlm.corpus.languages import language_name
from albertlm.corpus.wikitext.known_templates import INVISIBLE, known
from albertlm.corpus.wikitext.local_templates import local
from albertlm.corpus.wikitext.marks import HOLE, UNCLOSED
from albertlm.corpus.wikitext.numbers import NumberFormat
from albertlm.corpus.wikitext.rules import Arguments, Rule, parse_arguments
from albertlm.corpus.wikitext.wikis import Wiki

_NAME = re.compile(r"[^|:\n]*")
_RUN = re.compile(r"\{\{+|\}\}+")
_UNCLOSED_TEMPLATE = re.compile(UNCLOSED + r"[^\n}]*\}?")
_DEEPEST = 40
"""MediaWiki's limit on the nesting of templates, which also bounds what is copied here."""


def without_templates(text: str, title: str, wiki: Wiki) -> str:
    """Replace templates by their text, or by a hole if they do not stand for prose.

    Runs of braces are matched as in MediaWiki. A template that is never closed is removed up to a
    single closing brace or the end of its line.

    Args:
        text: wikitext without comments and extension tags.
        title: the text of `{{PAGENAME}}`.
        wiki: the wiki of the page.
    """
    if "{{" not in text and "}}" not in text:
        return text
    pieces: list[str] = []
    unclosed: list[tuple[int, int]] = []  # the index in `pieces`, the number of braces
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
            shown = _expand(content, title, wiki) if template else HOLE
            left -= matched
            count -= matched
            del pieces[place:]
            if count >= 2:
                unclosed.append((place, count))
                pieces += [UNCLOSED, shown]
            else:
                pieces += ["{" * count, shown]
        pieces.append("}" * left)
    pieces.append(text[done:])
    text = "".join(pieces)
    return _UNCLOSED_TEMPLATE.sub("", text) if unclosed else text


def _expand(content: str, title: str, wiki: Wiki) -> str:
    """Return the text that a template shows, or a hole.

    Args:
        content: what is between the template's braces, with inner templates already expanded.
        title: the page's title.
        wiki: the wiki of the page.
    """
    content = content.strip()
    written = _NAME.match(content)
    end = written.end() if written else 0
    name = content[:end].replace("_", " ").strip().lower()
    if content[end : end + 1] == ":":
        return _function(name, content[end + 1 :], wiki.numbers)
    if name in INVISIBLE:
        return ""
    if name in {"pagename", "fullpagename", "pagenamebase"}:
        return title
    return _shown(name, content, wiki) or HOLE


def _shown(name: str, content: str, wiki: Wiki) -> str:
    if rule := _rules(wiki).get(name):
        return rule(parse_arguments(content))
    if name == "langx" or name.startswith("lang-"):
        return _foreign(name, parse_arguments(content), english=wiki.english)
    if name.startswith("script/"):
        return parse_arguments(content).get("1", "")
    return ""


@cache
def _rules(wiki: Wiki) -> Mapping[str, Rule]:
    return {**known(wiki), **local(wiki)}


def _foreign(name: str, arguments: Arguments, *, english: bool) -> str:
    """Return `German: Mühle` for `{{lang-de|Mühle}}`, and `Mühle` if the wiki is not English."""
    code, place = name.removeprefix("lang-"), "1"
    if name == "langx":
        code, place = arguments.get("1", ""), "2"
    text = arguments.get(place, "")
    label = language_name(code) if english and text else ""
    return f"{label}: {text}" if label else text


def _function(name: str, value: str, numbers: NumberFormat) -> str:
    """Return the text of a parser function that only changes its form, or a hole for others."""
    if name in {"lc", "uc", "lcfirst", "ucfirst"}:
        return value
    if name != "formatnum":
        return HOLE
    number, _, form = (part.strip() for part in value.partition("|"))
    if form == "NOSEP":
        return number
    return numbers.read(number) if form == "R" else numbers.write(number)
