"""`albertlm sentence-order`: two sentences to the probability of their order."""

from __future__ import annotations

from typing import Annotated

import typer

from albertlm.cli import common


def sentence_order(
    first: Annotated[
        str, typer.Argument(metavar="FIRST", help="The sentence that may come first.")
    ],
    second: Annotated[
        str, typer.Argument(metavar="SECOND", help="The sentence that may follow it.")
    ],
    *,
    model: common.Model = None,
    engine: common.Engine = "numpy",
    as_json: common.Json = False,
) -> None:
    """Tell whether two sentences stand in their order."""
    common.use_one_thread()

    from albertlm.inference.pipelines import pipeline

    in_order = pipeline("sentence-order", model, engine=engine)(first, second)
    if as_json:
        common.print_json({"in_order": in_order})
    else:
        common.print_table(
            ("order", "#probability"),
            [("as given", f"{in_order:.4f}"), ("swapped", f"{1 - in_order:.4f}")],
        )
