"""Writes docs/scale.md: what a corpus costs on one machine and on fifty, and what training does."""

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
"""Of a core when all are busy: what two processes brought here, halved, rounded down to a tenth."""

TASK = 64 << 20
BANDS = 21
"""Of a signature, at a similarity of 0.8."""

COMPRESSION = 2.7
"""Bytes of text in a byte of a parquet shard: of the corpora of the sample data."""


@dataclass(frozen=True)
class Corpus:
    """A corpus to be: bytes that are read from disk, bytes of XML or text in them, bytes of text
    that come out, and documents.
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

HEAD = """# What a corpus and a pretraining cost at scale

## The corpus

Computed by `make results` from the rates in [results.md](results.md) ({processor}; {date}), nothing
typed in by hand but the assumptions:

- A machine has {cores} cores such as the measured ones, a disk of {disk:.0f} GB/s and a network of
  {network:.0f} Gbit/s. With all cores busy a core gives {efficiency:.0%} of what it gives alone.
- Inputs and outputs lie on storage that all machines share and that serves each of them at the
  speed of its network. On one machine they lie on its disk.
- English Wikipedia: 22 GB of bz2 (the multistream form), 95 GB of XML, 7 million articles, 20 GB of
  prose. The terabyte: documents of 13 kB, the mean of the sample's articles, of which a tenth is
  dropped, in parquet files that hold {compression} bytes of text in a byte.

Nothing here was run at this size. Measured were 50 and 500 MB on two cores, a Ray cluster of two
nodes on one machine, and the memory of each stage.
"""


def page() -> str:
    """The whole page."""
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
    """A table of the stages of a corpus."""
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
        # the ids, the texts, and each band of the signatures are read one after the other
        ("find duplicates", deduplicated, (2 + BANDS) * fingerprints),
        ("write shards", corpus.text / rates["write a shard"], 2 * shards),
        ("tokens", corpus.text / rates["tokens"], shards + 2 * tokens),
    ]
    lines = [
        f"### {corpus.name}",
        "",
        (
            f"{corpus.stored / 1e9:,.0f} GB on disk become {shards / 1e9:,.0f} GB of corpus "
            f"({corpus.text / 1e9:,.0f} GB of text), {tokens / 1e9:,.1f} billion tokens and "
            f"{2 * tokens / 1e9:,.0f} GB of token shards."
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
            f"{tasks:,.0f} tasks of 64 MiB: a worker that dies loses at most the one it was at, "
            f"{_time(TASK / rates[corpus.reader])} of a core. The last tasks leave cores idle for "
            "about as long."
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
            f"A worker needs {peaks[worst]:,} MiB at most (`{worst}`, 500 MB in one task, "
            f"{growth:.2f} times what 50 MB take; tasks have 64); "
            f"{CORES} of them {peaks[worst] * CORES / 1024:,.0f} GiB. The vocabulary's sample is "
            "bounded by `--sample`: half a million sentences took "
            f"{peaks['vocabulary of 500,000 sentences']:,} MiB."
        ),
        "",
        (
            f"Deduplication keeps {row['bytes on disk a document']} bytes a document on disk and "
            f"{bytes_each} in the memory of the process that decides: "
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
