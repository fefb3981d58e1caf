"""Remove the licence from Project Gutenberg's books.

Their wording has changed over fifty years.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAME = re.compile(r"project\s+gutenberg", re.IGNORECASE)

_START = re.compile(
    r"\W*(?:(?:start|beginning) of (?:the|this)(?: copyrighted)? project gutenberg"
    r"|end\W*the small print)",
    re.IGNORECASE,
)
_END = re.compile(
    r"\W*(?:(?:this is )?(?:the )?end(?: of(?: the| this)?(?: copyrighted)?)? proje[ck]t gutenberg"
    r"|this is a copyrighted project gutenberg e-?(?:text|book), details above"
    r"|ende dieses? (?:proje[ck]t gutenberg|e-?(?:text|book)e?s?\b)"
    r"|(?:fin|fine|fim|einde|slut|loppu)\b.{0,20} proje[ck]to? gutenberg)",
    re.IGNORECASE,
)
_TITLE = re.compile(r"\s*title:\s*(\S.*)", re.IGNORECASE)
_HEADING = re.compile(
    r"\W*(?:the )?project gutenberg(?:['’]s)? e-?(?:text|book) of (?P<old>.+?)(?:,? by .*)?\W*$"
    r"|(?P<new>.+?)\s*\|\s*project gutenberg\s*$",
    re.IGNORECASE,
)
_HEADING_LENGTH = 300

_NUMBER = re.compile(r"\[\s*e-?(?:book|text)\s*#\s*(\d+)\s*\]", re.IGNORECASE)
_COPYRIGHTED = re.compile(r"copyrighted project gutenberg", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a file states. `licence` is empty for the few books under copyright."""

    title: str
    url: str
    licence: str


def part(lines: Sequence[str]) -> tuple[Head | None, Sequence[str]]:
    """Return a file's head and the lines of the book; None and all lines for other books.

    The book lies between the last line such as `*** START OF THE PROJECT GUTENBERG …` or
    `*END*THE SMALL PRINT! …` and the next line such as `*** END OF THE PROJECT GUTENBERG …` or
    `End of Project Gutenberg's …`.
    """
    starts = [number for number, line in enumerate(lines) if _START.match(line)]
    ends = [number for number, line in enumerate(lines) if _END.match(line)]
    if not starts and not ends:
        return None, lines
    first = starts[0] if starts else -1
    end = next((number for number in ends if number > first), len(lines))
    begin = max((_after(lines, number) for number in starts if number < end), default=0)
    return _head(lines[: max(begin, 10)]), lines[begin:end]


def title_of(heading: str) -> str:
    """Return the title of a book from a heading that may also name Project Gutenberg."""
    match = _HEADING.match(" ".join(heading[:_HEADING_LENGTH].split()))
    return match["old"] or match["new"] if match else heading


def _after(lines: Sequence[str], number: int) -> int:
    """Return the number of the line after a start; one with a long title has up to three lines."""
    if lines[number].lstrip().startswith("***"):
        for last in range(number, min(number + 3, len(lines))):
            if lines[last].rstrip().endswith("***"):
                return last + 1
    return number + 1


def _head(lines: Sequence[str]) -> Head:
    text = " ".join(" ".join(lines).split())
    number = _NUMBER.search(text)
    return Head(
        title=_title(lines),
        url=f"https://www.gutenberg.org/ebooks/{number[1]}" if number else "",
        licence="" if _COPYRIGHTED.search(text) else "Public domain in the USA",
    )


def _title(lines: Sequence[str]) -> str:
    for number, line in enumerate(lines):
        if match := _TITLE.match(line):
            parts = [match[1]]
            for more in lines[number + 1 :]:
                if not more[:1].isspace() or not more.strip():
                    break
                parts.append(more)
            return " ".join(" ".join(parts).split())
    return next((title for line in lines if (title := title_of(line)) != line), "")
