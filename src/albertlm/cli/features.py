"""`albertlm features`: write feature vectors for a file of texts, of any size into a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from albertlm import storage
from albertlm.cli import bulk, common
from albertlm.inference.arithmetic import Floats

Chunk = tuple[list[str], list[Floats]]


def features(
    texts: Annotated[
        Path, typer.Argument(metavar="TEXTS", help="A file with one text per line; - is stdin.")
    ],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="A .npz, a .parquet or, without suffix, a folder."),
    ],
    *,
    model: common.ModelOption = None,
    pooling: Annotated[
        Literal["mean", "cls", "pooled", "tokens"],
        typer.Option(help="One vector per text or, with `tokens`, one per token."),
    ] = "mean",
    normalize: Annotated[bool, typer.Option("--normalize", help="Scale to length 1.")] = False,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Truncate texts that are too long for the model.")
    ] = False,
    batch_size: common.BatchSizeOption = 16,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    workers: common.WorkersOption = None,
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Write the features of texts.

    .npz contains `features` and, with --pooling tokens, `offsets`: the rows of text i are
    those from offsets[i] to offsets[i + 1]. .parquet has the columns `text` and `features`.

    A folder is for files of any size: processes write it in shards, and the same command resumes
    after an interruption. The column `problem` says why a line has no features.
    """
    if not output.suffix:
        options = {
            "pooling": None if pooling == "tokens" else pooling,
            "normalize": normalize,
            "truncation": truncate,
            "batch_size": batch_size,
        }
        bulk.run_bulk(
            "feature-extraction",
            texts,
            output,
            model,
            engine=engine,
            device=device,
            dtype=dtype,
            options=options,
            workers=workers,
            runner=runner,
            address=address,
            as_json=as_json,
        )
        return
    if output.suffix not in _WRITERS:
        raise ValueError(f"{output} ends in {output.suffix}; name a .npz, a .parquet or a folder")
    bulk.refuse_without_folder(workers, runner, address)

    from albertlm.inference.factory import pipeline

    lines = common.read_texts(texts)
    extract = pipeline("feature-extraction", model, engine=engine, device=device, dtype=dtype)

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
    with path.open("wb") as file:  # NumPy would append .npz to a path
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
