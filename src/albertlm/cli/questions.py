"""`albertlm question-answering` and `albertlm multiple-choice`: questions about a context."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from albertlm.cli import common
from albertlm.cli.classification import TunedOption

ContextOption = Annotated[str | None, typer.Option(help="The text that is read.")]
ContextFileOption = Annotated[
    Path | None, typer.Option(help="Read the context from a file, the whole of it; - is stdin.")
]


def question_answering(
    questions: Annotated[
        list[str], typer.Argument(metavar="QUESTION...", help="Questions about the context.")
    ],
    *,
    context: ContextOption = None,
    file: ContextFileOption = None,
    model: TunedOption = None,
    top_k: Annotated[int, typer.Option(min=1, help="Number of answers to each question.")] = 1,
    handle_impossible_answer: Annotated[
        bool,
        typer.Option(
            "--handle-impossible-answer", help="There may be no answer: the empty one competes."
        ),
    ] = False,
    shift: common.ShiftOption = None,
    overlap: common.OverlapOption = None,
    batch_size: common.BatchSizeOption = 16,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    as_json: common.JsonOption = False,
) -> None:
    """Answer questions with parts of a context of any length.

    --json prints a list with one entry for each question: a list of its answers, best first, with
    their first character and the one after their last.
    """
    read = _context(context, file)

    from albertlm.inference.factory import pipeline

    answer = pipeline("question-answering", model, engine=engine, device=device, dtype=dtype)
    found = answer(
        [{"question": question, "context": read} for question in questions],
        top_k=top_k,
        handle_impossible_answer=handle_impossible_answer,
        shift=shift,
        overlap=overlap,
        batch_size=batch_size,
    )
    results: list[list[dict[str, Any]]] = [[each] if top_k == 1 else each for each in found]
    if as_json:
        common.print_json(results)
        return
    rows = [
        (
            "" if place else question,
            each["answer"] or "(none)",
            f"{each['score']:.4f}",
            str(each["start"]),
            str(each["end"]),
        )
        for question, answers in zip(questions, results, strict=True)
        for place, each in enumerate(answers)
    ]
    common.print_table(("question", "answer", "#score", "#start", "#end"), rows)


def multiple_choice(
    choices: Annotated[
        list[str], typer.Argument(metavar="CHOICE...", help="Two or more answers to choose from.")
    ],
    *,
    question: Annotated[
        str | None,
        typer.Option(
            help="A question about the context, or a sentence with _ for the choice. Without it, "
            "choices continue the context."
        ),
    ] = None,
    context: ContextOption = None,
    file: ContextFileOption = None,
    model: TunedOption = None,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "auto",
    as_json: common.JsonOption = False,
) -> None:
    """Choose among answers to a question about a context.

    --json prints a list of the choices, best first, with their scores.
    """
    read = _context(context, file)

    from albertlm.inference.factory import pipeline

    choose = pipeline("multiple-choice", model, engine=engine, device=device, dtype=dtype)
    asked = {} if question is None else {"question": question}
    found = choose({"context": read, "choices": choices, **asked})
    if as_json:
        common.print_json(found)
        return
    common.print_table(
        ("choice", "#score"), [(each["choice"], f"{each['score']:.4f}") for each in found]
    )


def _context(context: str | None, file: Path | None) -> str:
    if (context is None) == (file is None):
        raise ValueError("give the context as --context TEXT or --file PATH, one of the two")
    return common.read_document(file) if file else context or ""
