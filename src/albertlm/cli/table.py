"""`albertlm table`: gather results of tasks into the table of the model card."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def table(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL=]RESULT",
            help="JSON files with task, n, scores and model, one for each run; MODEL= names the "
            "model otherwise.",
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for a page, a CSV file and a picture."),
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Show results beside the published ones of the eight released models.

    Several results of a model on the same task are runs with different seeds, whose mean is shown.
    """
    from albertlm.reporting import task_results

    found = task_results.read_results(results)
    page = task_results.write_table(found, output) if output else None
    if as_json:
        told = {"table": str(page)} if page else {}
        common.print_json(told | {"results": [dataclasses.asdict(each) for each in found]})
        return
    everything = [*found, *task_results.published_results()]
    columns = ("model", "#Average", *(f"#{title}" for title in task_results.TITLES))
    common.print_table(columns, task_results.card_rows(everything))
    common.print_table(task_results.COLUMNS, task_results.detail_rows(found))
    if page:
        print(page)
