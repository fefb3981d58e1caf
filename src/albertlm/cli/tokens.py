"""`albertlm tokens`: tokenise a corpus into token shards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def tokens(
    corpus: common.CorpusArgument,
    *,
    vocabulary: Annotated[
        str, typer.Option(help="A folder that `albertlm vocab` wrote, a model's, or a hub id.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tokens.")],
    workers: common.WorkersOption = None,
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Convert a corpus to token ids, for `albertlm pretrain` and `albertlm evaluate`.

    Held-out documents (about 1 %, by a hash of their ids) are stored in separate shards.
    Run the command again after an interruption: it resumes, and produces the same bytes.
    """
    from rich.console import Console
    from rich.progress import Progress

    from albertlm.corpus.shards import Corpus
    from albertlm.data.build_tokens import build_tokens
    from albertlm.data.token_shards import PARTS
    from albertlm.executors import open_executor
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    opened = Corpus.open(corpus)
    tokenizer = AlbertTokenizer.from_pretrained(vocabulary)
    console = Console(stderr=True)
    with (
        common.resumable(),
        Progress(console=console, disable=not sys.stderr.isatty()) as progress,
        open_executor(runner, workers=workers, address=address) as executor,
    ):
        task = progress.add_task("shards", total=len(opened.shards))
        made = build_tokens(opened, tokenizer, output, executor, lambda: progress.advance(task))
    if made.held_out is None:
        print(
            "warning: no document is held out, since about 1 % are, by a hash of their ids; "
            "`albertlm evaluate` and validation need some, so build the corpus from more documents",
            file=sys.stderr,
        )
    units = ("documents", "paragraphs", "sentences", "tokens")
    counts = {part: {unit: made.manifest[part][unit] for unit in units} for part in PARTS}
    if as_json:
        common.print_json({"tokens": str(output), **counts})
        return
    rows = [(part, *(f"{counts[part][unit]:,}" for unit in units)) for part in PARTS]
    common.print_table(("part", *(f"#{unit}" for unit in units)), rows, title=str(output))
