"""Lines that are prose, and lines that are something else."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import HOLE, INDENT

_NO_PROSE = re.compile(
    rf"\n(?:[ \t{HOLE}]*+(?:"
    r"[*#|}]"  # list items; rows of a table or parameters of a template that is never closed
    r"|\{\|"  # the first line of such a table
    r"|\w+:[^\n|]*\.(?i:jpe?g|png|svg|gif|tiff?|webp|webm|og[gv])[ \t]*(?:\||(?=\n))"  # gallery
    r"|![^\n]*(?:!!|\|)"  # its header
    rf"|==|=[^\n]*=[ \t{HOLE}]*(?=\n)"  # headings
    rf")|[:;{INDENT}])"  # indented, defined or preformatted
    r"[^\n]*"
)
_RULE = re.compile(r"\n-{4,}")
_QUOTES = re.compile(r"''+")
_AROUND = f" \t\r\f\v\xa0{HOLE}{INDENT}"


def prose_lines(text: str) -> str:
    """The lines of a page that are prose; the page starts and ends with a line break.

    Out go list items, headings, indented and preformatted lines, rules, and what is left of
    broken tables and templates.
    """
    return _RULE.sub("\n\n", _NO_PROSE.sub("\n", text))


def paragraphs(text: str) -> list[str]:
    """Lines that follow each other, joined."""
    found = []
    lines: list[str] = []
    for line in text.split("\n"):
        stripped = line.strip(_AROUND)
        if stripped:
            lines.append(_without_quotes(stripped) if "''" in stripped else stripped)
        elif lines:
            found.append(" ".join(lines))
            lines = []
    if lines:
        found.append(" ".join(lines))
    return found


def _without_quotes(line: str) -> str:
    """The line without marks of bold and italic type.

    Two apostrophes are italic, three bold, five both; more are apostrophes and both, four one
    and bold. Where bold and italic both stay open, one bold mark was an apostrophe before an
    italic mark (`''Hamlet'''s`), chosen as MediaWiki does.
    """
    if "'''" not in line:
        return line.replace("''", "")
    parts = _QUOTES.split(line)
    runs = [len(run) for run in _QUOTES.findall(line)]
    kept = ["'" * (1 if run == 4 else max(run - 5, 0)) for run in runs]
    bold = [i for i, run in enumerate(runs) if run >= 3]
    italic = [run for run in runs if run == 2 or run >= 5]
    if len(bold) % 2 and len(italic) % 2:
        threes = [i for i in bold if runs[i] <= 4]
        if threes:
            kept[min(threes, key=lambda i: _rank(parts[i] + kept[i]))] += "'"
    return "".join(part + mark for part, mark in zip(parts, [*kept, ""], strict=True))


def _rank(before: str) -> int:
    """The order of places for an apostrophe: after one letter, a longer word, a space."""
    if before[-1:].isspace():
        return 2
    return 0 if before[-2:-1].isspace() else 1
