"""`albertlm compare`: test whether two models differ, by their predictions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A `predictions.jsonl` with gold labels.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="One of another model on the same data.")],
    *,
    samples: Annotated[int, typer.Option(min=100, help="Samples of the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples.")] = 0,
    as_json: common.JsonOption = False,
) -> None:
    """Compare two models by McNemar's exact test and a paired bootstrap."""
    from albertlm.tasks.comparison import compare as compared
    from albertlm.tasks.predictions import read_predictions

    found = compared(read_predictions(a), read_predictions(b), samples=samples, seed=seed)
    if as_json:
        common.print_json(dataclasses.asdict(found))
        return
    rows = [
        (f"{found.metric} of A", f"{found.a:.4f}"),
        (f"{found.metric} of B", f"{found.b:.4f}"),
        ("difference", f"{found.difference:+.4f}"),
        ("95 % interval", f"{found.low:+.4f} to {found.high:+.4f}"),
        ("p, paired bootstrap", f"{found.p_bootstrap:.4f}"),
    ]
    if found.p_mcnemar is not None:
        rows += [
            ("only A right", f"{found.only_a:,}"),
            ("only B right", f"{found.only_b:,}"),
            ("p, McNemar", f"{found.p_mcnemar:.4f}"),
        ]
    common.print_table(("measure", "#value"), rows, title=f"A: {a}, B: {b}, {found.n:,} examples")
