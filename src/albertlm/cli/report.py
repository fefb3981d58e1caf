"""`albertlm report`: write a report on one or several pretraining runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN", help="Folders that `albertlm pretrain` wrote, finished or not."
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of the report; by default `report` in the run or, for several runs, here.",
        ),
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Write curves and tables of a pretraining run, or of several for comparison.

    The folder receives README.md, curves.png and curves.svg.
    """
    from albertlm.reporting import page

    histories = page.read_runs(runs)
    folder = output or (runs[0] / "report" if len(runs) == 1 else Path("report"))
    summaries = page.write_report(histories, folder)
    if as_json:
        told = [dataclasses.asdict(summary) for summary in summaries]
        common.print_json({"report": str(folder / page.PAGE), "runs": told})
        return
    columns = ["measure", *(f"#{summary.name}" for summary in summaries)]
    common.print_table(columns, page.result_rows(summaries))
    print(folder / page.PAGE)
