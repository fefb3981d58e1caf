"""Split text into sentences, and store them as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from albertlm.corpus.abbreviations import ENDS, goes_on, missed_ends
from albertlm.corpus.languages import WIKIS

LANGUAGES = WIKIS | {"nb"}
"""The supported codes. If sentencex has no rules for a language, it uses those of a related
language or of English."""

LONGEST = 10_000
"""The length limit of a sentence, in characters. On longer text, sentencex takes quadratic time in
the number of quotes that are never closed."""

LONG = 300
"""The number of characters above which quotes and brackets no longer hold sentences together."""

_CAPITAL = "A-ZÀ-ÖØ-ÞΑ-ΫЁ-Я"
_OPENING = "\"'“‘„«("
_STOP_WITHIN = re.compile(rf"[.!?]['\"”’»)]* [{_OPENING}]*[{_CAPITAL}]")
_CLOSED_STOP_WITHIN = re.compile(rf"[.!?]['\"”’»)]+ [{_OPENING}]*[{_CAPITAL}]")
_QUOTE_OR_BRACKET = re.compile(r"[\"“”‘„«»()]|(?<!\w)['’]|['’](?!\w)")

_LEFT_OVER = re.compile(r"(?:[)\]}’”“»]+[.,;:!?]*|:\d[\d:,–-]*)(?:\s+|\Z)|[\W_]+\Z")
_LONGEST_ENUMERATOR = 20
_ENUMERATOR = re.compile(r"\W*(?:\d{1,4}|[IVXLC]{1,6}|[A-Za-z])[.)]\s*\Z")
_ORDINAL = re.compile(r"\b\d{1,2}\. \w\Z")
"""A number before which German does not end a sentence, and the first character after it."""

_IDEOGRAPHIC = frozenset("gan hak ja lzh nan wuu yue zh zh-classical zh-min-nan zh-yue".split())  # noqa: SIM905
_NEW_SENTENCE = re.compile(r"[。！？](?=[0-9０-９A-Za-zＡ-Ｚａ-ｚ])")
"""A stop before a number or Latin letter, where sentencex does not split Chinese and Japanese."""

_SPEAKER = {
    "ja": re.compile(r"(?:と|って|という|などと|[をはがのにも](?=[一-龯ァ-ヶ「『]))"),
    "ko": re.compile(r"(?:이?라고|하고|고 )|[^.!?\"”]{0,15}(?:말했|물었|대답|외쳤|소리쳤|덧붙였)"),
    "zh": re.compile(r"[^，。！？“「『]{0,8}(?:说|說|道|问|問|答|喊|叫)(?:[，。：:！？]|了|着)"),
}
"""What continues a sentence after a quotation that ends with a stop."""

_CLOSED_QUOTATION = re.compile(r"[。！？.!?][”’」』\"]\s*\Z")
_CLOSED_QUESTION = re.compile(r"[！？][”’」』]\Z")
_PER = re.compile(r"/ ?[^\W\d_A-Z]{1,5}[²³23]?(?![\w/])")
"""What follows a unit: `hab. /km²`."""

_PARTICLE = re.compile(r"を|[はがの](?=[一-龯ァ-ヶ])")
_QUOTES = tuple("`«“„‘\"'")
_LOOSE_QUOTE = re.compile(r"(?<=\s)(?:``|[«“„‘\"'])\s*\Z")
"""A quote at the end of a piece that can belong to the next one."""


def split_sentences(text: str, language: str) -> list[list[str]]:
    """Return the sentences of each paragraph that is not empty.

    The text is split by sentencex. Its most frequent mistakes in books and encyclopedias are
    corrected: the end of a quotation or bracket, or a part that begins in lower case, is joined to
    the sentence before, as is what follows an abbreviation (`abbreviations`) and whoever speaks a
    quotation; the number or letter of a list item is joined to the sentence after; a quotation of
    several sentences is split if it is long or if a new sentence follows it; a quote that opens a
    sentence belongs to it. Within a sentence, each run of whitespace becomes one space, so a
    sentence never contains a line break.

    Args:
        text: one paragraph per line.
        language: ISO 639 code, which selects the rules for abbreviations and quotes.

    Raises:
        ValueError: the language is not known.
    """
    check_language(language)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return [
        [sentence for part in _parts(line) for sentence in _sentences(part, language)]
        for line in lines
        if line
    ]


def check_language(language: str) -> None:
    """Raise a ValueError for an unknown language, which sentencex would accept."""
    if language not in LANGUAGES:
        raise ValueError(
            f"language {language!r} is not known; give the code of a Wikipedia, such as en or de, "
            "or that of a language with the same punctuation"
        )


def join_sentences(paragraphs: Iterable[Sequence[str]]) -> str:
    """Return paragraphs of sentences as text, the inverse of `paragraphs`.

    Each sentence is a line, and a blank line separates paragraphs.
    """
    return "\n\n".join("\n".join(sentences) for sentences in paragraphs)


def paragraphs(text: str) -> list[list[str]]:
    """Return the paragraphs of sentences of a text that `join_sentences` returned."""
    return [part.split("\n") for part in text.split("\n\n")] if text else []


def _parts(paragraph: str) -> Iterator[str]:
    """Yield parts of at most `LONGEST` characters, split after a full stop or else a space."""
    while len(paragraph) > LONGEST:
        head = paragraph[:LONGEST]
        stops = [head.rfind(stop) + len(stop) for stop in (". ", "! ", "? ", "。") if stop in head]
        cut = max(stops, default=head.rfind(" ") + 1) or LONGEST
        yield paragraph[:cut]
        paragraph = paragraph[cut:]
    yield paragraph


def _sentences(paragraph: str, language: str) -> list[str]:
    pieces: list[str] = []
    for piece in _segments(paragraph, language):
        within = _STOP_WITHIN if len(piece) > LONG else _CLOSED_STOP_WITHIN
        if within.search(piece):
            pieces += _split_within(piece, language)
        else:
            pieces.append(piece)
    if len(pieces) > 1:
        if any(piece[-3:].rstrip().endswith(_QUOTES) for piece in pieces):
            pieces = _with_opening_quotes(pieces)
        pieces = _joined(pieces, language)
    if language in _IDEOGRAPHIC or language in ENDS:
        pieces = [part for piece in pieces for part in _split_at(piece, _missed(piece, language))]
    return [sentence for piece in pieces if (sentence := piece.strip())]


def _segments(text: str, language: str) -> list[str]:
    """Return what sentencex takes for sentences, where ``quotes'' do not hold them together."""
    import sentencex

    if "``" not in text:
        return list(sentencex.segment(language, text))
    plain = text.replace("``", "  ").replace("''", "  ")
    return list(_split_at(text, accumulate(map(len, sentencex.segment(language, plain)))))


def _split_at(text: str, places: Iterable[int]) -> Iterator[str]:
    start = 0
    for place in places:
        yield text[start:place]
        start = place
    if start < len(text):
        yield text[start:]


def _missed(piece: str, language: str) -> list[int]:
    """Return where sentences end within a piece, outside of quotations."""
    if language not in _IDEOGRAPHIC:
        return missed_ends(piece, language)
    found = []
    depth = done = 0
    for stop in _NEW_SENTENCE.finditer(piece):
        passed = piece[done : stop.end()]
        depth += sum(passed.count(char) for char in "“「『（") - sum(map(passed.count, "”」』）"))
        done = stop.end()
        if depth <= 0:
            found.append(done)
    return found


def _with_opening_quotes(pieces: Iterable[str]) -> list[str]:
    """Move quotes that stand alone at the end of a piece to the next one if they open it.

    A straight quote opens a quotation if no space follows it, or if the number of those before it
    is even.
    """
    moved: list[str] = []
    before = {'"': 0, "'": 0}
    opening = ""
    for piece in pieces:
        text = opening + piece
        opening = ""
        if loose := _LOOSE_QUOTE.search(text[-4:]):
            quote = loose[0].strip()
            glued = loose[0] == quote
            if quote not in before or glued or (before[quote] + text.count(quote)) % 2:
                opening = loose[0]
                text = text[: len(text) - len(opening)]
        for quote in before:
            before[quote] += text.count(quote)
        if text:
            moved.append(text)
    return [*moved, opening] if opening else moved


def _split_within(piece: str, language: str) -> Iterator[str]:
    """Split a piece again without its quotes and brackets, which seem to mislead sentencex."""
    import sentencex

    start = end = 0
    for part in sentencex.segment(language, _QUOTE_OR_BRACKET.sub(" ", piece)):
        end += len(part)
        cut = end  # after spaces and quotes; opening quotes belong to the next part
        while cut > start + 1 and piece[cut - 1] in _OPENING and piece[cut - 2] in _OPENING + " ":
            cut -= 1
        yield piece[start:cut]
        start = cut
    yield piece[start:]


def _joined(pieces: list[str], language: str) -> list[str]:
    """Join pieces that continue the sentence before them."""
    joined = [pieces[0]]
    cased = not next(filter(str.isalpha, pieces[0]), "").islower()
    quoting = language in _SPEAKER or language in _IDEOGRAPHIC
    for piece in pieces[1:]:
        rest = piece
        if not piece[:1].isalnum() and (left_over := _LEFT_OVER.match(piece)):
            joined[-1] += left_over.group()
            rest = piece[left_over.end() :]
        before = joined[-1]
        if not rest:
            continue
        if (
            rest[0] in ",;:"
            or (rest[0] == "/" and _PER.match(rest))
            or (rest[0] in "-–—(" and not before[-1].isspace())
            or (cased and rest.lstrip("-–— ")[:1].islower())
            or (len(before) < _LONGEST_ENUMERATOR and _ENUMERATOR.fullmatch(before))
            or (language == "de" and _ORDINAL.search(before[-8:] + rest[0]))
            or goes_on(before[-24:], rest[:12], language)
            or (quoting and _quotation_goes_on(before, rest, language))
        ):
            joined[-1] += rest
        else:
            joined.append(rest)
    return joined


def _quotation_goes_on(before: str, rest: str, language: str) -> bool:
    """Return whether a stop is that of a quotation or name within a sentence."""
    chinese = language in _IDEOGRAPHIC and language != "ja"
    if language == "ja" and _PARTICLE.match(rest):
        return True
    if chinese and _CLOSED_QUESTION.search(before[-2:]) and rest[0] not in "“‘「『":
        return True
    speaker = _SPEAKER.get("zh" if chinese else language)
    return bool(speaker and _CLOSED_QUOTATION.search(before[-4:]) and speaker.match(rest))
