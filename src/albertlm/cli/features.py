"""`albertlm features`: a file of texts to a file of vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from albertlm import storage
from albertlm.cli import common
from albertlm.inference.engine import Floats

Chunk = tuple[list[str], list[Floats]]


def features(
    texts: Annotated[
        Path, typer.Argument(metavar="TEXTS", help="A file with one text a line; - is stdin.")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="The file to write: .npz or .parquet.")
    ],
    *,
    model: common.Model = None,
    pooling: Annotated[
        Literal["mean", "cls", "pooled", "tokens"],
        typer.Option(help="One vector a text, or with `tokens` one for each token."),
    ] = "mean",
    normalize: Annotated[bool, typer.Option("--normalize", help="Vectors of length 1.")] = False,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut texts that are too long for the model.")
    ] = False,
    batch_size: common.BatchSize = 16,
    engine: common.Engine = "numpy",
    as_json: common.Json = False,
) -> None:
    """Write the features of texts.

    .npz holds `features`, and with --pooling tokens also `offsets`: the rows of text i are
    those from offsets[i] to offsets[i + 1]. .parquet has the columns `text` and `features`.
    """
    from albertlm.inference.pipelines import pipeline

    if output.suffix not in _WRITERS:
        raise ValueError(f"{output} ends in {output.suffix or 'nothing'}; name a .npz or .parquet")
    lines = common.read_lines(texts)
    extract = pipeline("feature-extraction", model, engine=engine)

    def chunks() -> Iterator[Chunk]:
        for chunk in common.in_chunks(lines, batch_size, "features"):
            yield (
                chunk,
                extract(
                    chunk,
                    pooling=None if pooling == "tokens" else pooling,
                    normalize=normalize,
                    truncation=truncate,
                    batch_size=batch_size,
                ),
            )

    with storage.atomic_path(output) as temporary:
        _WRITERS[output.suffix](temporary, chunks(), pooling == "tokens")
    size = extract.engine.config.hidden_size
    if as_json:
        common.print_json({"output": str(output), "texts": len(lines), "dimensions": size})
    else:
        print(f"{len(lines)} texts, vectors of {size} dimensions: {output}")


def _write_npz(path: Path, chunks: Iterable[Chunk], tokens: bool) -> None:
    rows = [row for _, chunk in chunks for row in chunk]
    with path.open("wb") as file:  # given a path, NumPy would append .npz
        if tokens:
            offsets = np.cumsum([0, *(len(row) for row in rows)])
            np.savez(file, features=np.concatenate(rows), offsets=offsets)
        else:
            np.savez(file, features=np.stack(rows))


def _write_parquet(path: Path, chunks: Iterable[Chunk], tokens: bool) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    vector = pa.list_(pa.float32())
    schema = pa.schema(
        [("text", pa.string()), ("features", pa.list_(vector) if tokens else vector)]
    )
    with ParquetWriter(path, schema) as writer:
        for texts, rows in chunks:
            values = [list(row) for row in rows] if tokens else rows
            writer.write_table(pa.table({"text": texts, "features": values}, schema=schema))


_WRITERS = {".npz": _write_npz, ".parquet": _write_parquet}
