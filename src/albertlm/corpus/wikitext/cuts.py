"""Parts of a text taken out."""

from __future__ import annotations

from collections.abc import Iterable

from albertlm.corpus.wikitext.marks import HOLE


def cut(text: str, parts: Iterable[tuple[int, int]]) -> str:
    """The text with a hole in place of each part.

    Args:
        text: any text.
        parts: where each begins and ends; they may nest and overlap.
    """
    kept = []
    done = 0
    for start, stop in sorted(parts):
        if start >= done:
            kept += [text[done:start], HOLE]
        done = max(done, stop)
    return "".join([*kept, text[done:]])
