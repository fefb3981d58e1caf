"""Remove what volunteers add to the books that they transcribe: credits, notes and marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_FIRST = 10
"""The number of paragraphs at the beginning of a book that may be credits."""

_CREDIT = re.compile(
    r"\W*(?:(?:(?:this |an? )?(?:e-?text|e-?book|html version|file) (?:was |is )?)?"
    r"(?:produced|prepared|transcribed|scanned|proofread|proofed|typed|digiti[sz]ed)\b.*\b"
    r"(?:by|from)\b|credits:)",
    re.IGNORECASE,
)
_VOLUNTEERS = re.compile(
    r"distributed proofread|proofreading team|\bpgdp\b|internet archive|archive\.org|"
    r"project gutenberg|gutenberg\.(?:org|net)|google (?:books|print)|hathitrust|gallica\.bnf",
    re.IGNORECASE,
)

_BY_NAME = (
    r"transcriber['’]?s?['’]? notes?|"
    r"(?:note|avis|remarque)s? (?:du|de la|sur la|de) trans\w+|"
    r"not[ae] (?:del|della|di|sulla) trascri\w+|"
    r"(?:anmerkung|bemerkung|hinweis)(?:en|e)? (?:zur|des|der) (?:trans\w+|bearbeit\w+)|"
    r"(?:opmerking|aantekening)(?:en)? van (?:de|het) (?:bewerk|trans)\w+|"
    r"notas? (?:del?|de la|do|da) trans\w+|"
    r"transkri\w+ (?:anm|huom)\w+|huomautuksia"
)
_NOTE = re.compile(rf"\W*(?:{_BY_NAME})\b", re.IGNORECASE)
_PERHAPS_NOTE = re.compile(
    r"\W*(?:au lecteur|al lettore|an den leser|aan de lezer|al lector|ao leitor|to the reader|"
    r"liste (?:des|de) (?:modification|correction|errata)\w*|"
    r"liste der (?:änderungen|korrekturen)|lista (?:delle|de) correzion\w+)\W*",
    re.IGNORECASE,
)
"""Headings of notes, some of which an author may have written too."""

_OF_TRANSCRIBERS = re.compile(
    r"\btrans[ck]ri|\btrascri|électroni(?:que|sé)|\b(?:e-?text|e-?book|ocr\b|scann)|"
    r"\b(?:orthogra|ortogra|typogra|tipogra|tipográ|spelling|punctuation|ponctuation|hyphenat)|"
    r"\b(?:punteggiatura|interpun|rechtschreib|schreibweise|zeichensetzung|druckfehler|misprint)|"
    r"\b(?:printer['’]s errors?|original(?:text|e)? (?:text|druck|edition))|gutenberg",
    re.IGNORECASE,
)
_MOST_AT_END = 8_000
"""The length, in characters, up to which all that follows the heading of a note belongs to it."""

_ADDITION = re.compile(
    r"(\[\W{0,3}(?:"
    r"illustra(?:tion|zion)\w*|illustrati\w+|ilustra\w+|abbildung\w*|bild|figura|kuva\w*|εικόνα|"
    r"иллюстрация|рисунок|插圖|插图|"
    r"footnote|fu(?:ß|ss)note|voetnoot|note de bas de page|"
    r"im folgenden werden (?:alle )?geänderte\w*|"
    rf"side-?note|marginal note|randnotiz|{_BY_NAME}|pg\.? ?\w+"
    r")\b)|\[|\]",
    re.IGNORECASE,
)
_LONGEST_ADDITION = 20_000

_ANCHOR = re.compile(r"(?<=\S)\s?\[(\d{1,4}|[A-Z]|\*{1,3}|[†‡§])\]")
_FOOTNOTE = re.compile(r"\W{0,2}\[(\d{1,4}|[A-Z]|\*{1,3}|[†‡§])\]")
_MARKS = (
    (re.compile(r"[\^_]\{([^{}]{1,20})\}"), r"\1"),  # superscripts and subscripts
    (re.compile(r"\s?\{(?:pg\.? ?|p\. ?)?\d{1,4}\}", re.IGNORECASE), ""),  # numbers of pages
    (re.compile(r"(?<=\w)\^([a-z]{1,3})\b"), r"\1"),
    (re.compile(r"\{([^\W\d_a-z]{1,20})\}"), r"\1"),  # small capitals
    (re.compile(r"(?<!\w)_([^_]+)_(?!\w)"), r"\1"),  # italics
    (re.compile(r"(?<![\w=])=(?=\S)([^=]{1,300})=(?![\w=])"), r"\1"),  # bold type
    (re.compile(r"(?<![\w~])~(?=\S)([^~]{1,300})~(?![\w~])"), r"\1"),  # spaced type
)


def tidy(paragraphs: Iterable[str]) -> list[str]:
    """Remove credits, transcribers' notes, footnotes, and the marks of pages, pictures and type."""
    return _without_marks(_without_notes(_without_additions("\n".join(paragraphs)).split("\n")))


def _without_additions(text: str) -> str:
    """Remove additions in brackets, which may hold brackets and several paragraphs."""
    kept: list[str] = []
    opened: list[tuple[int, bool]] = []
    cuts: list[tuple[int, int]] = []
    for bracket in _ADDITION.finditer(text):
        if bracket[0] != "]":
            opened.append((bracket.start(), bool(bracket[1])))
            continue
        start, added = opened.pop() if opened else (0, False)
        if added and bracket.end() - start <= _LONGEST_ADDITION:
            while cuts and cuts[-1][0] > start:
                cuts.pop()
            cuts.append((start, bracket.end()))
    done = 0
    for start, stop in cuts:
        kept.append(text[done:start])
        done = stop
    return "".join([*kept, text[done:]])


def _without_notes(paragraphs: Sequence[str]) -> list[str]:
    """Remove credits at the beginning, and transcribers' notes anywhere."""
    left = sum(map(len, paragraphs))
    kept: list[str] = []
    in_note = False
    for place, paragraph in enumerate(paragraphs):
        after = paragraphs[place + 1] if place + 1 < len(paragraphs) else ""
        by_name = _NOTE.match(paragraph)
        perhaps = _PERHAPS_NOTE.fullmatch(paragraph[:80]) and _OF_TRANSCRIBERS.search(after)
        if (by_name or perhaps) and left <= _MOST_AT_END and place >= _FIRST:
            break
        in_note = bool(by_name or perhaps or (in_note and _OF_TRANSCRIBERS.search(paragraph)))
        credit = _CREDIT.match(paragraph) or _VOLUNTEERS.search(paragraph)
        if not in_note and not (credit and place < _FIRST):
            kept.append(paragraph)
        left -= len(paragraph)
    return kept


def _without_marks(paragraphs: Iterable[str]) -> list[str]:
    """Remove the marks of footnotes, which paragraphs with the same mark hold, pages and type."""
    kept = []
    anchors: set[str] = set()
    for paragraph in paragraphs:
        footnote = _FOOTNOTE.match(paragraph)
        if footnote and footnote[1] in anchors:
            continue
        anchors.update(_ANCHOR.findall(paragraph))
        text = _ANCHOR.sub("", paragraph)
        for pattern, replacement in _MARKS:
            text = pattern.sub(replacement, text)
        kept.append(text)
    return kept
