"""`albertlm tokens`: a corpus and a vocabulary to token shards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def tokens(
    corpus: common.Corpus,
    *,
    vocabulary: Annotated[
        str, typer.Option(help="A folder that `albertlm vocab` wrote, a model's, or a hub id.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tokens.")],
    workers: common.Workers = None,
    engine: common.MapEngine = "local",
    address: common.Address = None,
    as_json: common.Json = False,
) -> None:
    """Turn a corpus into token ids, for `albertlm pretrain` and `albertlm evaluate`.

    Held-out documents (about 1 %, by a hash of their ids) get shards of their own.
    Run it again after an interruption: it goes on, and ends in the same bytes.
    """
    from rich.console import Console
    from rich.progress import Progress

    from albertlm.corpus.shards import Corpus
    from albertlm.executors import open_executor
    from albertlm.pretraining.shards import PARTS
    from albertlm.pretraining.tokens import build_tokens
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    opened = Corpus.open(corpus)
    tokenizer = AlbertTokenizer.from_pretrained(vocabulary)
    console = Console(stderr=True)
    with (
        Progress(console=console, disable=not sys.stderr.isatty()) as progress,
        open_executor(engine, workers=workers, address=address) as executor,
    ):
        task = progress.add_task("shards", total=len(opened.shards))
        made = build_tokens(opened, tokenizer, output, executor, lambda: progress.advance(task))
    units = ("documents", "paragraphs", "sentences", "tokens")
    counts = {part: {unit: made.manifest[part][unit] for unit in units} for part in PARTS}
    if as_json:
        common.print_json({"tokens": str(output), **counts})
        return
    rows = [(part, *(f"{counts[part][unit]:,}" for unit in units)) for part in PARTS]
    common.print_table(("part", *(f"#{unit}" for unit in units)), rows, title=str(output))
