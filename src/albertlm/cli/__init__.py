"""The command line: the command `a-b` is the function or group `a_b` of a module in this package.

benchmark: measure the engines on this machine.
bias: measure the bias of a model.
bias_tables: the tables of `bias`.
bulk: shared by `features` and `fill-mask`: jobs over large files, whose results are folders.
card: write the card of a model.
classification: label texts and words, also with labels of your own.
common: shared by the commands: options, reading of texts, tables, JSON and progress bars.
compare: test whether two models differ.
convert: write a model of any format in another one.
corpus: build a corpus from documents of any format, and inspect it.
evaluate: score a model on held-out documents, or on the data of a task.
export: write a model for other runtimes.
features: write feature vectors for a file of texts.
fill_mask: fill masks in texts, and predict the order of two sentences.
finetune: fine-tune a model on a task.
info: show the configuration and the cost of a model.
pretrain: pretrain a model on tokens.
push: upload a model to the hub.
questions: answer questions from a context, and choose among answers.
recipes: list the recipes for pretraining and their cost.
report: write a report on one or several pretraining runs.
score: score predictions on the data of a task.
serve: the inference API and its page.
table: gather results of tasks into the table of the model card.
tokens: tokenise a corpus into token shards.
training_bar: the progress bar of a training run.
vocab: train a vocabulary on a corpus.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import albertlm
from albertlm import extras

COMMANDS = {
    "fill-mask": "fill_mask",
    "features": "features",
    "sentence-order": "fill_mask",
    "text-classification": "classification",
    "zero-shot-classification": "classification",
    "token-classification": "classification",
    "question-answering": "questions",
    "multiple-choice": "questions",
    "info": "info",
    "convert": "convert",
    "corpus": "corpus",
    "vocab": "vocab",
    "tokens": "tokens",
    "recipes": "recipes",
    "pretrain": "pretrain",
    "finetune": "finetune",
    "report": "report",
    "evaluate": "evaluate",
    "score": "score",
    "compare": "compare",
    "table": "table",
    "benchmark": "benchmark",
    "export": "export",
    "serve": "serve",
    "bias": "bias",
    "card": "card",
    "push": "push",
}
"""The commands and their modules, in the order of the help text."""

BAD_INPUT, INTERRUPTED, CLOSED_PIPE = 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0, 2 for bad input, 130 for Ctrl-C, 141 for a closed pipe."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):
        # in an encoding without all characters, others are shown as question marks
        sys.stdout.reconfigure(errors="replace")
    command = typer.main.get_command(_application(arguments))
    _hide_types_of_arguments(command)
    try:
        with command.make_context("albertlm", arguments or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as done:
        return done.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # discard what is still buffered, so that flushing at exit does not fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except (
        typer.TyperException,
        ArithmeticError,
        ImportError,
        MemoryError,
        OSError,
        ValueError,
    ) as error:
        print("error:", " ".join(_explain(error).split()), file=sys.stderr)
        return BAD_INPUT
    return 0


def _explain(error: Exception) -> str:
    match error:
        case typer.TyperException():
            return error.format_message()
        case ModuleNotFoundError(name=str(name)) if name in extras.EXTRAS:
            return extras.hint(name)
        case MemoryError():
            return "out of memory; use a smaller batch or shorter texts"
        case OSError(filename=str(name), strerror=str(reason)):
            return f"{name}: {reason}"
        case _:
            return str(error)


def _application(arguments: list[str]) -> typer.Typer:
    """The application with the called command only, or with all commands for help."""
    # markup is off, since it would treat [MASK] as a tag
    application = typer.Typer(add_completion=False, rich_markup_mode=None)
    application.callback()(_albertlm)
    called = [name for name in COMMANDS if name in arguments[:1]]
    for name in called or COMMANDS:
        module = importlib.import_module(f"albertlm.cli.{COMMANDS[name]}")
        found = getattr(module, name.replace("-", "_"))
        if isinstance(found, typer.Typer):
            application.add_typer(found, name=name)
        else:
            application.command(name)(found)
    return application


def _hide_types_of_arguments(command: Any) -> None:
    """Leave out types such as `<list[str]>` behind the names of arguments, which say enough."""
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda **_: None
    for each in getattr(command, "commands", {}).values():
        _hide_types_of_arguments(each)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(albertlm.__version__)
        raise typer.Exit


def _albertlm(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Everything ALBERT: fill masks, extract features, inspect and train models."""


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print("warning:", message, file=sys.stderr)
