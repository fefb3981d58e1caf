"""`albertlm text-classification`, `zero-shot-classification` and `token-classification`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.inference.pipelines.text_classification import LabelScore
    from albertlm.tasks.words import Strategy

TextsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="TEXT...", help="Texts to classify.")
]
TunedOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A folder or hub id of a model trained for this task."),
]

EXAMPLE = "The boat crossed the river."


def text_classification(
    texts: TextsArgument = None,
    *,
    file: common.FileOption = None,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Each text is two texts with a tab between them.")
    ] = False,
    model: TunedOption = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Number of labels for each text.")] = 1,
    all_labels: Annotated[bool, typer.Option("--all", help="Show all labels.")] = False,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="sigmoid|softmax|none",
            help="What makes scores of logits; as the model's configuration says by default.",
        ),
    ] = None,
    windows: common.WindowsOption = False,
    shift: common.ShiftOption = None,
    overlap: common.OverlapOption = None,
    exit_at: common.ExitOption = None,
    batch_size: common.BatchSizeOption = 16,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    as_json: common.JsonOption = False,
) -> None:
    """Classify texts or pairs of texts, with a model that was trained for it.

    --json prints a list with one entry for each text: its labels with their scores, best first.
    """
    all_texts = common.given_texts(texts, file, EXAMPLE)
    if len(all_texts) < batch_size:
        common.use_one_thread()

    from albertlm.inference.factory import pipeline

    classify = pipeline("text-classification", model, engine=engine, device=device, dtype=dtype)
    options: Any = {
        "top_k": None if all_labels else top_k,
        "function_to_apply": function,
        "windows": windows,
        "shift": shift,
        "overlap": overlap,
        "exit_at": exit_at,
        "batch_size": batch_size,
    }
    results = _in_chunks(
        all_texts,
        batch_size,
        lambda chunk: classify(map(_pair, chunk) if pairs else chunk, **options),
    )
    _print_labels(all_texts, results, as_json)


def zero_shot_classification(
    texts: TextsArgument = None,
    *,
    labels: Annotated[str, typer.Option(help="The labels, separated by commas.")],
    file: common.FileOption = None,
    model: TunedOption = None,
    template: Annotated[
        str, typer.Option(help="The sentence that a label makes in the place of {}.")
    ] = "This example is {}.",
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="Several labels may apply to a text.")
    ] = False,
    batch_size: common.BatchSizeOption = 16,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    as_json: common.JsonOption = False,
) -> None:
    """Classify texts by labels of your own, with a model trained on MNLI or its like.

    --json prints a list with one entry for each text: the labels with their scores, best first.
    """
    all_texts = common.given_texts(texts, file, EXAMPLE)
    if len(all_texts) * len(labels.split(",")) < batch_size:
        common.use_one_thread()

    from albertlm.inference.factory import pipeline

    classify = pipeline(
        "zero-shot-classification", model, engine=engine, device=device, dtype=dtype
    )
    results = _in_chunks(
        all_texts,
        batch_size,
        lambda chunk: classify(
            chunk,
            labels,
            hypothesis_template=template,
            multi_label=multi_label,
            batch_size=batch_size,
        ),
    )
    _print_labels(all_texts, results, as_json)


def token_classification(
    texts: TextsArgument = None,
    *,
    file: common.FileOption = None,
    model: TunedOption = None,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="first|average|max|simple|none",
            help="Whose label a word has, of its first token for one; simple joins tokens "
            "regardless of words, and none shows each.",
        ),
    ] = "first",
    batch_size: common.BatchSizeOption = 16,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    as_json: common.JsonOption = False,
) -> None:
    """Find the entities of texts, such as names, with a model that was trained for it.

    --json prints a list with one entry for each text: its entities, with their first character
    and the one after their last.
    """
    all_texts = common.given_texts(texts, file, EXAMPLE)
    if len(all_texts) < batch_size:
        common.use_one_thread()

    from albertlm.inference.factory import pipeline

    find = pipeline("token-classification", model, engine=engine, device=device, dtype=dtype)
    chosen: Strategy = strategy  # type: ignore[assignment]  # checked by the pipeline
    results = _in_chunks(
        all_texts,
        batch_size,
        lambda chunk: find(chunk, aggregation_strategy=chosen, batch_size=batch_size),
    )
    if as_json:
        common.print_json(results)
        return
    for text, entities in zip(all_texts, results, strict=True):
        common.print_table(
            ("entity", "#score", "text", "#start", "#end"),
            [
                (
                    each.get("entity_group") or each["entity"],
                    f"{each['score']:.4f}",
                    each["word"],
                    str(each["start"]),
                    str(each["end"]),
                )
                for each in entities
            ],
            title=text,
        )


def _in_chunks(
    texts: list[str], batch_size: int, classify: Callable[[list[str]], Iterable[Any]]
) -> list[Any]:
    chunks = common.in_chunks(texts, batch_size, "texts")
    return [result for chunk in chunks for result in classify(chunk)]


def _pair(text: str) -> dict[str, str]:
    first, tab, second = text.partition("\t")
    if not tab or "\t" in second:
        raise ValueError(f"{text!r} is not a pair; write two texts with one tab between them")
    return {"text": first, "text_pair": second}


def _print_labels(
    texts: Sequence[str], results: Sequence[Sequence[LabelScore]], as_json: bool
) -> None:
    if as_json:
        common.print_json(results)
        return
    rows = [
        (each["label"], f"{each['score']:.4f}", "" if place else text)
        for text, labels in zip(texts, results, strict=True)
        for place, each in enumerate(labels)
    ]
    common.print_table(("label", "#score", "text"), rows)
