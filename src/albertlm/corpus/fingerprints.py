"""Reduce a document of any length to the 528 bytes by which its copies are found."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
import numpy.typing as npt

from albertlm.corpus.documents import Document

SIGNATURE = 128
"""The number of values in a MinHash signature. Each agrees between two documents with probability
J, the Jaccard similarity of their sets of five consecutive words."""

FINGERPRINT = np.dtype(
    [("key", np.uint64), ("exact", np.uint64), ("minhash", np.uint32, (SIGNATURE,))]
)
"""`key` is a hash of (source, id), `exact` a hash of the text's letters and digits without case,
and `minhash` the signature of its sets of consecutive words."""

WORDS_IN_A_ROW = 5

_UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Characters of scripts without spaces: Thai to Burmese, Khmer, kana and ideographs."""

_WORD_BYTES = bytes(b if b >= 128 or chr(b).isalnum() else 32 for b in range(256))
_POWERS = np.cumprod(np.full(1024, 0x9E3779B97F4A7C15, np.uint64))


def fingerprint(document: Document) -> npt.NDArray[Any]:
    """Return the fingerprint of a document, one element of type `FINGERPRINT`.

    Words are runs of letters, the marks combined with them, and digits; in scripts without spaces,
    such as those of Chinese, Japanese and Thai, every character is a word. A text of fewer than
    five words has a single set of words. The same text has the same fingerprint on every machine.
    """
    text = _words(document.text)
    row = np.zeros((), FINGERPRINT)
    row["key"] = _digest(document.source.encode() + b"\0" + document.id.encode())
    row["exact"] = _digest(text[text != ord(" ")].tobytes())
    row["minhash"] = _minhash(_rows_of_words(text))
    return row


class FingerprintWriter:
    """Writes the fingerprints of documents one by one into a file that `numpy.load` reads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._rows = 0
        self._write_header()

    def add(self, document: Document) -> None:
        self._file.write(fingerprint(document).tobytes())
        self._rows += 1

    def __enter__(self) -> FingerprintWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._file.seek(0)
            self._write_header()

    def _write_header(self) -> None:
        """Write the header, which NumPy pads to the same length for any number of rows."""
        header = {
            "descr": np.lib.format.dtype_to_descr(FINGERPRINT),
            "fortran_order": False,
            "shape": (self._rows,),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def _words(text: str) -> npt.NDArray[np.uint8]:
    """Return the words in UTF-8, each followed by a space."""
    text = text.casefold()
    if not text.isascii():
        text = _no_word().sub(" ", text)
        if _UNSPACED.search(text):
            text = _UNSPACED.sub(r" \g<0> ", text)
    spaced = b" " + text.encode("utf-8", "replace").translate(_WORD_BYTES) + b" "
    characters = np.frombuffer(spaced, np.uint8)
    in_word = characters != ord(" ")
    words: npt.NDArray[np.uint8] = characters[1:][in_word[1:] | in_word[:-1]]
    return words


@cache
def _no_word() -> re.Pattern[str]:
    """Return an expression for characters beyond ASCII that are neither word nor combining mark."""
    marks = (char for char in map(chr, range(0x300, 0x10000)) if category(char)[0] == "M")
    return re.compile(rf"[^\x00-\x7f\w{''.join(marks)}]")


def _rows_of_words(text: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return a hash of each five consecutive words.

    The hash of a word is a polynomial in its bytes, and that of five words a polynomial in their
    hashes, both modulo 2^64.
    """
    ends = np.flatnonzero(text == ord(" ")) + 1
    if not len(ends):
        return np.zeros(0, np.uint64)
    starts = np.concatenate(([0], ends[:-1]))
    place = np.arange(len(text)) - np.repeat(starts, ends - starts)
    words = np.add.reduceat(text * _POWERS.take(place, mode="wrap"), starts)
    words ^= words >> np.uint64(29)
    rows = max(1, len(words) - WORDS_IN_A_ROW + 1)
    hashes = np.zeros(rows, np.uint64)
    for word in range(min(WORDS_IN_A_ROW, len(words))):
        hashes = hashes * _POWERS[1] + words[word : word + rows]
    return hashes ^ (hashes >> np.uint64(32))


def _minhash(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, [0, len(hashes)], SIGNATURE, 1)
    return np.array(matrix.to_rows()[0], np.uint32)


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
