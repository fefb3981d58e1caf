"""Shared by the commands: options, reading of texts, tables, JSON and progress bars."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import typer

from albertlm.inference.engines import ENGINES

BATCHES_AT_ONCE = 16
"""Batches that are sorted by length together, and whose results are held in memory."""

Command = TypeVar("Command", bound=Callable[..., Any])

MODEL_HELP = "A model folder or hub id; by default the small model that ships with albertlm."

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help=MODEL_HELP)]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(["auto", *ENGINES]),
        help="What computes: numpy, or an extra; by default the fastest that was measured.",
    ),
]
DeviceOption = Annotated[
    str | None, typer.Option(help="Where to compute, such as cuda; the CPU by default.")
]
DTypeOption = Annotated[
    str,
    typer.Option(
        metavar="auto|float32|bfloat16|int8|…",
        help="Type of numbers; by default (auto) the engine chooses, and never int8.",
    ),
]
SentencesOption = Annotated[
    Path | None,
    typer.Option(
        "--text", help="Sentences in the model's language, to judge int8 by; English by default."
    ),
]
FileOption = Annotated[
    Path | None, typer.Option(help="Read texts from a file, one per line; - is stdin.")
]
CorpusArgument = Annotated[
    Path, typer.Argument(metavar="CORPUS", help="A folder that `albertlm corpus build` wrote.")
]
TokensArgument = Annotated[
    Path, typer.Argument(metavar="TOKENS", help="A folder that `albertlm tokens` wrote.")
]
TaskArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="squad1, squad2, mnli, sst2, race, cola, mrpc, qqp, qnli, rte, stsb, wnli, hans, or "
        "own for a file of yours.",
    ),
]
LanguageOption = Annotated[str, typer.Option(help="ISO 639-1 code for splitting sentences.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Number of processes; one per core by default.")
]
RunnerOption = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Where processes run: on this machine, or on a Ray cluster (an extra)."),
]
AddressOption = Annotated[
    str | None, typer.Option(help="Address of the Ray cluster's head, such as 10.0.0.1:6379.")
]
RanksOption = Annotated[
    int | None,
    typer.Option(min=1, help="Processes on the Ray cluster, each with a GPU or else a core."),
]
ExitOption = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Stop computing a text at this confidence; faster and less accurate."
    ),
]
BatchSizeOption = Annotated[int, typer.Option(min=1, help="Texts in a batch.")]
ShiftOption = Annotated[
    int | None,
    typer.Option(min=1, help="Tokens by which each window of a long text begins after the last."),
]
OverlapOption = Annotated[
    int | None, typer.Option(min=0, help="Tokens that windows share, instead of --shift.")
]
WindowsOption = Annotated[
    bool,
    typer.Option(
        "--windows",
        help="Read long texts in windows, of whose scores the mean counts; or cut them.",
    ),
]


def with_options_of(
    kind: type[Any], name: str, *, without: Sequence[str] = (), environment: str | None = None
) -> Callable[[Command], Command]:
    """Replace a parameter of a command by an option for each field of a configuration.

    Args:
        kind: a dataclass whose fields were made by `settings.option`.
        name: the name of the command's parameter, which receives a `kind`.
        without: fields that have no option, but their defaults.
        environment: what precedes the names of the options' environment variables, if any.
    """
    hints = typing.get_type_hints(kind)
    options = [
        _option(each, hints[each.name], environment)
        for each in dataclasses.fields(kind)
        if each.name not in without
    ]

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for each in signature.parameters.values():
            parameters += options if each.name == name else [each]

        def called(**given: Any) -> Any:
            values = {each.name: given.pop(each.name) for each in options}
            several = {key: tuple(value) for key, value in values.items() if type(value) is list}
            return command(**given, **{name: kind(**values | several)})

        called.__doc__, called.__name__ = command.__doc__, command.__name__
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return cast(Command, called)

    return decorate


def _option(field: dataclasses.Field[Any], hint: Any, environment: str | None) -> inspect.Parameter:
    """The option of a field; that of a tuple may be given several times."""
    is_several = typing.get_origin(hint) is tuple
    default: Any = field.default
    option = typer.Option(
        *_flags(field),
        help=field.metadata["help"],
        min=field.metadata["least"],
        metavar="<str>" if is_several else None,
        envvar=None if environment is None else environment + field.name.upper(),
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=list(default) if is_several else default,
        annotation=Annotated[list[str] if is_several else hint, option],
    )


def _flags(field: dataclasses.Field[Any]) -> list[str]:
    """The names of an option on the command line, if they differ from typer's default."""
    if field.metadata["flags"]:
        return [field.metadata["flags"]]
    # an option that is off by default can only be switched on
    return [f"--{field.name.replace('_', '-')}"] if field.default is False else []


