"""`albertlm card`: write the model card of a folder, or check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from albertlm.cli import common


def card(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a model.")],
    *,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            "--runs",
            metavar="PATH",
            help="A folder of pretrain, finetune, tokens or a bias audit, or a file that "
            "`evaluate --json` or `score --json` printed. Repeatable.",
        ),
    ] = None,
    license_: Annotated[
        str | None,
        typer.Option(
            "--license", help="Licence, such as apache-2.0, with which a card.toml is begun."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Make the card again and compare it, with --runs its card.json, too; nothing is "
            "written.",
        ),
    ] = False,
    as_json: common.JsonOption = False,
) -> None:
    """Write README.md, the model card, into the folder of a model.

    Its numbers come from runs, evaluations and audits; without --runs, from the card.json of
    before. Its words come from card.toml, which is never changed.
    """
    from albertlm.reporting import card_words, model_card

    sources = runs or []
    if check:
        model_card.check_card(model, sources)
        path = model / model_card.CARD
    else:
        if license_ is not None:
            card_words.begin_words(model, license_)
        path = model_card.write_card(model, sources)
    if as_json:
        common.print_json({"card": str(path), "checked": check})
        return
    print(f"{path} is what its files say" if check else path)
