"""`albertlm export`: write a model for other runtimes."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from albertlm import hub, storage
from albertlm.cli import common
from albertlm.export import graph, package


def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model folder or hub id; with --check, an export."),
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="The folder to write.")
    ] = None,
    *,
    to: Annotated[
        Literal["onnx", "openvino"], typer.Option(help="The format; each is an extra.")
    ] = "onnx",
    task: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(graph.TASKS), help="What it computes; by default, by its class."
        ),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Weights and products in 8 bits, if accurate enough.")
    ] = False,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Applications of layers; all by default.")
    ] = None,
    text: common.SentencesOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the files of an export and write nothing.")
    ] = False,
    as_json: common.JsonOption = False,
) -> None:
    """Export a model to ONNX or OpenVINO, with its shared layer once, in a loop.

    The folder also holds the tokenizer, a card and examples that need a runtime and a tokenizer
    only. A model in 8 bits is compared with the original one, and refused if it differs too much.
    """
    if check:
        found = package.verify(Path(model))
        told = {"export": model, "format": found, "complete": True}
    elif folder is None:
        raise ValueError("the folder to write is missing; write albertlm export MODEL FOLDER")
    else:
        told = _export(hub.resolve(model), folder, to, task, int8, depth, text)
    if as_json:
        common.print_json(told)
    else:
        common.print_table(("export", "value"), [(key, str(each)) for key, each in told.items()])


def _export(  # noqa: PLR0917 (private)
    model: Path,
    folder: Path,
    to: package.Format,
    task: str | None,
    int8: bool,
    depth: int | None,
    text: Path | None,
) -> dict[str, object]:
    agreement = {}
    if int8:
        from albertlm.inference import accuracy

        with tempfile.TemporaryDirectory() as temporary:
            encoder = Path(temporary)
            package.write(model, encoder, to, task="feature-extraction", int8=True, depth=depth)
            agreement = dataclasses.asdict(accuracy.require_export(encoder, model, depth, text))
    with storage.atomic_path(folder) as temporary:
        temporary.mkdir()
        written = package.write(model, temporary, to, task=task, int8=int8, depth=depth)
    size = sum((folder / name).stat().st_size for name in package.FILES[to])
    return {"folder": str(folder), "format": to, "task": written, "bytes": size} | agreement
