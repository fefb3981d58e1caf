"""Shared by `features` and `fill-mask`: jobs over large files, whose results are folders."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.executors import Runner
    from albertlm.inference.bulk import BulkProgress, BulkTask


def run_bulk(
    task: BulkTask,
    texts: Path,
    folder: Path,
    model: str | None,
    *,
    engine: str | None,
    device: str | None,
    dtype: str,
    options: Mapping[str, Any],
    workers: int | None,
    runner: Runner,
    address: str | None,
    as_json: bool,
) -> None:
    """Run or resume a job, with a bar on a terminal, and print what was done.

    Raises:
        ValueError: the texts are those of the standard input, or as in `bulk.plan` and `bulk.run`.
    """
    from albertlm.executors import open_executor
    from albertlm.inference import bulk

    if str(texts) == "-":
        raise ValueError("workers read parts of a file; name a file instead of -")
    job = bulk.plan(
        task, texts, folder, model, engine=engine, device=device, dtype=dtype, options=options
    )
    if workers is None and device not in (None, "cpu"):
        workers = 1  # one process at a time on a GPU
    with (
        common.resumable(),
        _bar() as show,
        open_executor(runner, workers=workers, address=address) as executor,
    ):
        done = bulk.run(job, executor, show)
    if problems := done["problems"]:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in problems.items())
        print(
            f"warning: {sum(problems.values()):,} of {done['texts']:,} lines have no "
            f"{bulk.COLUMN[task]} ({kinds}); the column `problem` names them",
            file=sys.stderr,
        )
    if as_json:
        told = {name: done[name] for name in ("texts", "problems", "engine", "dtype")}
        common.print_json({"output": str(folder), **told})
    else:
        print(f"{done['texts']:,} texts by {done['engine']} in {done['dtype']}: {folder}")


def refuse_without_folder(workers: int | None, runner: Runner, address: str | None) -> None:
    """Raise a ValueError if an option of a job is given where no folder is written."""
    if workers is not None or runner != "local" or address is not None:
        raise ValueError(
            "--workers, --runner and --address belong to a folder of results; name a folder as "
            "the output"
        )


@contextmanager
def _bar() -> Iterator[Callable[[BulkProgress], None]]:
    """A bar with the texts in a second and the time left, if the standard error is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeLeft())
    console = Console(stderr=True)
    begin = time.monotonic()
    # a shard may take minutes, and the time left is estimated from all that are finished
    with Progress(
        *columns, console=console, speed_estimate_period=3600, disable=not sys.stderr.isatty()
    ) as bars:
        bar = bars.add_task("", total=None)

        def show(progress: BulkProgress) -> None:
            nonlocal begin
            if bars.tasks[0].total is None:  # the first call: what was finished before has no rate
                begin = time.monotonic()
                bars.reset(bar, total=progress.total, completed=progress.bytes)
            rate = progress.texts / max(1e-9, time.monotonic() - begin)
            told = f"{progress.texts:,} texts, {rate:,.0f}/s"
            bars.update(bar, completed=progress.bytes, description=told)

        yield show
