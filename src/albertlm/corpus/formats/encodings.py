"""Decode texts and pages by their byte order mark, as UTF-8, or as their head declares."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DECLARATION = re.compile(
    rb"(?:character set encoding:|\bcharset\s*=|\bencoding\s*=)[\s\"']*([\w .()/-]+)",
    re.IGNORECASE,
)

_WIDER = {
    "gb18030": ("gb2312", "gb-2312", "gb-2312-80", "gbk", "x-gbk", "cp936", "chinese", "euc-cn"),
    "cp932": ("shift-jis", "sjis", "x-sjis", "ms-kanji", "windows-31j", "csshiftjis"),
    "cp949": ("euc-kr", "euckr", "ks-c-5601-1987", "ksc5601", "ksc-5601", "korean", "uhc"),
    "big5hkscs": ("big5", "big5-hkscs", "cn-big5", "x-x-big5", "csbig5"),
    "euc_jis_2004": ("euc-jp", "eucjp", "x-euc-jp"),
    "cp874": ("tis-620", "iso-8859-11", "dos-874"),
    "cp1254": ("iso-8859-9", "latin5", "l5"),
}
"""Encodings, and the names of their subsets. As in browsers, a declared subset stands for the whole
encoding (https://encoding.spec.whatwg.org), since pages use the characters that it adds."""

_WIDER_OF = {name: codec for codec, names in _WIDER.items() for name in names}


def decode(data: bytes) -> str:
    """Decode a text by its byte order mark, as UTF-8, or as its head declares.

    The encoding is never guessed: undeclared Latin-1 is an error.

    Raises:
        UnicodeDecodeError: all of this fails; the error is that of the first of these encodings.
    """
    marked = next((e for mark, e in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(marked).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        first = error
    if declared := _DECLARATION.search(data[:8192]):
        for codec in _codecs(declared[1].decode(errors="replace").lower()):
            try:
                return data.decode(codec).encode().decode()  # some codecs produce lone surrogates
            except (UnicodeError, LookupError):
                continue
    raise first


def _codecs(declared: str) -> Iterator[str]:
    """Yield the codecs that a declaration such as `iso 8859-1 (latin-1)` may mean."""
    words = declared.split()
    for name in ("-".join(words), *(word.strip("()").removeprefix("iso-") for word in words)):
        if wider := _WIDER_OF.get(name.replace("_", "-")):
            yield wider
        yield name
