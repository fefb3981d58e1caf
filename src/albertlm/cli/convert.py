"""`albertlm convert`: write a model of any format in another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.checkpoints.model_conversion import Source

SHOWN = 3
"""Names that a row of the table shows."""


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A model's folder or hub id, an archive that Google shipped, or the prefix or a "
            "file of a checkpoint of TensorFlow.",
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Folder of the new model.")],
    *,
    to: Annotated[
        Literal["hub", "tf1", "keras-hub"],
        typer.Option(help="Format of the new model: the hub's, of TensorFlow 1, or of keras-hub."),
    ] = "hub",
    as_json: common.JsonOption = False,
) -> None:
    """Convert a model from or to the formats of TensorFlow and Keras, and compare the results.

    The format of the source is recognised: folders of the hub, Google's checkpoints and fine-tuned
    ones, TF-Hub modules, folders of transformers' Keras classes, and presets of keras-hub. An
    optimizer's state is left aside.
    """
    from albertlm.checkpoints import model_conversion

    with model_conversion.opened(source) as model:
        done = model_conversion.write(model, target, to)
        difference = _largest_difference(model, target)
        format_ = model.contents.format
    rows = {"taken": done.taken, "left aside": done.left_aside, "not in the source": done.missing}
    if as_json:
        told = {name.replace(" ", "_"): list(each) for name, each in rows.items()}
        common.print_json(
            {
                "target": str(target),
                "from": format_,
                "to": to,
                **told,
                "vocabulary": done.vocabulary,
                "largest_difference": difference,
            }
        )
        return
    common.print_table(
        ("tensors", "#number", "such as"),
        [(name, f"{len(each):,}", _examples(each)) for name, each in rows.items()],
        title=f"{source} ({format_}) to {target} ({to})",
    )
    print("vocabulary:", done.vocabulary or "none")
    print(f"largest difference of hidden states, read again: {difference:.1e}")


def _examples(tensors: tuple[str, ...]) -> str:
    shown = ", ".join(tensors[:SHOWN])
    return f"{shown}, …" if len(tensors) > SHOWN else shown


def _largest_difference(model: Source, target: Path) -> float:
    """Between the states that the source and the target give for random ids."""
    import numpy as np

    from albertlm.inference.engines.base import TokenizedText
    from albertlm.inference.engines.numpy import NumpyEngine

    rng = np.random.default_rng(0)
    length = min(32, model.config.max_position_embeddings)
    ids = rng.integers(0, model.config.vocab_size, length).tolist()
    segments = [int(2 * place >= length) for place in range(length)]
    text = TokenizedText(ids, segments if model.config.type_vocab_size > 1 else [0] * length)
    before = NumpyEngine(model.config, model.contents.tensors).states([text])[0]
    after = NumpyEngine.from_folder(target).states([text])[0]
    return float(np.abs(before - after).max())
