"""`albertlm score`: score predictions, made by any model, on the data of a task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common
from albertlm.tasks.own import OwnData


@common.with_options_of(OwnData, "own")
def score(
    task: common.TaskArgument,
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="File with the gold labels, a folder for RACE, or hub:OWNER/NAME[:SUBSET]."
        ),
    ],
    predictions: Annotated[
        Path,
        typer.Option(
            help="JSON from ids to answers (SQuAD), a table with the columns index and prediction "
            "(GLUE), or JSON lines with id and prediction."
        ),
    ],
    null_odds: Annotated[
        Path | None,
        typer.Option(help="SQuAD 2.0: JSON from ids to scores of there being no answer."),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option("--threshold", "-t", help="Null odds above which nothing is answered."),
    ] = 1.0,
    curves: Annotated[
        Path | None,
        typer.Option(
            "--curves",
            "-p",
            help="SQuAD 2.0: figure of precision and recall to write, .png or .svg.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Missing answers are errors; entities must be IOB2."),
    ] = False,
    as_google: Annotated[
        bool,
        typer.Option("--as-google", help="SQuAD 2.0: apply the best threshold as ALBERT's code."),
    ] = False,
    sum_probabilities: Annotated[
        bool,
        typer.Option(
            "--sum-probabilities",
            help="HANS, RTE: add the probabilities of neutral and contradiction before comparing.",
        ),
    ] = False,
    own: OwnData,
    as_json: common.JsonOption = False,
) -> None:
    """Score predictions by the official rules of a task.

    The scores have the names and the order of the official scripts: percentages for SQuAD,
    fractions for the others.
    """
    from albertlm.tasks import hub_data
    from albertlm.tasks.catalogue import find_task
    from albertlm.tasks.predictions import read_null_odds, read_predictions
    from albertlm.tasks.squad_v2 import raw_scores, score_squad2
    from albertlm.tasks.task import ScoringOptions

    data = hub_data.dev_of(str(data)) if hub_data.is_hub_name(data) else data
    found = find_task(task, data, own)
    if found.score is not score_squad2 and (null_odds or curves or as_google):
        raise ValueError("--null-odds, --curves and --as-google are for squad2 only")
    options = ScoringOptions(
        strict=strict,
        as_google=as_google,
        null_odds=read_null_odds(null_odds) if null_odds else None,
        threshold=threshold,
        curves=curves is not None,
        sum_probabilities=sum_probabilities,
    )
    examples, predicted = found.read(data), read_predictions(predictions)
    scores = found.score(examples, predicted, options)
    if curves is not None:
        from albertlm.reporting.figures import draw_precision_recall

        raw, odds = raw_scores(examples, predicted, options)
        draw_precision_recall(raw.curves(odds or {}), curves)
    if as_json:
        split = found.split_of(data)
        told = {"task": task} | ({"split": split} if split else {})
        common.print_json(told | {"n": len(examples), "scores": scores})
        return
    common.print_scores(task, scores, len(examples), data)
