"""The command line: the command `a-b` is `a_b` of the module `a_b` in this package, a function or a
group of commands.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

import albertlm

COMMANDS = (
    "fill-mask",
    "features",
    "sentence-order",
    "info",
    "corpus",
    "vocab",
    "tokens",
    "recipes",
    "pretrain",
    "report",
    "evaluate",
)
"""In the order of the help text. A new command is a module and a name here."""

EXTRAS = {
    "torch": "torch",
    "matplotlib": "train",
    "ray": "ray",
    **dict.fromkeys(
        ("ftfy", "py3langid", "pyarrow", "rensa", "selectolax", "sentencex", "zstandard"), "corpus"
    ),
}
"""The extra that brings a module."""

BAD_INPUT, INTERRUPTED, CLOSED_PIPE = 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0, 2 for bad input, 130 for Ctrl-C, 141 for a closed pipe."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    warnings.showwarning = _show_warning
    command = typer.main.get_command(_application(arguments))
    try:
        with command.make_context("albertlm", arguments or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as done:
        return done.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # what is still buffered has nowhere to go, not even at exit
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
        case ModuleNotFoundError(name=name) if name in EXTRAS:
            return f"{name} is missing; pip install 'albertlm[{EXTRAS[name]}]'"
        case MemoryError():
            return "out of memory; use a smaller batch or shorter texts"
        case OSError(filename=str(name), strerror=str(reason)):
            return f"{name}: {reason}"
        case _:
            return str(error)


def _application(arguments: list[str]) -> typer.Typer:
    """The application with the one command that is called, or with all where help is wanted."""
    # without markup, since [MASK] would be some
    application = typer.Typer(add_completion=False, rich_markup_mode=None)
    application.callback()(_albertlm)
    called = [name for name in COMMANDS if name in arguments[:1]]
    for name in called or COMMANDS:
        function = name.replace("-", "_")
        found = getattr(importlib.import_module(f"albertlm.cli.{function}"), function)
        if isinstance(found, typer.Typer):
            application.add_typer(found, name=name)
        else:
            application.command(name)(found)
    return application


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
