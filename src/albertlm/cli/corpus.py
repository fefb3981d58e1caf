"""`albertlm corpus`: build a corpus from documents of any format, and inspect it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.corpus.build import BuildProgress
    from albertlm.corpus.documents import Document
    from albertlm.corpus.shards import Corpus

corpus = typer.Typer(help="Build a corpus from dumps, books and files, and inspect it.")


@corpus.command()
def build(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders or URLs: MediaWiki dumps, parquet, WikiExtractor's output, JSON "
            "lines, and books as .txt, .html or .epub.",
        ),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the corpus.")],
    language: common.LanguageOption = "en",
    any_language: Annotated[
        bool, typer.Option("--any-language", help="Keep documents in other languages too.")
    ] = False,
    min_characters: Annotated[int, typer.Option(min=0, help="Leave out shorter documents.")] = 200,
    similarity: Annotated[
        float, typer.Option(help="Share of five-word sequences that near copies have in common.")
    ] = 0.8,
    keep_dropped: Annotated[
        bool, typer.Option("--keep-dropped", help="Keep the documents left out in OUTPUT/dropped.")
    ] = False,
    workers: common.WorkersOption = None,
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Build a corpus of clean, filtered, deduplicated documents, one sentence per line.

    Run the command again after an interruption: it resumes, and produces the same bytes.
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
    with (
        common.resumable(),
        _steps() as show,
        open_executor(runner, workers=workers, address=address) as executor,
    ):
        built = build_corpus(inputs, output, config, executor, show)
    counts, ignored = built.manifest["counts"], built.manifest["ignored"]
    if ignored:
        print(f"warning: {_ignored(ignored)}", file=sys.stderr)
    if as_json:
        common.print_json({"corpus": str(output), **counts, "ignored": ignored})
        return
    rows = [("read", f"{counts['read']:,}")]
    rows += [(f"dropped: {reason}", f"{n:,}") for reason, n in counts["dropped"].items()]
    rows += [("kept", f"{counts['documents']:,}")]
    common.print_table(("documents", "#number"), rows, title=str(output))


def _ignored(paths: Sequence[str]) -> str:
    """Return what to say about files of no supported format, in one line for any number."""
    if len(paths) == 1:
        return f"{paths[0]} was ignored: its format is not supported"
    return (
        f"{len(paths):,} files, such as {paths[0]}, were ignored: their formats are not supported; "
        "manifest.json lists all"
    )


@contextmanager
def _steps() -> Iterator[Callable[[BuildProgress], None]]:
    """A bar for each step of a build, if the standard error is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    known = {}
    with bars:

        def show(progress: BuildProgress) -> None:
            if progress.step not in known:
                known[progress.step] = bars.add_task(progress.step)
            bars.update(known[progress.step], completed=progress.done, total=progress.total)

        yield show


@corpus.command()
def sample(
    folder: common.CorpusArgument,
    *,
    count: Annotated[int, typer.Option(min=1, help="Documents to show.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the random selection.")] = 0,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Show documents left out, and why.")
    ] = False,
    characters: Annotated[
        int, typer.Option(min=1, help="Characters to show of each document.")
    ] = 500,
    as_json: common.JsonOption = False,
) -> None:
    """Show random documents of a corpus."""
    from dataclasses import asdict

    from albertlm.corpus.shards import Corpus, sample_documents, sample_drops

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
    folder: common.CorpusArgument,
    *,
    plot: Annotated[
        Path | None, typer.Option(help="Plot lengths, drops and fit: .png or .svg.")
    ] = None,
    vocabulary: Annotated[
        str | None, typer.Option(help="Measure how well this vocabulary fits: a folder or hub id.")
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Show lengths, the documents left out, and how well a vocabulary fits."""
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
    dropped = opened.dropped
    fit = _fit(vocabulary, opened) if vocabulary else {}
    if plot:
        from albertlm.reporting import figures

        figures.draw_corpus(found, dropped, plot, fit)
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
    """Measures of how well a vocabulary fits all documents of a corpus."""
    from albertlm.tokenization.tokenizer import AlbertTokenizer
    from albertlm.tokenization.vocabulary import fertility

    texts = (document.text for shard in corpus.shards for document in corpus.documents(shard))
    counts = fertility(AlbertTokenizer.from_pretrained(vocabulary), texts)
    return {
        "tokens a word": counts.tokens_per_word,
        "characters a token": counts.characters_per_token,
        "share of unknown pieces": counts.unknown_share,
    }
