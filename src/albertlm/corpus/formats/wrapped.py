"""Join the lines of hard-wrapped text to paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

LONG_LINE = 100
"""The number of characters that few lines of hard-wrapped text exceed."""

_SHORTEST_WIDTH = 25
_STOP = re.compile(r"[.!?:;。！？।۔؟…]['\"”’»)\]]*\s*\Z")
_BROKEN_WORD = re.compile(r"(?<=\w)(?:-|--|—|\xad)\Z")
_SUSPENDED = frozenset(
    "and or nor to und oder bis et ou e o y u ed en of och eller och og eller i lub".split()  # noqa: SIM905
)
"""Words before which a hyphen at the end of a line belongs to a word of its own (`pre- and`)."""

_IDEOGRAPH = re.compile("[\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")
_PAGE_NUMBER = re.compile(r"(?<=[\s.…·_])\d{1,4}\Z")
_LEADERS = re.compile(r"(?<![.…])(?<![.…] )(?:\.{4,}|…{2,}|\.(?: \.){2,}+)\s*\d{1,4}\Z")
_FEWEST_ENTRIES = 3
_CONTENTS = re.compile(
    r"\W*(?:table of )?contents\W*|\W*table des mati[èe]res\W*|\W*sommaire\W*|\W*[ií]ndice\W*|"
    r"\W*inhalt(?:sverzeichnis)?\W*|\W*inhoud\W*|\W*содержание\W*|\W*目[录錄次]\W*",
    re.IGNORECASE,
)


def is_wrapped(lines: Sequence[str]) -> bool:
    """Return whether lines end where the next word would no longer fit, not where sentences end.

    This holds if hardly a line has more than 100 characters and if, of the lines that another one
    follows directly, most could not take the first word of it, and most do not end with a stop.
    """
    filled = [line for line in lines if line.strip()]
    if not filled or _are_long(filled):
        return False
    pairs = [(line.rstrip(), after) for line, after in pairwise(lines) if line and after.strip()]
    pairs = [(line, after) for line, after in pairs if line]
    width = max((len(line) for line, _ in pairs if len(line) <= LONG_LINE), default=0)
    if width < _SHORTEST_WIDTH:
        return False
    full = sum(_filled(line, after) > 0.85 * width for line, after in pairs)
    stopped = sum(_is_stopped(line) for line, _ in pairs)
    return full >= 0.6 * len(pairs) and stopped <= 0.4 * len(pairs)


def join_lines(lines: Sequence[str]) -> list[str]:
    """Return the paragraphs of lines that may be hard-wrapped, without tables of contents.

    If more than 5 % of the lines exceed 100 characters, each line is a paragraph. Otherwise, a
    paragraph ends at a blank line or, if there are no blank lines, before an indented line. If
    nothing separates paragraphs, one ends after each line, or in hard-wrapped text after a sentence
    whose line could have taken another word.
    """
    lines = without_contents(lines)
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled:
        return []
    if _are_long([lines[number] for number in filled]):
        return [lines[number] for number in filled]
    spaced = filled[-1] - filled[0] >= len(filled)
    indented = any(lines[number][0].isspace() for number in filled)
    if spaced or indented:
        return _joined_at_gaps(lines, spaced=spaced)
    text = [lines[number] for number in filled]
    return _joined_at_short_lines(text) if is_wrapped(text) else text


def without_contents(lines: Sequence[str]) -> list[str]:
    """Remove tables of contents: lines that end in page numbers, and the heading before them.

    These are lines with leaders (`Chapter I ..... 7`), and at least three lines whose last numbers
    do not fall, with at most one other line between two of them.
    """
    stripped = [line.strip() for line in lines]
    filled = [number for number, line in enumerate(stripped) if line]
    removed = {number for number in filled if _LEADERS.search(stripped[number])}
    run: list[int] = []  # places in `filled`
    last = 0
    for place, number in enumerate([*filled, -1]):
        page = _PAGE_NUMBER.search(stripped[number]) if number >= 0 else None
        follows = page and (not run or (place - run[-1] <= 2 and int(page[0]) >= last))
        if follows and page:
            run.append(place)
            last = int(page[0])
        elif page or number < 0 or (run and place - run[-1] >= 2):
            if len(run) >= _FEWEST_ENTRIES:
                heading = run[0] and _CONTENTS.fullmatch(stripped[filled[run[0] - 1]][:40])
                removed.update(filled[run[0] - bool(heading) : run[-1] + 1])
            run, last = ([place], int(page[0])) if page else ([], 0)
    return [line for number, line in enumerate(lines) if number not in removed]


def _are_long(filled: Sequence[str]) -> bool:
    return sum(len(line) > LONG_LINE for line in filled) > 0.05 * len(filled)


def _filled(line: str, after: str) -> int:
    """Return the length of a line with the first word of the next one."""
    return len(line) + 1 + len(after.split(maxsplit=1)[0])


def _is_stopped(line: str) -> bool:
    return bool(_STOP.search(line[-8:]))


def _joined_at_gaps(lines: Sequence[str], *, spaced: bool) -> list[str]:
    paragraphs = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        blank = not line.strip()
        if paragraph and (blank or (not spaced and line[0].isspace())):
            paragraphs.append("".join(_spaced(paragraph)))
            paragraph = []
        if not blank:
            paragraph.append(line)
    return paragraphs


def _joined_at_short_lines(lines: Sequence[str]) -> list[str]:
    width = max(len(line) for line in lines if len(line) <= LONG_LINE)
    paragraphs = []
    paragraph: list[str] = []
    for line, after in pairwise([*lines, " "]):
        paragraph.append(line)
        if not after.strip() or (_is_stopped(line) and _filled(line, after) <= width):
            paragraphs.append("".join(_spaced(paragraph)))
            paragraph = []
    return paragraphs


def _spaced(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a paragraph with a space between them, where they need one.

    They need none after a hyphen or dash within a word, and between ideographs.
    """
    lines = [line.strip() for line in lines]
    for line, after in pairwise([*lines, ""]):
        broken = _BROKEN_WORD.search(line)
        suspended = line[-2:-1].isalpha() and after.partition(" ")[0] in _SUSPENDED
        if not after:
            yield line
        elif broken and after[0].isalnum() and not suspended:
            yield line.removesuffix("\xad")
        elif _IDEOGRAPH.match(line[-1]) and _IDEOGRAPH.match(after):
            yield line
        else:
            yield f"{line} "
