"""`albertlm info`: show the configuration and the cost of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from albertlm import costs, hub
from albertlm.cli import common
from albertlm.config import PRESETS, AlbertConfig


def info(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help=f"{common.MODEL_HELP} Or a preset: {', '.join(PRESETS)}."
        ),
    ] = None,
    *,
    length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a text; the model's maximum by default.")
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Show the configuration and the cost of a model.

    Parameters, memory and arithmetic are computed from the configuration; no weights are needed.
    """
    config = _config(model)
    report = _report(config, length or config.max_position_embeddings)
    if as_json:
        common.print_json(report)
        return
    parts = {name.replace("_", " "): f"{count:,}" for name, count in report["parameters"].items()}
    common.print_table(("configuration", "value"), _rows(report["config"]))
    common.print_table(("parameters of", "#number"), _rows(parts))
    common.print_table(("cost", "#value"), _rows(_costs(report)))
    print(
        "Sharing saves memory and not time: every layer is computed, so ALBERT takes as many\n"
        "operations as a BERT of the same shape."
    )


def _config(model: str | None) -> AlbertConfig:
    if model and model.removeprefix("albert/") in PRESETS and not Path(model).exists():
        return AlbertConfig.preset(model)
    return AlbertConfig.from_pretrained(hub.SHIPPED if model is None else model)


def _report(config: AlbertConfig, length: int) -> dict[str, Any]:
    parts = costs.parameters_by_part(config)
    total = sum(parts.values())
    return {
        "config": config.to_dict(),
        "parameters": {**parts, "total": total},
        "parameters_if_unshared": costs.parameters_if_unshared(config),
        "weight_bytes": {"float32": 4 * total, "bfloat16": 2 * total},
        "length": length,
        "flops_per_token": costs.flops_per_token(config, length),
        "flops_per_prediction": costs.flops_per_prediction(config),
    }


def _costs(report: dict[str, Any]) -> dict[str, str]:
    sizes = {
        f"weights in {kind}": f"{size / 1e6:,.1f} MB"
        for kind, size in report["weight_bytes"].items()
    }
    return {
        **sizes,
        "parameters if no layer were shared": f"{report['parameters_if_unshared']:,}",
        f"operations per token, in texts of {report['length']}": _mega(report["flops_per_token"]),
        "operations per predicted mask": _mega(report["flops_per_prediction"]),
    }


def _mega(flops: int) -> str:
    return f"{flops / 1e6:,.1f} MFLOP"


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in values.items()]
