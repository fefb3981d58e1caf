"""What the commands share: options, texts in, tables and JSON out, progress."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

BATCHES_AT_ONCE = 16
"""So many batches are sorted by length together, and their results held in memory."""

MODEL_HELP = "A model folder or hub id; by default the small model that ships with albertlm."

Model = Annotated[str | None, typer.Option("--model", "-m", help=MODEL_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Engine = Annotated[
    Literal["numpy", "torch"],
    typer.Option(help="What computes: both give the same numbers, torch is an extra."),
]
Corpus = Annotated[Path, typer.Argument(help="A folder that `albertlm corpus build` wrote.")]
Tokens = Annotated[Path, typer.Argument(help="A folder that `albertlm tokens` wrote.")]
Language = Annotated[str, typer.Option(help="ISO 639-1 code; sentences end by its rules.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes at a time; one for each core by default.")
]
MapEngine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Where they run: on this machine, or on a Ray cluster (an extra)."),
]
Address = Annotated[str | None, typer.Option(help="The Ray cluster's head, such as 10.0.0.1:6379.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Texts at a time.")]


def use_one_thread() -> None:
    """Keep NumPy, if it is not imported yet, from sharing products that are too small for it.

    The products of a short text take 1.4 ms each with one thread; with two on two busy cores 24 ms.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def read_lines(path: Path) -> list[str]:
    """The texts of a file, one a line; `-` is the standard input.

    Raises:
        ValueError: the file holds an empty line, no text at all, or is not UTF-8.
    """
    shown = "the standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        # only \n ends a line: str.splitlines would split at rare characters inside a text too
        lines = [line.rstrip("\r") for line in data.decode("utf-8").split("\n")]
    except UnicodeDecodeError as error:
        raise ValueError(f"{shown} is not UTF-8 at byte {error.start}; convert it first") from None
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise ValueError(f"{shown} is empty; put one text on each line")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ValueError(f"line {number} of {shown} is empty; put one text on each line")
    return lines


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """A table for people; columns whose name begins with `#` are numbers and lose the sign."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # piped output is as wide as it needs to be; texts such as [b] are no markup
    console = Console(width=None if sys.stdout.isatty() else 10_000, markup=False, highlight=False)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column.removeprefix("#"), justify="right" if column[0] == "#" else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def in_chunks(texts: list[str], batch_size: int, description: str) -> Iterator[list[str]]:
    """Some batches of texts at a time, with a bar on the standard error where it is a terminal."""
    size = BATCHES_AT_ONCE * batch_size
    chunks = [texts[start : start + size] for start in range(0, len(texts), size)]
    if len(chunks) == 1 or not sys.stderr.isatty():
        yield from chunks
        return

    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(description, total=len(texts))
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))


@contextmanager
def counting(description: str) -> Iterator[Callable[[], None]]:
    """A function that counts its calls, on the standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = TextColumn("{task.description}"), TextColumn("{task.completed:,.0f}")
    with Progress(
        *columns, console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task(description, total=None)
        yield lambda: progress.advance(task)
