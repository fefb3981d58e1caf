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
from albertlm.serving import static_page


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
        Literal["onnx", "openvino", "page"],
        typer.Option(
            help="The format; each is an extra. A page computes the model in the browser."
        ),
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
    runtime: Annotated[
        Path | None,
        typer.Option(help="For a page: the node_modules folder with onnxruntime-web."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the files of an export and write nothing.")
    ] = False,
    as_json: common.JsonOption = False,
) -> None:
    """Export a model to ONNX, OpenVINO or a page, with its shared layer once, in a loop.

    The folder also holds the tokenizer, a card and examples that need a runtime and a tokenizer
    only. A model in 8 bits is compared with the original one, and refused if it differs too much.
    A page is a folder for any web server, where the model runs in the browser of its reader.
    """
    if check:
        found = package.verify(Path(model))
        told = {"export": model, "format": found, "complete": True}
    elif folder is None:
        raise ValueError("the folder to write is missing; write albertlm export MODEL FOLDER")
    else:
        if (runtime is not None) != (to == "page"):
            raise ValueError(
                "--runtime and --to page belong together; give the node_modules folder that has "
                f"onnxruntime-web {static_page.RUNTIME}"
            )
        told = _export(model, folder, to, task, int8, depth, text, runtime)
    if as_json:
        common.print_json(told)
    else:
        common.print_table(("export", "value"), [(key, str(each)) for key, each in told.items()])


def _export(  # noqa: PLR0917 (private)
    model: str,
    folder: Path,
    to: package.Format | Literal["page"],
    task: str | None,
    int8: bool,
    depth: int | None,
    text: Path | None,
    runtime: Path | None,
) -> dict[str, object]:
    source = hub.resolve(model)
    graph_format: package.Format = "onnx" if to == "page" else to
    agreement = {}
    if int8:
        from albertlm.inference import accuracy

        with tempfile.TemporaryDirectory() as temporary:
            encoder = Path(temporary)
            task_ = "feature-extraction"
            package.write(source, encoder, graph_format, task=task_, int8=True, depth=depth)
            agreement = dataclasses.asdict(accuracy.require_export(encoder, source, depth, text))
    with storage.atomic_path(folder) as temporary:
        temporary.mkdir()
        if runtime is not None:
            name = Path(model).resolve().name if Path(model).is_dir() else model
            page = static_page.write_page(
                *(source, temporary, runtime), name=name, task=task, int8=int8, depth=depth
            )
            written, size = page["tasks"][0], page["download"]
        else:
            written = package.write(
                source, temporary, graph_format, task=task, int8=int8, depth=depth
            )
            size = sum((temporary / name).stat().st_size for name in package.FILES[graph_format])
    return {"folder": str(folder), "format": to, "task": written, "bytes": size} | agreement
