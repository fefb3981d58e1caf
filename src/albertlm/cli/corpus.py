"""`albertlm corpus`: documents of any format to a corpus, and a look at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.corpus.build import Progress

corpus = typer.Typer(help="Build a corpus from dumps, books and files, and look at it.")


@corpus.command()
def build(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files, folders or URLs: MediaWiki dumps, parquet, WikiExtractor's output, JSON "
            "lines, and books as .txt, .html or .epub.",
        ),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the corpus.")],
    language: common.Language = "en",
    any_language: Annotated[
        bool, typer.Option("--any-language", help="Keep documents in other languages too.")
    ] = False,
    min_characters: Annotated[
        int, typer.Option(min=0, help="Shorter documents are left out.")
    ] = 200,
    similarity: Annotated[
        float, typer.Option(help="Near copies have this share of five-word sequences in common.")
    ] = 0.8,
    keep_dropped: Annotated[
        bool, typer.Option("--keep-dropped", help="Keep what is left out in OUTPUT/dropped.")
    ] = False,
    workers: common.Workers = None,
    engine: common.MapEngine = "local",
    address: common.Address = None,
    as_json: common.Json = False,
) -> None:
    """Make a corpus: clean, filtered, deduplicated documents, a sentence a line.

    Run it again after an interruption: it goes on, and ends in the same bytes.
    """
    from albertlm.corpus.build import BuildConfig
    from albertlm.corpus.build import build as build_corpus
    from albertlm.corpus.filters import Filters
    from albertlm.executors import open_executor

    config = BuildConfig(
        language=language,
        filters=Filters(language=None if any_language else language, min_characters=min_characters),
        similarity=similarity,
        keep_dropped=keep_dropped,
    )
    with _steps() as show, open_executor(engine, workers=workers, address=address) as executor:
        built = build_corpus(inputs, output, config, executor, show)
    counts = built.manifest["counts"]
    if as_json:
        common.print_json({"corpus": str(output), **counts})
        return
    rows = [("read", f"{counts['read']:,}")]
    rows += [(f"dropped: {reason}", f"{n:,}") for reason, n in counts["dropped"].items()]
    rows += [("kept", f"{counts['documents']:,}")]
    common.print_table(("documents", "#number"), rows, title=str(output))
    for ignored in built.manifest["ignored"]:
        print(f"warning: {ignored} was ignored: no format reads it", file=sys.stderr)


@contextmanager
def _steps() -> Iterator[Callable[[Progress], None]]:
    """A bar for each step of a build, on the standard error where it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    known = {}
    with bars:

        def show(progress: Progress) -> None:
            if progress.step not in known:
                known[progress.step] = bars.add_task(progress.step)
            bars.update(known[progress.step], completed=progress.done, total=progress.total)

        yield show


@corpus.command()
def sample(
    folder: common.Corpus,
    *,
    count: Annotated[int, typer.Option(min=1, help="Documents to show.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed shows others.")] = 0,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Show what was left out, and why.")
    ] = False,
    characters: Annotated[
        int, typer.Option(min=1, help="Show so much of each document's beginning.")
    ] = 500,
    as_json: common.Json = False,
) -> None:
    """Show documents of a corpus, drawn at random."""
    from dataclasses import asdict

    from albertlm.corpus.sampling import sample_documents, sample_drops
    from albertlm.corpus.shards import Corpus

    draw = sample_drops if dropped else sample_documents
    rows = draw(Corpus.open(folder), count, seed)
    if as_json:
        common.print_json([asdict(row) for row in rows])
        return
    for row in rows:
        fields = {name: value for name, value in asdict(row).items() if value and name != "text"}
        print("  ".join(f"{name}: {value}" for name, value in fields.items()))
        shown = row.text[:characters]
        print(shown + (" …" if len(shown) < len(row.text) else ""), end="\n\n")
