"""Select the lines that are prose, and remove what is left of markup in them."""

from __future__ import annotations

import re

from albertlm.corpus.wikitext.marks import HOLE, INDENT

_NO_PROSE = re.compile(
    rf"\n(?:[ \t{HOLE}]*+(?:"
    r"[*#|]"  # list items; rows of a table or parameters of a template that is never closed
    r"|\{\|"  # the first line of such a table
    r"|\w+:[^\n|]*\.(?i:jpe?g|png|svg|gif|tiff?|webp|webm|og[gv])[ \t]*(?:\||(?=\n))"  # gallery
    r"|![^\n]*(?:!!|\|)"  # its header
    rf"|\}}+[ \t{HOLE}]*(?=\n)"  # the end of such a template
    rf"|==|=[^\n]*=[ \t{HOLE}]*(?=\n)"  # headings
    rf")|[:;{INDENT}])"  # indented, defined or preformatted
    r"[^\n]*"
)
_RULE = re.compile(r"\n-{4,}")
_QUOTES = re.compile(r"''+")
_AROUND = f" \t\r\f\v\xa0{HOLE}{INDENT}"
_SWITCH = re.compile(r"__([^\W\d_]+(?:_[^\W\d_]+)*)__")
_REMAINS = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|\{\||\|\}|'''+|</?ref")
_MARKS = (";；؛", ",，、،", ":：")
"""Marks between parts of a sentence. Of several around a hole, one of the first kind is kept."""

_SEPARATORS = f" \t\xa0\u3000{''.join(_MARKS)}"
_LEAD_IN = re.compile(rf"\b(?:pronounced(?: as)?|pronunciation)[{_SEPARATORS}]*+(?={HOLE})")
_BRACKETS = ("()", "[]", "（）", "［］", "〔〕", "【】", "「」", "『』", "《》", "〈〉")
_QUOTES_OF_PAIRS = ("“”", "„“", "„”", "‘’", "‚‘", "‚’")
_QUOTES_OF_EITHER_SIDE = ("«»", "‹›", "»«", "›‹", "””", "’’", '""')
_OPENING = "".join(pair[0] for pair in _BRACKETS)
_STOPS = ".!?。！？．।۔؟"
_CLOSING = _STOPS + "".join(pair[1] for pair in _BRACKETS)
_DEEPEST = 4
"""The depth of brackets within brackets that is emptied."""


def _emptied(pair: str, after: str = "") -> str:
    """Return an expression for a pair of marks with a hole, but no word, between them.

    Args:
        pair: the opening and the closing mark.
        after: a condition that the opening mark has to meet.
    """
    first, last = map(re.escape, pair)
    others = rf"[^\w{first}{last}]*+"
    return rf"{first}{after}(?=[^\w{first}{last}{HOLE}]*+{HOLE}){others}{last}"


_EMPTIED = re.compile(
    "|".join(
        [
            *map(_emptied, (*_BRACKETS, *_QUOTES_OF_PAIRS)),
            *(
                _emptied(pair, rf"(?<![^\s{re.escape(_OPENING)}]{pair[0]})")
                for pair in _QUOTES_OF_EITHER_SIDE
            ),
        ]
    )
)


def prose_lines(text: str) -> str:
    """Remove the lines of a page that are not prose; the page must start and end with a line break.

    These are list items, headings, indented and preformatted lines, rules, and what is left of
    broken tables and templates.
    """
    return _RULE.sub("\n\n", _NO_PROSE.sub("\n", text))


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a page, each of which joins consecutive lines."""
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
    """Remove the marks of bold and italic type from a line.

    Two apostrophes mark italic type, three bold type and five both. Four are an apostrophe and a
    bold mark, and more than five are apostrophes before a mark of both. If bold and italic type
    both stay open, one bold mark is an apostrophe and an italic mark (`''Hamlet'''s`), chosen as in
    MediaWiki.
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
    """Rank places for an apostrophe: after a single letter, after a longer word, after a space."""
    if before[-1:].isspace():
        return 2
    return 0 if before[-2:-1].isspace() else 1


def without_remains(text: str) -> str:
    """Remove behaviour switches and markup that was never closed."""
    if "__" in text:
        text = _SWITCH.sub(lambda name: "" if name[1] == name[1].upper() else name[0], text)
    # A space keeps the text on both sides from forming new markup.
    return _REMAINS.sub(" ", text.replace(INDENT, " "))


def close_holes(text: str) -> str:
    """Remove the punctuation that belonged only to what was removed.

    `Mulan ( ; , ) is` becomes `Mulan is`. The text changes only next to holes.
    """
    if HOLE not in text:
        return text
    if "pron" in text:
        text = _LEAD_IN.sub("", text)
    for _ in range(_DEEPEST):
        text, count = _EMPTIED.subn(HOLE, text)
        if not count:
            break
    first, *others, last = text.split(HOLE)
    kept = [first.rstrip(_SEPARATORS)]
    before, gap = kept[0][-1:], first[len(kept[0]) :]
    for part in others:
        rest = part.lstrip(_SEPARATORS)
        gap += HOLE + part[: len(part) - len(rest)]
        if rest:
            left = rest.rstrip(_SEPARATORS)
            kept += [_joint(gap, before, rest[0]), left]
            before, gap = left[-1], rest[len(left) :]
    rest = last.lstrip(_SEPARATORS)
    gap += HOLE + last[: len(last) - len(rest)]
    return "".join([*kept, _joint(gap, before, rest[:1]), rest])


def _joint(separators: str, before: str, after: str) -> str:
    """Return what remains of holes and the separators around them."""
    if not before or before in _OPENING or (after and after in _CLOSING):
        return ""
    marks = [mark for kind in _MARKS for mark in separators if mark in kind]
    if not after:
        return marks[-1] if marks and marks[-1] in _MARKS[-1] else ""
    space = " " if any(map(str.isspace, separators)) else ""
    if not marks or (before in _STOPS and separators[0] not in marks and not after.islower()):
        return space
    return marks[0] + space
