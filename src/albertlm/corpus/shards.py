"""A built corpus on disk: parquet shards of sentence-split documents and their manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from albertlm import storage
from albertlm.corpus.documents import Document, Drop

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "albertlm corpus 1"
"""In the manifest: what the folder is, with the version of its layout."""

DOCUMENT_COLUMNS = ("id", "source", "title", "url", "licence", "text")
DROP_COLUMNS = ("id", "source", "reason", "where", "text")

_MEND = "fetch it again, or remove {} and build the corpus again"

_GROUP_CHARACTERS = 4 << 20
"""Text of a row group: it is what a reader or writer holds in memory."""


@dataclass(frozen=True)
class Corpus:
    """A corpus that `build` has finished.

    Fields:
        folder: where it lies.
        manifest: inputs with hashes, options, versions, counts, drops by reason, and `shards`: for
            each file's name its documents and SHA-256.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Open a folder.

        Raises:
            ValueError: it holds no corpus, an unfinished one, or one whose shards are missing.
        """
        folder = Path(folder)
        manifest = storage.read_manifest(
            folder, FORMAT, begun="plan.json", command="albertlm corpus build"
        )
        corpus = cls(folder, manifest)
        for shard in corpus.shards:
            if not shard.is_file():
                raise ValueError(f"{shard} is missing; {_MEND.format(folder)}")
        return corpus

    @property
    def shards(self) -> list[Path]:
        """The parquet files, in order."""
        return [self.folder / name for name in self.manifest["shards"]]

    def documents(self, shard: Path) -> Iterator[Document]:
        """The documents of one of the shards, in order.

        Raises:
            ValueError: the file is damaged.
        """
        verify(shard, self.manifest["shards"][shard.name]["sha256"])
        yield from read_documents(shard)


def verify(shard: Path, sha256: str) -> None:
    """Raise a ValueError where a file is not the one with this checksum."""
    if storage.sha256(shard) != sha256:
        raise ValueError(f"{shard} is damaged; {_MEND.format(shard.parent)}")


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a file that `ParquetFile` wrote, in flat memory.

    Raises:
        ValueError: the file is damaged.
    """
    for row in _read_rows(path, DOCUMENT_COLUMNS):
        yield Document(**row)


def read_drops(path: Path) -> Iterator[Drop]:
    """As `read_documents`, for what was left out."""
    for row in _read_rows(path, DROP_COLUMNS):
        yield Drop(**row)


def _read_rows(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            # by row groups, since a batch of so many rows would hold as many whole books
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, columns=list(columns)).to_pylist()
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}); {_MEND.format(path.parent)}") from None


class RowWriter:
    """Documents or drops, one by one, into a parquet file with a row each."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema: pa.Schema = pa.schema([(name, pa.string()) for name in columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, str]] = []
        self._characters = 0

    def add(self, row: Document | Drop) -> None:
        self._rows.append(asdict(row))
        self._characters += len(row.text)
        if self._characters >= _GROUP_CHARACTERS:
            self._flush()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._characters = [], 0
