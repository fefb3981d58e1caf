"""`albertlm push`: upload a model to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from albertlm import hub
from albertlm.cli import common


def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a model.")],
    repository: Annotated[
        str, typer.Argument(metavar="REPO", help="The hub's id, such as name/model.")
    ],
    *,
    revision: Annotated[
        str | None, typer.Option(help="Branch, created if it is missing; main by default.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Anybody may see it; private by default.")
    ] = False,
    message: Annotated[
        str, typer.Option(help="The first line of the commit.")
    ] = "Upload with albertlm",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check the card and list files and sizes, but upload nothing."
        ),
    ] = False,
    as_json: common.JsonOption = False,
) -> None:
    """Upload the configuration, weights, tokenizer and card of a model to the hub.

    Other files of the folder stay here. If it is interrupted, the same command goes on.
    """
    files = hub.check_upload(folder, repository)
    if not as_json:
        rows = [(name, f"{size:,}") for name, size in {**files, "": sum(files.values())}.items()]
        common.print_table(("file", "#bytes"), rows, title=f"{folder} to {repository}")
    told = {"repository": repository, "revision": revision, "files": files, "commit": None}
    if not dry_run:
        url = hub.push(folder, repository, revision=revision, public=public, message=message)
        told["commit"] = url
        if not as_json:
            print(url)
    if as_json:
        common.print_json(told)
