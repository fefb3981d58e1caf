"""Compute features or fill masks for every line of a large file, in shards that processes share.

A shard is a part of the file and becomes one parquet file, which is either whole or not there.
Workers read, tokenize, compute and write the lines of a shard in windows, so that their memory does
not grow, and a job that was interrupted continues with the shards that are missing.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from albertlm import hub, storage
from albertlm.config import AlbertConfig
from albertlm.corpus import files
from albertlm.corpus.documents import Span
from albertlm.corpus.formats import rows
from albertlm.executors import Executor
from albertlm.inference import accuracy, speed
from albertlm.inference.engines import engine_class, resolve_engine
from albertlm.inference.factory import PIPELINES, pipeline
from albertlm.inference.pipelines.base import Pipeline
from albertlm.tokenization.tokenizer import AlbertTokenizer

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "albertlm bulk 1"
"""The entry in the manifest that identifies a folder of results and the version of its layout."""

BEGUN, MANIFEST = "_job.json", "_manifest.json"
"""What determines the results, and the manifest; readers of parquet folders ignore a leading _."""

SHARD_BYTES, SMALLEST_SHARD = 1 << 20, 1 << 16
"""Text in a shard, about 10,000 sentences, and in one of a small file."""

WINDOW = 1024
"""The texts that are sorted by length together."""

LONGEST_LINE = 1 << 20
"""The bytes of a line beyond which it is not read as a text, whatever the model reads."""

MEASURED_BYTES = 8 << 20
"""The size of a file from which engines are measured first, if that was never done."""

BulkTask = Literal["feature-extraction", "fill-mask"]

COLUMN = {"feature-extraction": "features", "fill-mask": "fills"}
"""The column of the results of each task."""

_COUNTS = b"albertlm"
"""The key of the counts in the metadata of a shard."""


@dataclass(frozen=True)
class BulkJob:
    """What to compute for each line of a file; made by `plan`.

    Fields:
        texts: the file, with one text on each line.
        folder: the folder of the results.
        task: a key of `COLUMN`.
        model: a model folder.
        engine: one of `ENGINES`.
        device: the device of the engine; None is the CPU.
        dtype: the precision of the engine.
        options: those of a call of the pipeline, which JSON can hold.
    """

    texts: Path
    folder: Path
    task: BulkTask
    model: Path
    engine: str
    device: str | None
    dtype: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class BulkProgress:
    """How far a job is.

    Fields:
        bytes: the bytes of the file whose results are written.
        total: the bytes of the file.
        texts: the lines that were read since this call began.
    """

    bytes: int
    total: int
    texts: int


@dataclass(frozen=True)
class ShardTask:
    """A task of `compute`: the lines that begin in a span, and the parquet file for them."""

    job: BulkJob
    span: Span
    path: Path


def plan(
    task: BulkTask,
    texts: str | Path,
    folder: str | Path,
    model: str | Path | None = None,
    *,
    engine: str | None = None,
    device: str | None = None,
    dtype: str = "auto",
    options: Mapping[str, Any],
) -> BulkJob:
    """Choose the engine of a job, and try its model and options on a text.

    A job that was begun keeps its engine. For a large file and `engine="auto"`, engines that were
    never measured for the model on this machine are measured first, as `albertlm benchmark` does.

    Args:
        task: `feature-extraction` or `fill-mask`.
        texts: a file with one text on each line, in UTF-8.
        folder: where to write the results. All workers must see both under the same path.
        model: a folder or hub id; by default the model that ships with the package.
        engine: as in `pipeline`.
        device: as in `pipeline`.
        dtype: as in `pipeline`.
        options: those of a call of the pipeline, such as `pooling`.

    Raises:
        ValueError: the file is empty or compressed, or the pipeline refuses an option.
        OSError: the file or the model does not exist.
    """
    texts, folder = Path(texts).absolute(), Path(folder).absolute()
    if files.is_compressed(str(texts)):
        raise ValueError(
            f"{texts} is compressed, and workers read parts of it; decompress it first"
        )
    if not (size := files.size(str(texts))):
        raise ValueError(f"{texts} is empty; put one text on each line")
    place = hub.SHIPPED if model is None else hub.resolve(model)
    if engine in (None, "auto") and (folder / BEGUN).is_file():
        begun = storage.read_json(folder / BEGUN)
        engine = begun.get("engine")
        dtype = begun.get("dtype", "auto") if dtype == "auto" else dtype
    if engine in (None, "auto") and device in (None, "cpu") and size >= MEASURED_BYTES:
        _measure_once(place)
    chosen, precision = resolve_engine(engine, place, device=device, dtype=dtype)
    opened = pipeline(task, place, engine=chosen, device=device, dtype=precision)
    opened([opened.tokenizer.mask_token], **options)
    return BulkJob(texts, folder, task, place.absolute(), chosen, device, precision, options)


def run(
    job: BulkJob,
    executor: Executor,
    on_progress: Callable[[BulkProgress], None] = lambda _: None,
) -> dict[str, Any]:
    """Compute all shards of a job that are missing, `part-00000.parquet` …, and `_manifest.json`.

    A shard has the columns `text`, `problem` and that of `COLUMN`, with a row for each line. Where
    there is a problem, there is no result: `empty`, `too long`, `no [MASK]` or `not UTF-8`.

    Args:
        job: the job.
        executor: runs the shards.
        on_progress: called at the start and after each shard.

    Returns:
        The manifest: what determines the results, `texts`, `problems` by their kinds, and `shards`
        with the number of rows of each file.

    Raises:
        ValueError: the folder was begun with another file, model, engine or other options.
        OSError: the disk is full, or a worker died repeatedly.
    """
    identity = _identity(job)
    with storage.exclusive(job.folder):
        storage.claim(job.folder, BEGUN, identity, what="results of such a job")
        shards = _shards(job)
        counts = {shard.path.name: _counts_of(shard.path) for shard in shards}
        missing = [shard for shard in shards if counts[shard.path.name] is None]
        total = sum(shard.span.size for shard in shards)
        done = total - sum(shard.span.size for shard in missing)
        fresh = 0
        on_progress(BulkProgress(done, total, fresh))
        for number, found in executor.map(compute, missing):
            shard = missing[number]
            counts[shard.path.name] = found
            done += shard.span.size
            fresh += found["texts"]
            on_progress(BulkProgress(done, total, fresh))
        manifest = {**identity, **_total(each or {} for each in counts.values())}
        manifest["shards"] = {name: (each or {})["texts"] for name, each in counts.items()}
        storage.write_json(job.folder / MANIFEST, manifest)
    return manifest


def compute(task: ShardTask) -> dict[str, Any]:
    """Write a shard, and return its number of `texts` and its `problems` by their kinds."""
    job = task.job
    opened = _opened(job.task, job.model, job.engine, job.device, job.dtype)
    with storage.atomic_path(task.path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `plan` has shown those about options
        return _write(task, opened, temporary)


def _measure_once(folder: Path) -> None:
    config = AlbertConfig.from_json_file(folder / "config.json")
    if not speed.recall(config):
        pairs = [pair for pair in speed.contestants() if pair[1] != "int8"]
        measured = {pair: speed.measure(folder, *pair, seconds=0.5) for pair in pairs}
        speed.remember(config, measured)


def _identity(job: BulkJob) -> dict[str, Any]:
    """What determines the results of a job."""
    return {
        "format": FORMAT,
        "task": job.task,
        "lines": storage.sha256(job.texts),
        "model": accuracy.fingerprint(job.model),
        "tokenizer": AlbertTokenizer.from_pretrained(job.model).checksum,
        "engine": job.engine,
        "dtype": job.dtype,
        "options": dict(job.options),
    }


def _shards(job: BulkJob) -> list[ShardTask]:
    """The spans of the file and their shards, which depend on its size only."""
    size = files.size(str(job.texts))
    step = min(SHARD_BYTES, max(SMALLEST_SHARD, size // 64))
    edges = [*range(0, size, step), size]
    return [
        ShardTask(
            job,
            Span(str(job.texts), "lines", start, stop, stop - start),
            job.folder / f"part-{number:05}.parquet",
        )
        for number, (start, stop) in enumerate(pairwise(edges))
    ]


def _counts_of(path: Path) -> dict[str, Any] | None:
    """The counts in a shard, or None if it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        counts: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[_COUNTS])
    except (FileNotFoundError, KeyError, TypeError, ValueError, pa.ArrowException):
        return None
    return counts


