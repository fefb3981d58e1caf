"""Repair damaged characters and remove leftover markup, extra whitespace and headings."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import is_normalized

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

HEADING_WORDS = 6
_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = r"\u0e00-\u109f\u1780-\u17ff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]{{1,2}}|[{_UNSPACED}]{{1,5}}|[^\s{_IDEOGRAPHS}{_UNSPACED}]+")
"""A word of a heading. In scripts without spaces, a word has about two characters in Chinese and
Japanese and five in Thai, Lao, Tibetan, Burmese and Khmer."""

PASSES = 8
"""The number of times that a line is repaired before it is discarded."""

_INLINE = "abbr|b|big|cite|code|del|dfn|em|font|i|ins|kbd|ref|s|samp|small|span|strong|sub|sup|tt|u"
_BLOCK = (
    "blockquote|br|center|dd|div|dl|dt|gallery|hr|imagemap|includeonly|li|math|noinclude|nowiki|"
    "ol|onlyinclude|p|poem|pre|references|score|table|td|th|timeline|tr|ul"
)
_TAG = r"</?(?:{})(?:\s++[\w-]+=[^<>]*+|\s*+/?)>"
_INLINE_TAG = re.compile(_TAG.format(_INLINE), re.IGNORECASE)
_BLOCK_TAG = re.compile(_TAG.format(_BLOCK), re.IGNORECASE)
"""HTML and MediaWiki tags that an extractor left behind; `a <b and c> d` is prose. Block tags are
replaced by a space and inline tags by nothing."""

_DIRECTIONS = (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2061, 0x2070))
_INVISIBLE = dict.fromkeys((*range(0x80, 0xA0), 0x00AD, 0x200B, 0x2060, *_DIRECTIONS))
"""Soft hyphens, zero-width spaces, directional marks and the control characters that ftfy keeps.
The joiners U+200C and U+200D stay: Persian and Indian languages need them for their spelling."""

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_SCRIPTS = r"\u0386-\u03ff\u0410-\u044f\u0500-\u1fff\u2c00-\uf8fe"
_QUOTES = "‘’“”«»–—…"
_BEFORE_QUOTES = rf"{_QUOTES}\u03ac-\u03ce\u0430-\u044f\u0500-\u1fff\u2c00-\uf8fe"
_PERHAPS_MOJIBAKE = re.compile(
    rf"[^\x00-\x7f{_SCRIPTS}](?:(?=[^\x00-\x7f])(?!(?<=[{_QUOTES}])[{_QUOTES}{_SCRIPTS}])"
    rf"|(?<=[^\x00-\x7f].)(?<![{_BEFORE_QUOTES}][{_QUOTES}])"
    r"|(?<=[ÃÂ])(?= )|(?<=[Œœ])(?=[^A-Za-z]))"
)
"""A character that can be part of mojibake, next to another non-ASCII character (except a quote
next to a quote or a letter), or one of four such characters before ASCII. Every pattern of
`ftfy.badness`, none of which is longer than six characters, contains such a place; this expression
finds them ten times as fast."""


def clean(text: str) -> str:
    """Return text with damaged characters repaired, HTML removed and whitespace normalised.

    ftfy repairs characters that were decoded incorrectly, HTML entities, control characters, line
    breaks other than line feeds, and the Unicode form (NFC). Quotes, ligatures and wide characters
    are left to the tokenizer's normalisation. Invisible characters and known HTML tags are removed,
    and each run of whitespace becomes one space. Lines remain lines; a line that still changes
    after eight passes is not text and becomes empty. Cleaning is idempotent.
    """
    return _cleaned(text.replace("\r\n", "\n"), PASSES)


def without_headings(text: str, title: str) -> str:
    """Return text without the title and section headings that an extractor left as lines.

    Removes the line that is the title and every line of at most six words, which includes a few
    short paragraphs. In scripts without spaces, a word is two ideographs or kana, or five letters
    of Thai and similar scripts. Without a title, the text is returned unchanged.

    Args:
        text: one paragraph per line.
        title: the document's title, or an empty string.
    """
    if not title:
        return text
    return "\n".join(line for line in text.split("\n") if not _is_heading(line, title))


def _is_heading(line: str, title: str) -> bool:
    bare = _without_tags(line).strip()
    if bare == title:
        return True
    return len(bare.split()) <= HEADING_WORDS and len(_WORD.findall(bare)) <= HEADING_WORDS


def _cleaned(text: str, passes: int) -> str:
    return "\n".join([_cleaned_line(line, passes) for line in text.split("\n")])


def _cleaned_line(line: str, passes: int) -> str:
    sound = _is_sound(line)
    if sound and _is_tidy(line):
        return line
    mended = _tidied(line) if sound else _mended(line)
    if mended == line:
        return line
    return _cleaned(mended, passes - 1) if passes else ""


def _is_tidy(line: str) -> bool:
    """Return whether `_tidied` would not change the line; False if it only might."""
    return line.isprintable() and "  " not in line and line[:1] != " " and line[-1:] != " "


def _tidied(line: str) -> str:
    return " ".join(line.split())


def _is_sound(line: str) -> bool:
    """Return whether `_mended` would change nothing but spaces; False if it only might."""
    if "&" in line or "<" in line or "\ufffc" in line:
        return False
    if not line.isprintable() and _CONTROL.search(line):
        return False
    if line.isascii():
        return True
    if not is_normalized("NFC", line):
        return False
    places = _PERHAPS_MOJIBAKE.finditer(line)
    return not any(_is_bad()(line[max(0, p.start() - 5) : p.end() + 5]) for p in places)


def _mended(line: str) -> str:
    from ftfy import fix_text_segment
    from ftfy.fixes import unescape_html

    mended = fix_text_segment(unescape_html(line), _configuration()).translate(_INVISIBLE)
    return "\n".join(_tidied(part) for part in _without_tags(mended).split("\n"))


@cache
def _is_bad() -> Callable[[str], bool]:
    from ftfy.badness import is_bad

    return is_bad


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    return _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", text))


@cache
def _configuration() -> TextFixerConfig:
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False,  # ftfy would repeat it indefinitely for `&amp;amp;amp;`
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        normalization="NFC",
        explain=False,
    )
