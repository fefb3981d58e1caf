"""`albertlm serve`: the inference API and its page."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

from albertlm import extras
from albertlm.cli import common
from albertlm.serving.serving_config import ServingConfig

ENVIRONMENT = "ALBERTLM_SERVE_"


@common.with_options_of(ServingConfig, "config", without=["models"], environment=ENVIRONMENT)
def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL...]",
            envvar=f"{ENVIRONMENT}MODELS",
            help="Model folders or hub ids, or NAME=FOLDER; by default the model that ships.",
        ),
    ] = None,
    *,
    config: ServingConfig,
) -> None:
    """Serve models over HTTP to the clients of the hub, OpenAI and others, with a page.

    Only the models named here are served. Every option is an environment variable, too, such as
    ALBERTLM_SERVE_PORT for --port; several models are separated there by spaces.
    """
    run = extras.load("albertlm.serving.server", "serve")
    run(
        dataclasses.replace(config, models=tuple(models or ())),
        lambda address: print(f"Serving at {address}", file=sys.stderr, flush=True),
    )
