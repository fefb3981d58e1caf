"""The speed and memory of each stage from inputs to token shards, and the speedup of two cores.

Each stage runs in a process of its own, and rates refer to its input: the XML of a dump, or text
for the other stages. Memory is the maximum resident set of the process, with inputs of 50 and
500 MB in one task. The longer inputs repeat the sample data under different ids.

`times Google` is relative to 75,000 tokens per second, the speed of the released code's example
builder on a core of such a machine.
"""

from __future__ import annotations

import argparse
import bz2
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import common

DUMP = common.DATA / "wikipedia-dump" / "enwiki-sample-pages-articles.xml.bz2"
ARTICLES = sorted((common.DATA / "corpus").glob("wikipedia-*.parquet"))
BOOKS = common.DATA / "corpus" / "books-en-public-domain.parquet"
VOCABULARY = common.DATA / "albert-vocab" / "spiece.model"

MB = 1_000_000
SIZES = (50 * MB, 500 * MB)
GOOGLE_TOKENS_PER_SECOND = 75_000
SCALING_TASK = 12 * MB
ROUNDS = 3


# Inputs


def write_dump(path: Path, size: int) -> int:
    """Write the sample dump with its pages repeated as bz2 streams; return the bytes of XML."""
    xml = bz2.decompress(DUMP.read_bytes())
    start, end = xml.index(b"<page>"), xml.rindex(b"</page>") + len(b"</page>")
    stream = bz2.compress(xml[start:end])
    repeats = max(1, size // (end - start))
    with path.open("wb") as file:
        file.write(bz2.compress(xml[:start]))
        for _ in range(repeats):
            file.write(stream)
        file.write(bz2.compress(xml[end:]))
    return start + repeats * (end - start) + len(xml) - end


def write_parquet(path: Path, sources: Iterable[Path], size: int) -> int:
    """Write documents repeatedly under different ids; return the bytes of text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = 0
    writer = None
    for repeat in range(1000):
        for source in sources:
            for batch in pq.ParquetFile(source).iter_batches(batch_size=200):
                ids = pa.array([f"{repeat}-{each}" for each in batch["id"].to_pylist()])
                renamed = batch.set_column(batch.schema.names.index("id"), "id", ids)
                writer = writer or pq.ParquetWriter(path, renamed.schema)
                writer.write_batch(renamed)
                written += sum(len(each.encode()) for each in batch["text"].to_pylist())
                if written >= size:
                    writer.close()
                    return written
    raise ValueError(f"{sources} hold too little text")


# Stages: each runs in a process of its own, and is timed without its preparation


def prepare(folder: Path, path: Path) -> float:
    from albertlm.corpus import inputs
    from albertlm.corpus.filters import Filters
    from albertlm.corpus.stages import PrepareTask
    from albertlm.corpus.stages import prepare as run

    (spans,) = inputs.find([str(path)], 10**12).tasks
    return _timed(lambda: run(PrepareTask(spans, folder / "prepared", "en", Filters())))


def write(folder: Path, path: Path) -> float:
    import numpy as np

    from albertlm.corpus.duplicates import VERDICT
    from albertlm.corpus.stages import WriteTask
    from albertlm.corpus.stages import write as run

    prepared = folder / "prepared"
    kept = np.zeros(len(np.load(prepared / "fingerprints.npy", mmap_mode="r")), VERDICT)
    return _timed(lambda: run(WriteTask(prepared, path, kept, None)))


def tokenize(folder: Path, *paths: Path) -> float:
    from albertlm import storage
    from albertlm.data.build_tokens import TokenizeTask
    from albertlm.data.build_tokens import tokenize as run
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    tokenizer = AlbertTokenizer(VOCABULARY)
    tokenizer.save_pretrained(folder / "tokenizer")
    tasks = [
        TokenizeTask(path, storage.sha256(path), folder, tokenizer.checksum, f"{number:05d}")
        for number, path in enumerate(paths)
    ]
    return _timed(lambda: [run(task) for task in tasks])


def find_duplicates(_: Path, path: Path) -> float:
    from albertlm.corpus.duplicates import find_duplicates as run

    return _timed(lambda: run([path]))


def train_vocabulary(folder: Path, path: Path) -> float:
    from albertlm.corpus.shards import read_documents
    from albertlm.tokenization.vocabulary import train_vocabulary as run

    texts = (document.text for document in read_documents(path))
    return _timed(lambda: run(texts, folder / "vocabulary", sample_size=500_000))


STAGES: dict[str, Callable[..., float]] = {
    stage.__name__: stage for stage in (prepare, write, tokenize, find_duplicates, train_vocabulary)
}


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(stage: str, folder: Path, *paths: Path) -> tuple[float, float]:
    """The seconds and peak MiB of a stage in a new process."""
    command = [sys.executable, __file__, "--stage", stage, str(folder), *map(str, paths)]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    seconds, peak = json.loads(said)
    return seconds, peak


def _peak() -> float:
    """The peak MiB of this process (`ru_maxrss` would include its parent's)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


# Measurements


def stages(folder: Path) -> dict[str, dict[str, Any]]:
    """The rates and memory of the stages, each on a short and a long input."""
    writers: dict[str, Callable[[Path, int], int]] = {
        "dump.xml.bz2": write_dump,
        "articles.parquet": lambda path, size: write_parquet(path, ARTICLES, size),
        "books.parquet": lambda path, size: write_parquet(path, [BOOKS], size),
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, writer in writers.items():
        runs: dict[str, list[tuple[int, float, float]]] = {}
        for size in SIZES:
            place = folder / f"{name}-{size}"
            place.mkdir()
            read = writer(place / name, size)
            runs.setdefault(f"read, clean and split {name}", []).append(
                (read, *measure("prepare", place, place / name))
            )
            (place / name).unlink()
            if name == "articles.parquet":
                shard = place / "corpus.parquet"
                text = _text_bytes(place / "prepared" / "documents.parquet")
                runs.setdefault("write a shard", []).append((text, *measure("write", place, shard)))
                if size == SIZES[0]:
                    runs["tokens"] = [(text, *measure("tokenize", place, shard))]
                    tokens = _tokens_in(place)
                    shards = [shard] * (SIZES[1] // SIZES[0])
                    measured = measure("tokenize", place / "more", *shards)
                    runs["tokens"].append((text * len(shards), *measured))
        rows |= {stage: _row(each) for stage, each in runs.items()}
    place = folder / f"articles.parquet-{SIZES[1]}"
    tokens *= SIZES[1] // SIZES[0]
    seconds = rows["tokens"].pop("seconds")
    rows["tokens"]["M tokens/s"] = round(tokens / seconds / 1e6, 2)
    rows["tokens"]["times Google"] = round(tokens / seconds / GOOGLE_TOKENS_PER_SECOND, 1)
    corpus = place / "corpus.parquet"
    vocabulary = _row([(_text_bytes(corpus), *measure("train_vocabulary", place, corpus))])
    rows["vocabulary of 500,000 sentences"] = vocabulary
    for row in rows.values():
        row.pop("seconds", None)
    return rows


def _tokens_in(folder: Path) -> int:
    return sum(
        int(json.loads(path.read_text(encoding="utf-8"))["tokens"])
        for path in folder.glob("*/00000/manifest.json")
    )


def _row(runs: list[tuple[int, float, float]]) -> dict[str, Any]:
    """A row of the table from (bytes read, seconds, peak MiB) of growing inputs."""
    read, seconds, peak = runs[-1]
    row = {"MB/s": round(read / MB / seconds, 2), "peak MiB": round(peak), "seconds": seconds}
    if len(runs) > 1:
        row["peak MiB of a tenth"] = round(runs[0][2])
        row["growth"] = round(peak / runs[0][2], 3)
    return row


def duplicates(folder: Path) -> dict[str, dict[str, Any]]:
    """The deduplication of random fingerprints, a tenth of which are copies of earlier ones."""
    import numpy as np

    from albertlm.corpus.fingerprints import FINGERPRINT

    rows = {}
    base = measure("find_duplicates", folder, _save(folder, np.zeros(1, FINGERPRINT)))[1]
    for count in (100_000, 1_000_000):
        random = np.random.default_rng(0)
        rows_C = np.frombuffer(random.bytes(count * FINGERPRINT.itemsize), FINGERPRINT).copy()
        copies = random.choice(count, count // 10, replace=False)
        rows_C["minhash"][copies] = rows_C["minhash"][copies // 2]
        seconds, peak = measure("find_duplicates", folder, _save(folder, rows_C))
        rows[f"{count:,} documents"] = {
            "documents/s": round(count / seconds),
            "bytes on disk a document": FINGERPRINT.itemsize,
            "peak MiB": round(peak),
            # the pages of the mapped file count as resident until the memory is needed
            "bytes in memory a document": round((peak - base) * 2**20 / count)
            - FINGERPRINT.itemsize,
        }
    return rows


def _save(folder: Path, fingerprints: Any) -> Path:
    import numpy as np

    path = folder / f"fingerprints-{len(fingerprints)}.npy"
    np.save(path, fingerprints)
    return path


def steps() -> dict[str, dict[str, float]]:
    """The rates of the functions in `read, clean and split` and `tokens`, on articles.

    `SentencePiece` is the part of `encode` that SentencePiece computes.
    """
    from albertlm.corpus.cleaning import clean
    from albertlm.corpus.documents import Document
    from albertlm.corpus.filters import Filters
    from albertlm.corpus.fingerprints import fingerprint
    from albertlm.corpus.sentences import split_sentences
    from albertlm.tokenization.google_segmenter import GoogleSegmenter
    from albertlm.tokenization.model_file import read_model
    from albertlm.tokenization.normalization import GoogleNormalizer

    documents = list(islice(_articles(), 1500))
    cleaned = [clean(each.text) for each in documents]
    size = sum(len(each.text.encode()) for each in documents)
    filters = Filters()
    sentences = [s for text in cleaned for part in split_sentences(text, "en") for s in part]
    normalized = list(map(GoogleNormalizer(), sentences))
    model = read_model(VOCABULARY)
    segmenter = GoogleSegmenter(model, do_lower_case=True, keep_accents=False)
    contestants = {
        "clean": lambda: [clean(each.text) for each in documents],
        "filter": lambda: [filters.reason(text) for text in cleaned],
        "split": lambda: [split_sentences(text, "en") for text in cleaned],
        "fingerprint": lambda: [
            fingerprint(Document(each.id, each.source, text))
            for each, text in zip(documents, cleaned, strict=True)
        ],
        "encode": lambda: segmenter.encode(sentences),
        "SentencePiece": lambda: model.processor.encode(
            normalized, return_type="numpy", num_threads=1
        ),
    }
    medians = common.alternating_medians(ROUNDS, **contestants)
    return {name: {"MB/s": round(size / MB / each, 1)} for name, each in medians.items()}


def _articles() -> Iterator[Any]:
    from albertlm.corpus import inputs
    from albertlm.corpus.documents import Document

    (spans,) = inputs.find([str(ARTICLES[0])], 10**12).tasks
    return (each for each in inputs.read(spans) if isinstance(each, Document))


def scaling(folder: Path) -> dict[str, dict[str, Any]]:
    """The seconds of builds and tokenisation with one and two processes, run alternately."""
    seconds: dict[tuple[str, int], list[float]] = {}
    for number in range(ROUNDS):
        for workers in (1, 2):
            place = folder / f"{number}-{workers}"
            for step, run in (("corpus build", _build), ("tokens", _tokens)):
                taken = _timed(partial(run, place, workers))
                seconds.setdefault((step, workers), []).append(taken)
    return {
        step: {
            "seconds by one": round(one := statistics.median(seconds[step, 1]), 1),
            "seconds by two": round(two := statistics.median(seconds[step, 2]), 1),
            "times": round(one / two, 2),
        }
        for step in ("corpus build", "tokens")
    }


def _build(place: Path, workers: int) -> None:
    from albertlm.corpus.build import BuildConfig, build
    from albertlm.executors import open_executor

    with open_executor(workers=workers) as executor:
        config = BuildConfig(task_bytes=SCALING_TASK)
        build([str(path) for path in ARTICLES], place / "corpus", config, executor)


def _tokens(place: Path, workers: int) -> None:
    from albertlm.corpus.shards import Corpus
    from albertlm.data.build_tokens import build_tokens
    from albertlm.executors import open_executor
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    with open_executor(workers=workers) as executor:
        corpus = Corpus.open(place / "corpus")
        build_tokens(corpus, AlbertTokenizer(VOCABULARY), place / "tokens", executor)


def vocabulary(corpus_folder: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The fertility of the original vocabulary and of one trained here, on held-out articles."""
    from albertlm.corpus.shards import Corpus
    from albertlm.tokenization.tokenizer import AlbertTokenizer
    from albertlm.tokenization.vocabulary import fertility, train_vocabulary

    corpus = Corpus.open(corpus_folder)

    def texts(held_out: bool) -> Iterator[str]:
        for shard in corpus.shards:
            for document in corpus.documents(shard):
                if document.held_out == held_out:
                    yield document.text

    trained = AlbertTokenizer(
        train_vocabulary(texts(False), folder / "trained", sample_size=500_000)
    )
    original = fertility(AlbertTokenizer(VOCABULARY), texts(True))
    ours = fertility(trained, texts(True))
    return {
        "original": {"tokens a word": round(original.tokens_per_word, 4)},
        "trained here": {
            "tokens a word": round(ours.tokens_per_word, 4),
            "ratio": round(ours.tokens_per_word / original.tokens_per_word, 4),
        },
    }


def _text_bytes(path: Path) -> int:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    return int(pc.sum(pc.binary_length(pq.read_table(path, columns=["text"])["text"])).as_py())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", nargs="+", metavar="NAME")
    arguments = parser.parse_args()
    if arguments.stage:
        stage, *paths = arguments.stage
        seconds = STAGES[stage](*map(Path, paths))
        print(json.dumps([seconds, _peak()]))
        return
    common.require_data(DUMP, BOOKS, VOCABULARY)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        measurements = {"stages": stages(folder), "steps of an article": steps()}
        measurements["duplicates"] = duplicates(folder)
        measurements["two processes"] = scaling(folder)
        measurements["vocabulary on held-out articles"] = vocabulary(
            folder / "0-1" / "corpus", folder
        )
    print(json.dumps(measurements, indent=2))
    packages = ["ftfy", "py3langid", "pyarrow", "rensa", "sentencepiece", "sentencex"]
    common.record("corpus", measurements, packages)


if __name__ == "__main__":
    main()
