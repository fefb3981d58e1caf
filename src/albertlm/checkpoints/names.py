"""Every parameter of every ALBERT in one table, and the strict match of a file against it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_LAYER = "encoder.albert_layer_groups.{group}.albert_layers.{inner}"


class Parameter(NamedTuple):
    """One row; where `hub`, the name in the hub's files, has {group} and {inner}, it is many."""

    part: str
    hub: str


PARAMETERS = (
    #         part           hub
    Parameter("backbone", "embeddings.word_embeddings.weight"),
    Parameter("backbone", "embeddings.position_embeddings.weight"),
    Parameter("backbone", "embeddings.token_type_embeddings.weight"),
    Parameter("backbone", "embeddings.LayerNorm.weight"),
    Parameter("backbone", "embeddings.LayerNorm.bias"),
    Parameter("backbone", "encoder.embedding_hidden_mapping_in.weight"),
    Parameter("backbone", "encoder.embedding_hidden_mapping_in.bias"),
    Parameter("backbone", f"{_LAYER}.attention.query.weight"),
    Parameter("backbone", f"{_LAYER}.attention.query.bias"),
    Parameter("backbone", f"{_LAYER}.attention.key.weight"),
    Parameter("backbone", f"{_LAYER}.attention.key.bias"),
    Parameter("backbone", f"{_LAYER}.attention.value.weight"),
    Parameter("backbone", f"{_LAYER}.attention.value.bias"),
    Parameter("backbone", f"{_LAYER}.attention.dense.weight"),
    Parameter("backbone", f"{_LAYER}.attention.dense.bias"),
    Parameter("backbone", f"{_LAYER}.attention.LayerNorm.weight"),
    Parameter("backbone", f"{_LAYER}.attention.LayerNorm.bias"),
    Parameter("backbone", f"{_LAYER}.ffn.weight"),
    Parameter("backbone", f"{_LAYER}.ffn.bias"),
    Parameter("backbone", f"{_LAYER}.ffn_output.weight"),
    Parameter("backbone", f"{_LAYER}.ffn_output.bias"),
    Parameter("backbone", f"{_LAYER}.full_layer_layer_norm.weight"),
    Parameter("backbone", f"{_LAYER}.full_layer_layer_norm.bias"),
    Parameter("pooler", "pooler.weight"),
    Parameter("pooler", "pooler.bias"),
    Parameter("mlm", "predictions.dense.weight"),
    Parameter("mlm", "predictions.dense.bias"),
    Parameter("mlm", "predictions.LayerNorm.weight"),
    Parameter("mlm", "predictions.LayerNorm.bias"),
    Parameter("mlm", "predictions.bias"),
    Parameter("sop", "sop_classifier.classifier.weight"),
    Parameter("sop", "sop_classifier.classifier.bias"),
    Parameter("classifier", "classifier.weight"),
    Parameter("classifier", "classifier.bias"),
    Parameter("qa", "qa_outputs.weight"),
    Parameter("qa", "qa_outputs.bias"),
    Parameter("squad_v2", "start_logits.dense.weight"),
    Parameter("squad_v2", "start_logits.dense.bias"),
    Parameter("squad_v2", "end_logits.dense_0.weight"),
    Parameter("squad_v2", "end_logits.dense_0.bias"),
    Parameter("squad_v2", "end_logits.LayerNorm.weight"),
    Parameter("squad_v2", "end_logits.LayerNorm.bias"),
    Parameter("squad_v2", "end_logits.dense_1.weight"),
    Parameter("squad_v2", "end_logits.dense_1.bias"),
    Parameter("squad_v2", "answer_class.dense_0.weight"),
    Parameter("squad_v2", "answer_class.dense_0.bias"),
    Parameter("squad_v2", "answer_class.dense_1.weight"),
)

SECOND_NAMES = {
    "predictions.decoder.weight": "embeddings.word_embeddings.weight",
    "predictions.decoder.bias": "predictions.bias",
}
"""Tied parameters: a file may hold either name, or both with equal values."""

PREFIX = "albert."
"""Stands before the backbone's and the pooler's names in files of models with a head."""

_PREFIXED = ("backbone", "pooler")
_BUFFER = re.compile(r"(.+\.)?position_ids")
_NUMBER = re.compile(r"(?<=_groups\.|_layers\.)\d+(?=\.)")
_PART_OF = {_NUMBER.sub("#", row.hub.format(group=0, inner=0)): row.part for row in PARAMETERS}


@dataclass(frozen=True)
class LoadReport:
    """What a file gives to a model and what it does not, by name in the table."""

    loaded: tuple[str, ...]
    new: tuple[str, ...]
    """Of a head or pooler that the file does not hold: random, to be trained before use."""
    unused: tuple[str, ...]
    """Of heads or a pooler in the file that the model does not have."""


def part_of(name: str) -> str | None:
    """The part that a parameter belongs to, such as `backbone` or `mlm`; None for a stranger.

    Args:
        name: as in the hub's files; backbone and pooler with or without the prefix `albert.`.
    """
    bare = name.removeprefix(PREFIX)
    part = _PART_OF.get(_NUMBER.sub("#", bare))
    return part if bare == name or part in _PREFIXED else None


def table_name(name: str) -> str:
    """A parameter's name as in the table: without the prefix, the first of a tied pair's."""
    if name in SECOND_NAMES:
        return SECOND_NAMES[name]
    return name.removeprefix(PREFIX) if part_of(name) in _PREFIXED else name


def is_buffer(name: str) -> bool:
    """Whether it is a constant that old files kept, such as `albert.embeddings.position_ids`."""
    return _BUFFER.fullmatch(name) is not None


def canonical(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A file's tensors by their names in the table, each of them once, without buffers.

    Raises:
        ValueError: two names of one parameter hold different values.
    """
    result: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        ours = table_name(name)
        if ours in result and not np.array_equal(result[ours], tensor):
            _refuse(f"a tensor that differs from {ours}, to which ALBERT ties it", [name])
        if not is_buffer(name):
            result.setdefault(ours, tensor)
    return result


def match(
    found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> LoadReport:
    """Account for every parameter of a model and every tensor of a file.

    Args:
        found: the file's shapes by name in the table.
        wanted: the model's shapes by name in the table.

    Raises:
        ValueError: a tensor is unknown, missing or of the wrong shape; the message names it.
    """
    _refuse(
        "unknown tensors (no head of ALBERT has them)",
        [name for name in found if part_of(name) is None],
    )
    extra, missing = found.keys() - wanted.keys(), wanted.keys() - found.keys()
    _refuse(
        "tensors beyond the configuration (correct its num_hidden_groups or inner_group_num)",
        [name for name in extra if part_of(name) == "backbone"],
    )
    held = {"backbone", *map(part_of, found)}
    _refuse(
        "missing tensors (the file is incomplete, or its config.json is another model's)",
        [name for name in missing if part_of(name) in held],
    )
    loaded = [name for name in wanted if name in found]
    _refuse(
        "tensors of the wrong shape (config.json or the task is another model's)",
        [
            f"{name} {found[name]} where {wanted[name]} is configured"
            for name in loaded
            if found[name] != wanted[name]
        ],
    )
    return LoadReport(tuple(loaded), tuple(sorted(missing)), tuple(sorted(extra)))


def _refuse(problem: str, names: Collection[str]) -> None:
    """Raise if there are any names, with the first three of them."""
    if names:
        first = ", ".join(sorted(names)[:3])
        others = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise ValueError(f"{problem}: {first}{others}")
