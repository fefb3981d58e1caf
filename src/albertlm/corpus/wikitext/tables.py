"""Tables in wikitext."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.cuts import cut
from albertlm.corpus.wikitext.marks import HOLE, INDENT

_EDGE = re.compile(rf"\n[ \t:{HOLE}{INDENT}]*+(\{{\||\|\}})")


def without_tables(text: str) -> str:
    """The page, which starts with a line break, without tables and tables in tables.

    A table that is never closed stays: its rows are lines that `prose_lines` leaves out.
    """
    if "{|" not in text:
        return text
    opened: list[int] = []
    tables = []
    for edge in _EDGE.finditer(text):
        if edge[1] == "{|":
            opened.append(edge.start() + 1)
        elif opened:
            tables.append((opened.pop(), edge.end()))
    return cut(text, tables)
