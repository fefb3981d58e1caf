"""`albertlm fill-mask` and `albertlm sentence-order`: use the two pretraining heads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from albertlm.cli import bulk, common


def fill_mask(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Texts that contain [MASK].")
    ] = None,
    *,
    file: common.FileOption = None,
    model: common.ModelOption = None,
    top_k: Annotated[int, typer.Option(min=1, help="Number of proposals for each mask.")] = 5,
    targets: Annotated[
        str | None, typer.Option(help="Propose only these words, separated by commas.")
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Leave out [CLS], [SEP] and the mark ▁.")
    ] = False,
    exit_at: common.ExitOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write those of a --file of any size to a folder."),
    ] = None,
    batch_size: common.BatchSizeOption = 16,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    workers: common.WorkersOption = None,
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Propose words for the masks of texts.

    --json prints a list with one entry for each text: its proposals or, if it has several masks, a
    list of proposals for each. With --output, processes write parquet files with the columns
    `text`, `problem` and `fills`, and the same command resumes after an interruption.
    """
    options: Any = {
        "top_k": top_k,
        "targets": targets.split(",") if targets else None,
        "clean": clean,
        "exit_at": exit_at,
        "batch_size": batch_size,
    }
    if output:
        if texts or file is None:
            raise ValueError("--output is for the texts of a file; name it with --file")
        bulk.run_bulk(
            "fill-mask",
            file,
            output,
            model,
            engine=engine,
            device=device,
            dtype=dtype,
            options=options,
            workers=workers,
            runner=runner,
            address=address,
            as_json=as_json,
        )
        return
    bulk.refuse_without_folder(workers, runner, address)
    all_texts = common.given_texts(texts, file, "Hello I'm a [MASK] model.")
    if len(all_texts) < batch_size:
        common.use_one_thread()

    from albertlm.inference.factory import pipeline
    from albertlm.inference.pipelines.fill_mask import Fill

    unmasker = pipeline("fill-mask", model, engine=engine, device=device, dtype=dtype)
    results = [
        result
        for chunk in common.in_chunks(all_texts, batch_size, "texts")
        for result in unmasker(chunk, **options)
    ]
    if as_json:
        common.print_json(results)
        return
    for text, result in zip(all_texts, results, strict=True):
        masks = cast(list[list[Fill]], result if isinstance(result[0], list) else [result])
        for number, fills in enumerate(masks, start=1):
            common.print_table(
                ("#score", "#token", "token_str", "sequence"),
                [
                    (
                        f"{fill['score']:.4f}",
                        str(fill["token"]),
                        fill["token_str"],
                        fill["sequence"],
                    )
                    for fill in fills
                ],
                title=text if len(masks) == 1 else f"{text} (mask {number})",
            )


def sentence_order(
    first: Annotated[
        str, typer.Argument(metavar="FIRST", help="The sentence that may come first.")
    ],
    second: Annotated[
        str, typer.Argument(metavar="SECOND", help="The sentence that may follow it.")
    ],
    *,
    model: common.ModelOption = None,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    as_json: common.JsonOption = False,
) -> None:
    """Predict whether two sentences are in order."""
    common.use_one_thread()

    from albertlm.inference.factory import pipeline

    in_order = pipeline("sentence-order", model, engine=engine, device=device, dtype=dtype)(
        first, second
    )
    if as_json:
        common.print_json({"in_order": in_order})
    else:
        common.print_table(
            ("order", "#probability"),
            [("as given", f"{in_order:.4f}"), ("swapped", f"{1 - in_order:.4f}")],
        )
