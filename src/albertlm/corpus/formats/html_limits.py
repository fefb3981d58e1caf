"""Refuse HTML pages for which a parser would need far more time or memory than for a book.

For each end tag, a parser searches all open elements, and for each attribute, all others of its tag
and all names of attributes. It opens formatting that was never closed again in every later
paragraph, and takes elements apart that overlap.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

MAX_DEPTH = 1000
"""The limit on nested elements."""

MAX_TAGS = 300_000
"""The limit on tags, which bounds the parser's memory; a novel of 5 MB has a third as many."""

MAX_ATTRIBUTES = 1000
"""The limit on the attributes of a tag."""

MAX_ATTRIBUTE_NAMES = 5000
"""The limit on different attributes in a page."""

MAX_REPEATED = 3_000_000
"""The limit on the number of open formatting elements, summed over all tags."""

MAX_OVERLAPS = 500_000
"""The limit on the number of elements that the end tags of formatting elements overlap with."""

VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
"""Elements without content, which have no end tag."""

_IMPLIED = frozenset(f"{VOID}|p|li|dt|dd|tr|td|th|option".split("|"))
"""Elements that the next of their kind closes, so that they do not nest without others."""

_RAW = frozenset("iframe noembed noframes script style textarea title xmp".split())  # noqa: SIM905
"""Elements whose content is text, outside of `_FOREIGN`."""

_FOREIGN = ("math", "svg")

_SCOPES = frozenset(
    """
    annotation-xml applet caption desc foreignobject marquee math mi mn mo ms mtext object svg table
    template title
    """.split()  # noqa: SIM905
)
"""Elements inside of which an end tag closes nothing that was opened outside."""

_FORMATTING = frozenset("b big code em font i s small strike strong tt u".split())  # noqa: SIM905
"""Elements that are opened again in each paragraph until their end tags."""

_HEADING = re.compile(r"\Ah[2-6]\Z")
"""The end tag of any heading closes any heading."""

_NAME = r"[^\s/>][^\s/>=]*+"
_VALUE = r"""(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+)?+)?+"""
_ATTRIBUTE = re.compile(rf"[\s/]*+({_NAME}){_VALUE}", re.IGNORECASE)
_MARKUP = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<[!?][^>]*+"
    r"|</[^a-z][^>]*+"
    rf"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?P<attributes>(?:[\s/]*+{_NAME}{_VALUE})*+)",
    re.DOTALL | re.IGNORECASE,
)
"""A comment, another part that is no element, or a tag up to its `>`.

Source: the HTML standard, section 13.2.5, for comments and attributes."""


class _Elements:
    """Counts the elements that are open; it may count too many, but never too few."""

    def __init__(self) -> None:
        self.depth = self.formatting = self.overlaps = 0
        self._depths: dict[str, list[int]] = {name: [] for name in _FORMATTING}
        self._scopes = [("", Counter[str]())]
        self._tables: list[str] = []

    def open(self, name: str) -> None:
        if name in _IMPLIED:
            return
        if name in _SCOPES:
            self._scopes.append((name, Counter()))
        if name in {"table", "template"}:
            self._tables.append(name)
        if name in _FORMATTING:
            self._depths[name].append(self.depth)
        self._scopes[-1][1][name] += 1
        self._count(name, 1)

    def close(self, name: str) -> None:
        if name == "table" and self._tables[-1:] == [name]:
            while self._scopes[-1][0] != name:
                self._leave()
        scope, opened = self._scopes[-1]
        if name in _FORMATTING:
            began = self._depths[name].pop() if self._depths[name] else 0
            self.overlaps += max(self.depth - 1 - began, 0)
        if opened[name]:
            opened[name] -= 1
            self._count(name, -1)
            if scope == name:
                self._leave()

    def are_foreign(self) -> bool:
        return self._scopes[-1][0] in _FOREIGN

    def _leave(self) -> None:
        """End a scope; what is still open in it counts as open outside."""
        scope, opened = self._scopes.pop()
        self._scopes[-1][1].update(opened)
        if scope in {"table", "template"}:
            self._tables.pop()

    def _count(self, name: str, change: int) -> None:
        self.depth += change
        self.formatting += change * (name in _FORMATTING)


def reason(markup: str) -> str:
    """Return why a page is refused, or an empty string if it is within all limits."""
    if markup.count("<") > MAX_TAGS:
        return "too many elements"
    elements = _Elements()
    attribute_names: set[str] = set()
    repeated = 0
    for tag in _tags(markup, elements):
        names = _ATTRIBUTE.findall(tag["attributes"])
        attribute_names.update(names)
        if len(names) > MAX_ATTRIBUTES or len(attribute_names) > MAX_ATTRIBUTE_NAMES:
            return "too many attributes"
        name = _HEADING.sub("h1", tag["name"].lower())
        if tag["end"]:
            elements.close(name)
        else:
            elements.open(name)
        repeated += elements.formatting
        if elements.depth > MAX_DEPTH or repeated > MAX_REPEATED:
            return "nested too deeply"
        if elements.overlaps > MAX_OVERLAPS:
            return "badly nested"
    return ""


def _tags(markup: str, elements: _Elements) -> Iterator[re.Match[str]]:
    """Yield the tags of a page, without what is text in scripts and the like."""
    position = 0
    while found := _MARKUP.search(markup, position):
        position = found.end()
        if not found["name"]:
            continue
        is_foreign = elements.are_foreign()  # before the tag, which may open another scope
        yield found
        name = found["name"].lower()
        if name in _RAW and not found["end"] and not is_foreign:
            end = _END_OF_RAW[name].search(markup, position)
            position = end.start() if end else len(markup)


_END_OF_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}
