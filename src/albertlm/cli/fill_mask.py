"""`albertlm fill-mask`: texts with masks to proposals for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from albertlm.cli import common


def fill_mask(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Texts with [MASK] in them.")
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="Read texts from here, one a line; - is stdin.")
    ] = None,
    model: common.Model = None,
    top_k: Annotated[int, typer.Option(min=1, help="Proposals for each mask.")] = 5,
    targets: Annotated[
        str | None, typer.Option(help="Propose only these words, separated by commas.")
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Leave [CLS], [SEP] and the mark ▁ out.")
    ] = False,
    batch_size: common.BatchSize = 16,
    engine: common.Engine = "numpy",
    as_json: common.Json = False,
) -> None:
    """Propose words for the masks of texts.

    With --json a list with one entry for each text: its proposals, or a list of them for each mask
    where there are several.
    """
    all_texts = [*(texts or []), *(common.read_lines(file) if file else [])]
    if not all_texts:
        raise ValueError('there is no text; give one, such as "Hello I\'m a [MASK] model."')
    if len(all_texts) < batch_size:
        common.use_one_thread()

    from albertlm.inference.fill_mask import Fill
    from albertlm.inference.pipelines import pipeline

    unmasker = pipeline("fill-mask", model, engine=engine)
    words = targets.split(",") if targets else None
    results = [
        result
        for chunk in common.in_chunks(all_texts, batch_size, "texts")
        for result in unmasker(
            chunk, top_k=top_k, targets=words, clean=clean, batch_size=batch_size
        )
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
