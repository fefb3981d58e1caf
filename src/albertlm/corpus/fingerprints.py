"""What is kept of a document to find its copies: 528 bytes, however long it is."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from albertlm.corpus.documents import Document

SIGNATURE = 128
"""Values of a MinHash signature; each is the same in two documents with the probability J, the
Jaccard similarity of their sets of five words in a row."""

FINGERPRINT = np.dtype(
    [("key", np.uint64), ("exact", np.uint64), ("minhash", np.uint32, (SIGNATURE,))]
)
"""`key` tells (source, id), `exact` the letters and digits of the text without case, `minhash` its
sets of words."""

WORDS_IN_A_ROW = 5

_NO_WORD = re.compile(r"[^\x00-\x7f\w]")
_IDEOGRAPH = re.compile("[぀-ヿ㐀-鿿豈-﫿]")
_WORD_BYTES = bytes(b if b >= 128 or chr(b).isalnum() else 32 for b in range(256))
_POWERS = np.cumprod(np.full(1024, 0x9E3779B97F4A7C15, np.uint64))


def fingerprint(document: Document) -> npt.NDArray[Any]:
    """The fingerprint of a document, one element of type `FINGERPRINT`.

    Words are runs of letters and digits; in Chinese and Japanese every character is one. A text of
    fewer than five words is one row of words. The same text gives the same fingerprint everywhere.
    """
    text = _words(document.text)
    row = np.zeros((), FINGERPRINT)
    row["key"] = _digest(document.source.encode() + b"\0" + document.id.encode())
    row["exact"] = _digest(text[text != ord(" ")].tobytes())
    row["minhash"] = _minhash(_rows_of_words(text))
    return row


class FingerprintWriter:
    """The fingerprints of documents, one by one, into a file that `numpy.load` reads."""

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
        """A header takes the same room for any number of rows: NumPy pads it for that."""
        header = {
            "descr": np.lib.format.dtype_to_descr(FINGERPRINT),
            "fortran_order": False,
            "shape": (self._rows,),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def _words(text: str) -> npt.NDArray[np.uint8]:
    """The words in UTF-8, one blank after each."""
    text = text.casefold()
    if not text.isascii():
        text = _NO_WORD.sub(" ", text)
        if _IDEOGRAPH.search(text):
            text = _IDEOGRAPH.sub(r" \g<0> ", text)
    spaced = b" " + text.encode("utf-8", "replace").translate(_WORD_BYTES) + b" "
    characters = np.frombuffer(spaced, np.uint8)
    in_word = characters != ord(" ")
    words: npt.NDArray[np.uint8] = characters[1:][in_word[1:] | in_word[:-1]]
    return words


def _rows_of_words(text: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """A hash of each five words in a row: of each word a polynomial in its bytes, of these another
    polynomial, both modulo 2^64.
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
