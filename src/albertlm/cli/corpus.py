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
    from albertlm.corpus.documents import Document
    from albertlm.corpus.shards import Corpus

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
    counts, ignored = built.manifest["counts"], built.manifest["ignored"]
    for path in ignored:
        print(f"warning: {path} was ignored: no format reads it", file=sys.stderr)
    if as_json:
        common.print_json({"corpus": str(output), **counts, "ignored": ignored})
        return
    rows = [("read", f"{counts['read']:,}")]
    rows += [(f"dropped: {reason}", f"{n:,}") for reason, n in counts["dropped"].items()]
    rows += [("kept", f"{counts['documents']:,}")]
    common.print_table(("documents", "#number"), rows, title=str(output))


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
    if not rows:
        print("nothing was left out" if dropped else "the corpus is empty")
    for row in rows:
        fields = {name: value for name, value in asdict(row).items() if value and name != "text"}
        print("  ".join(f"{name}: {value}" for name, value in fields.items()))
        shown = row.text[:characters]
        print(shown + (" …" if len(shown) < len(row.text) else ""), end="\n\n")


@corpus.command()
def stats(
    folder: common.Corpus,
    *,
    plot: Annotated[
        Path | None, typer.Option(help="Draw lengths, drops and fit: .png or .svg.")
    ] = None,
    vocabulary: Annotated[
        str | None, typer.Option(help="Measure how this vocabulary fits: a folder or a hub id.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Show lengths, what was left out, and how a vocabulary fits."""
    from albertlm.corpus import statistics
    from albertlm.corpus.shards import Corpus

    if plot and plot.suffix not in (".png", ".svg"):
        raise ValueError(f"{plot} ends in {plot.suffix or 'nothing'}; name a .png or .svg")
    opened = Corpus.open(folder)
    with common.counting("documents") as count:

        def documents() -> Iterator[Document]:
            for shard in opened.shards:
                for document in opened.documents(shard):
                    count()
                    yield document

        found = statistics.describe(documents())
    dropped = opened.manifest["counts"]["dropped"]
    fit = _fit(vocabulary, opened) if vocabulary else {}
    if plot:
        statistics.plot(found, dropped, plot, fit)
    if as_json:
        common.print_json({**found.to_dict(), "dropped": dropped, **fit})
        return
    counts = {name: value for name, value in found.to_dict().items() if isinstance(value, int)}
    rows = [(name, f"{value:,}") for name, value in counts.items()]
    rows += [(f"from {source}", f"{number:,}") for source, number in found.sources.items()]
    rows += [(f"left out: {reason}", f"{number:,}") for reason, number in dropped.items()]
    rows += [(name, f"{value:.4g}") for name, value in fit.items()]
    common.print_table(("count", "#number"), rows, title=str(folder))
    common.print_table(
        ("length", *(f"#{share:.0%}" for share in statistics.QUANTILES)),
        [
            (name, *(f"{value:,.0f}" for value in found.quantiles(name).values()))
            for name in statistics.LENGTHS
        ],
    )


def _fit(vocabulary: str, corpus: Corpus) -> dict[str, float]:
    """How a vocabulary fits all documents of a corpus."""
    from albertlm.tokenization.fertility import fertility
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    texts = (document.text for shard in corpus.shards for document in corpus.documents(shard))
    counts = fertility(AlbertTokenizer.from_pretrained(vocabulary), texts)
    return {
        "tokens a word": counts.tokens_per_word,
        "characters a token": counts.characters_per_token,
        "share of unknown pieces": counts.unknown_share,
    }
