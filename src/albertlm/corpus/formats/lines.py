"""Files that are read line by line, and parted at any byte."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from albertlm.corpus import files
from albertlm.corpus.documents import Span


def spans(path: str, format_: str) -> list[Span]:
    """Ranges of bytes, `SPAN_BYTES` each; a compressed file is one span."""
    size = files.text_size(path)
    if files.is_compressed(path) or not size:
        return [Span(path, format_, size=size)]
    edges = [*range(0, size, files.SPAN_BYTES), size]
    return [Span(path, format_, start, stop, stop - start) for start, stop in pairwise(edges)]


def read(span: Span) -> Iterator[tuple[int, bytes]]:
    """Byte offset and bytes of each line that starts in the span or after it.

    The caller stops at a line from `span.stop` on. A line over `MAX_DOCUMENT_BYTES` is cut to one
    byte more than that.

    Raises:
        ValueError: the file is compressed, and truncated or broken.
    """
    # from the byte before: the line that it belongs to is the span before's
    offset = max(span.start - 1, 0)
    with files.open_bytes(span.path, start=offset) as file:
        inside = span.start > 0
        while line := file.readline(files.MAX_DOCUMENT_BYTES + 1):
            if not inside:
                yield offset, line
            inside = not line.endswith(b"\n")
            offset += len(line)