def check_runner(runner: str, address: str | None, ranks: int | None) -> int:
    """The number of processes on a cluster, or 0 for those of this machine.

    Raises:
        ValueError: the options of the runner contradict each other.
    """
    if runner == "local":
        if address is not None or ranks is not None:
            raise ValueError(
                "--address and --ranks need --runner ray; on one machine, `torchrun "
                "--nproc-per-node 2 --no-python albertlm …` starts a command in two processes"
            )
        return 0
    if ranks is None:
        raise ValueError("the runner ray needs the number of processes; add --ranks, such as 8")
    return ranks


def use_one_thread() -> None:
    """Make NumPy, unless it is already imported, compute products in a single thread.

    A product for a short text takes 1.4 ms in one thread, and 24 ms in two threads on busy cores.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def read_texts(path: Path) -> list[str]:
    """The texts of a file, one per line; `-` is the standard input.

    Raises:
        ValueError: the file is empty, contains an empty line, or is not UTF-8.
    """
    # only \n ends a line; str.splitlines would also split at rare characters within a text
    lines = [line.rstrip("\r") for line in read_document(path).split("\n")]
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise ValueError(f"{_shown(path)} is empty; put one text on each line")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ValueError(f"line {number} of {_shown(path)} is empty; put one text on each line")
    return lines


def read_document(path: Path) -> str:
    """The whole text of a file; `-` is the standard input.

    Raises:
        ValueError: the file is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{_shown(path)} is not UTF-8 at byte {error.start}; convert it first"
        ) from None


def given_texts(texts: Sequence[str] | None, file: Path | None, example: str) -> list[str]:
    """The texts of the command line, and those of a file.

    Raises:
        ValueError: there are none; the message has an example.
    """
    found = [*(texts or []), *(read_texts(file) if file else [])]
    if not found:
        raise ValueError(f'there is no text; give one, such as "{example}"')
    return found


def _shown(path: Path) -> str:
    return "the standard input" if str(path) == "-" else str(path)


def print_json(value: Any) -> None:
    """Print a JSON document, in ASCII unless the standard output takes all characters."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=not is_unicode, indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print a table; columns whose names start with `#` are right-aligned, without the `#`.

    In a terminal that is too narrow, the last columns are left out, and the last one that is shown
    is wrapped. Nothing is cut off.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # piped output is as wide as necessary; texts such as [b] are not markup
    console = Console(width=None if sys.stdout.isatty() else 10_000, markup=False, highlight=False)
    all_rows = list(rows)
    shown = _fitting(columns, all_rows, console.width)
    left_out = ", ".join(column.removeprefix("#") for column in columns[shown:])
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption=f"without {left_out}, for lack of width" if left_out else None,
        caption_justify="left",
    )
    for number, column in enumerate(columns[:shown], start=1):
        table.add_column(
            column.removeprefix("#"),
            justify="right" if column[0] == "#" else "left",
            no_wrap=number < shown,
            overflow="fold",
        )
    for row in all_rows:
        table.add_row(*row[:shown])
    console.print(table)


def _fitting(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """The number of columns that fit if the last of them is wrapped at spaces."""
    from rich.cells import cell_len

    used = 1
    for number, column in enumerate(columns):
        cells = [column.removeprefix("#"), *(row[number] for row in rows)]
        longest_word = max(cell_len(word) for cell in cells for word in cell.split() or [""])
        if number and used + longest_word + 3 > width:
            return number
        used += max(map(cell_len, cells)) + 3  # with a space on both sides and between columns
    return len(columns)


def print_scores(task: str, scores: Mapping[str, float], count: int, data: Path) -> None:
    """Print the scores of a task on `count` examples of a file as a table."""
    print_table(
        ("score", "#value"),
        [
            (name, f"{value:.4f}" if isinstance(value, float) else f"{value:,}")
            for name, value in scores.items()
        ],
        title=f"{task}: {count:,} examples of {data}",
    )


def in_chunks(texts: list[str], batch_size: int, description: str) -> Iterator[list[str]]:
    """Yield several batches of texts at a time, with a bar if the standard error is a terminal."""
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
def resumable() -> Iterator[None]:
    """Say after Ctrl-C that the command resumes."""
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        raise


@contextmanager
def counting(description: str) -> Iterator[Callable[[], None]]:
    """A function that counts its calls, with a display if the standard error is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = TextColumn("{task.description}"), TextColumn("{task.completed:,.0f}")
    with Progress(
        *columns, console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task(description, total=None)
        yield lambda: progress.advance(task)
