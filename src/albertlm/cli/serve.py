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
    runner: common.RunnerOption = "local",
    address: common.AddressOption = None,
) -> None:
    """Serve models over HTTP to the clients of the hub, OpenAI and others, with a page.

    Only the models named here are served. Options are environment variables, too, such as
    ALBERTLM_SERVE_PORT for --port; several models are separated there by spaces. With --runner
    ray, as many replicas as the load needs serve on a cluster, whose nodes all see the folders.
    """
    if runner == "local" and address is not None:
        raise ValueError("--address needs --runner ray")
    config = dataclasses.replace(config, models=tuple(models or ()))

    def told(place: str) -> None:
        print(f"Serving at {place}", file=sys.stderr, flush=True)

    if runner == "ray":
        extras.load("albertlm.serving.on_ray", "serve_on_ray")(config, address, told)
    else:
        extras.load("albertlm.serving.server", "serve")(config, told)
