"""Write docs/scale.md: the cost of a corpus on one machine and on fifty, and of pretraining."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scale_pretraining
from albertlm import storage

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "scale.md"

CORES = 16
MACHINES = 50
DISK = 1e9
NETWORK = 1.25e9
EFFICIENCY = 0.9
"""The throughput of a core when all are busy, relative to one alone: measured with two processes
and rounded down to a tenth."""

TASK = 64 << 20
BANDS = 21
"""The number of bands of a signature, at a similarity of 0.8."""

COMPRESSION = 2.7
"""Bytes of text per byte of a parquet shard, in the corpora of the sample data."""


@dataclass(frozen=True)
class Corpus:
    """An assumed corpus.

    Fields:
        name: the heading of its section.
        stored: bytes that are read from disk.
        raw: bytes of XML or text in them.
        text: bytes of text in the finished corpus.
        documents: the number of documents.
        reader: the measured stage whose rate applies.
    """

    name: str
    stored: float
    raw: float
    text: float
    documents: float
    reader: str


WIKIPEDIA = Corpus("English Wikipedia", 22e9, 95e9, 20e9, 7e6, "read, clean and split dump.xml.bz2")
TERABYTE = Corpus(
    "1 TB of text",
    1e12 / COMPRESSION,
    1e12,
    0.9e12,
    1e12 / 13_000,
    "read, clean and split articles.parquet",
)

HEAD = """# The cost of a corpus and of pretraining at scale

## The corpus

`make results` computes these numbers from the rates in [results.md](results.md) ({processor};
{date}) and the following assumptions:

- A machine has {cores} cores like the measured ones, a disk of {disk:.0f} GB/s and a network of
  {network:.0f} Gbit/s. When all cores are busy, each has {efficiency:.0%} of its throughput alone.
- Inputs and outputs are on storage that all machines share and that serves each of them at the
  speed of its network. On one machine, they are on its disk.
- English Wikipedia has 22 GB of bz2 (multistream), 95 GB of XML, 7 million articles and 20 GB of
  prose. The terabyte consists of documents of 13 kB, the mean of the sample's articles, a tenth of
  which is dropped, in parquet files with {compression} bytes of text per byte.

Nothing was run at this size. The measurements are of 50 and 500 MB on two cores, of a Ray cluster
of two nodes on one machine, and of the memory of each stage.
"""


def page() -> str:
    """Return the whole page."""
    result = json.loads((HERE / "results" / "corpus.json").read_text(encoding="utf-8"))
    measured = result["measurements"]
    lines = [
        HEAD.format(
            processor=result["machine"]["processor"],
            date=result["date"],
            cores=CORES,
            disk=DISK / 1e9,
            network=NETWORK * 8 / 1e9,
            efficiency=EFFICIENCY,
            compression=COMPRESSION,
        )
    ]
    for corpus in (WIKIPEDIA, TERABYTE):
        lines += _corpus(corpus, measured)
    lines += [*_memory(measured), scale_pretraining.section()]
    return "\n".join(lines)


def _corpus(corpus: Corpus, measured: dict[str, Any]) -> list[str]:
    """Return a table of the stages of a corpus."""
    rates = {stage: row["MB/s"] * 1e6 for stage, row in measured["stages"].items()}
    shards = corpus.text / COMPRESSION
    tokens = corpus.text / rates["tokens"] * measured["stages"]["tokens"]["M tokens/s"] * 1e6
    deduplicated = corpus.documents / measured["duplicates"]["1,000,000 documents"]["documents/s"]
    fingerprints = (
        corpus.documents * measured["duplicates"]["1,000,000 documents"]["bytes on disk a document"]
    )
    # stage, core seconds, bytes read and written
    stages = [
        ("hash the inputs", corpus.stored / 1.5e9, corpus.stored),
        (
            "read, clean, split, fingerprint",
            corpus.raw / rates[corpus.reader],
            corpus.stored + shards + fingerprints,
        ),
        # the ids, the texts and each band of the signatures are read in turn
        ("find duplicates", deduplicated, (2 + BANDS) * fingerprints),
        ("write shards", corpus.text / rates["write a shard"], 2 * shards),
        ("tokens", corpus.text / rates["tokens"], shards + 2 * tokens),
    ]
    lines = [
        f"### {corpus.name}",
        "",
        (
            f"{corpus.stored / 1e9:,.0f} GB on disk become a corpus of {shards / 1e9:,.0f} GB "
            f"({corpus.text / 1e9:,.0f} GB of text) and {tokens / 1e9:,.1f} billion tokens "
            f"({2 * tokens / 1e9:,.0f} GB of token shards)."
        ),
        "",
        f"| stage | core hours | GB moved | one machine | {MACHINES} machines |",
        "|---|---:|---:|---:|---:|",
    ]
    totals = [0.0, 0.0, 0.0]
    for name, core_seconds, moved in stages:
        one = max(core_seconds / (CORES * EFFICIENCY), moved / DISK)
        many = max(core_seconds / (CORES * EFFICIENCY), moved / NETWORK) / MACHINES
        totals = [a + b for a, b in zip(totals, (core_seconds, one, many), strict=True)]
        lines.append(
            f"| {name} | {core_seconds / 3600:,.1f} | {moved / 1e9:,.0f} | {_time(one)} "
            f"| {_time(many)} |"
        )
    core_seconds, one, many = totals
    lines += [f"| all | {core_seconds / 3600:,.1f} | | {_time(one)} | {_time(many)} |", ""]
    tasks = corpus.raw / TASK
    lines += [
        (
            f"There are {tasks:,.0f} tasks of 64 MiB. A worker that dies loses at most its current "
            f"task, {_time(TASK / rates[corpus.reader])} of a core, and cores are idle for about "
            "as long at the end."
        ),
        "",
    ]
    return lines


def _memory(measured: dict[str, Any]) -> list[str]:
    row = measured["duplicates"]["1,000,000 documents"]
    peaks = {stage: row["peak MiB"] for stage, row in measured["stages"].items()}
    worst = max((stage for stage in peaks if "vocabulary" not in stage), key=lambda s: peaks[s])
    growth = measured["stages"][worst]["growth"]
    bytes_each = row["bytes in memory a document"]
    return [
        "### Memory",
        "",
        (
            f"A worker needs at most {peaks[worst]:,} MiB (`{worst}` with 500 MB in one task, "
            f"{growth:.2f} times the memory for 50 MB; real tasks have 64 MiB), and "
            f"{CORES} workers need {peaks[worst] * CORES / 1024:,.0f} GiB. `--sample` bounds the "
            "sample for the vocabulary: half a million sentences need "
            f"{peaks['vocabulary of 500,000 sentences']:,} MiB."
        ),
        "",
        (
            f"Deduplication needs {row['bytes on disk a document']} bytes per document on disk and "
            f"{bytes_each} in the memory of one process: "
            f"{WIKIPEDIA.documents * bytes_each / 2**30:,.1f} GiB for {WIKIPEDIA.name}, "
            f"{TERABYTE.documents * bytes_each / 2**30:,.1f} GiB for {TERABYTE.name}."
        ),
        "",
    ]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h"


def main() -> None:
    with storage.atomic_path(PAGE) as temporary:
        temporary.write_text(page(), encoding="utf-8")
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main()