def _total(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    texts, problems = 0, Counter[str]()
    for each in counts:
        texts += each["texts"]
        problems.update(each["problems"])
    return {"texts": texts, "problems": dict(sorted(problems.items()))}


@lru_cache(maxsize=1)
def _opened(task: BulkTask, model: Path, engine: str, device: str | None, dtype: str) -> Pipeline:
    """The pipeline of a worker, made for its first shard only; `plan` has judged int8."""
    loaded = engine_class(engine).from_folder(model, device=device, dtype=dtype)
    return PIPELINES[task](loaded, AlbertTokenizer.from_pretrained(model))


def _lines(span: Span) -> Iterator[tuple[str, str | None]]:
    """The lines that begin in a span, with `too long` or `not UTF-8` where that is so."""
    for offset, line in rows.read_lines(span):
        if span.stop is not None and offset >= span.stop:
            return
        data = line.removesuffix(b"\n")
        problem = "too long" if len(data) > LONGEST_LINE else None
        try:
            text = data[:LONGEST_LINE].decode("utf-8")
        except UnicodeDecodeError:
            text = data[:LONGEST_LINE].decode("utf-8", "replace")
            problem = problem or "not UTF-8"
        yield text.rstrip("\r"), problem


def _write(task: ShardTask, opened: Pipeline, path: Path) -> dict[str, Any]:
    from pyarrow.parquet import ParquetWriter

    job = task.job
    per_token = job.task == "feature-extraction" and job.options.get("pooling") is None
    schema = _schema(job.task, per_token=per_token)
    # results of a window are held in memory; those of every token are large
    window = 4 * job.options.get("batch_size", 16) if per_token else WINDOW
    counts: dict[str, Any] = {"texts": 0, "problems": {}}
    lines = _lines(task.span)
    with ParquetWriter(path, schema, compression="zstd", use_dictionary=["problem"]) as writer:
        while read := list(islice(lines, window)):
            table = _table(read, opened, job.options, schema)
            writer.write_table(table)
            problems = Counter(table.column("problem").drop_null().to_pylist())
            counts = _total([counts, {"texts": len(read), "problems": problems}])
        writer.add_key_value_metadata({_COUNTS: json.dumps(counts)})
    return counts


def _schema(task: BulkTask, *, per_token: bool) -> pa.Schema:
    import pyarrow as pa

    fill = {"score": pa.float32(), "token": pa.int32()} | dict.fromkeys(
        ("token_str", "sequence"), pa.string()
    )
    vector = pa.list_(pa.float32())
    results = {
        "feature-extraction": pa.list_(vector) if per_token else vector,
        "fill-mask": pa.list_(pa.list_(pa.struct(list(fill.items())))),
    }
    columns = {"text": pa.string(), "problem": pa.string(), COLUMN[task]: results[task]}
    return pa.schema(list(columns.items()))


def _table(
    lines: Sequence[tuple[str, str | None]],
    opened: Pipeline,
    options: Mapping[str, Any],
    schema: pa.Schema,
) -> pa.Table:
    """The rows of some lines."""
    import pyarrow as pa

    texts, problems = map(list, zip(*lines, strict=True))
    readable = [at for at, problem in enumerate(problems) if problem is None]
    found = opened.problems(
        [texts[at] for at in readable], truncation=options.get("truncation", False)
    )
    for at, problem in zip(readable, found, strict=True):
        problems[at] = problem
    good = [at for at in readable if problems[at] is None]
    results: list[Any] = [None] * len(texts)
    computed = opened([texts[at] for at in good], **options) if good else []  # type: ignore[operator]
    for at, result in zip(good, computed, strict=True):
        results[at] = _nested(result)
    columns = (texts, problems, results)
    arrays = [pa.array(values, of.type) for values, of in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _nested(result: Any) -> Any:
    """A result in the form of its column: vectors as lists, and always a list for each mask."""
    if isinstance(result, list):
        return result if isinstance(result[0], list) else [result]
    return list(result) if result.ndim > 1 else result
