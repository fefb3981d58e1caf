"""A table of all parameters of ALBERT, and strict matching of files with it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from albertlm.config import AlbertConfig

Shapes = dict[str, tuple[int, ...]]
"""By name in the table."""

LAYER = "encoder.albert_layer_groups.{group}.albert_layers.{inner}"
"""The name of a layer's module."""

LETTERS = {
    "V": "vocab_size",
    "P": "max_position_embeddings",
    "T": "type_vocab_size",
    "E": "embedding_size",
    "D": "hidden_size",
    "F": "intermediate_size",
    "L": "num_labels",
}
"""The letters of shapes, and the fields of `AlbertConfig` that they stand for."""


class Parameter(NamedTuple):
    """One row of the table; one with {group} and {inner} in its name stands for many parameters.

    Fields:
        part: of the model, such as `embeddings`, `layer` or `mlm`.
        hub: the name in the hub's files, without the prefix `albert.`.
        letters: the shape, such as `V E`; `2D` is twice the hidden size.
    """

    part: str
    hub: str
    letters: str

    @property
    def is_looked_up(self) -> bool:
        """Whether its rows are picked by a number, and it takes part in no matrix product."""
        return self.letters in ("P E", "T E")


PARAMETERS = (
    #         part          hub                                  shape
    Parameter("embeddings", "embeddings.word_embeddings.weight", "V E"),
    Parameter("embeddings", "embeddings.position_embeddings.weight", "P E"),
    Parameter("embeddings", "embeddings.token_type_embeddings.weight", "T E"),
    Parameter("embeddings", "embeddings.LayerNorm.weight", "E"),
    Parameter("embeddings", "embeddings.LayerNorm.bias", "E"),
    Parameter("projection", "encoder.embedding_hidden_mapping_in.weight", "D E"),
    Parameter("projection", "encoder.embedding_hidden_mapping_in.bias", "D"),
    Parameter("layer", f"{LAYER}.attention.query.weight", "D D"),
    Parameter("layer", f"{LAYER}.attention.query.bias", "D"),
    Parameter("layer", f"{LAYER}.attention.key.weight", "D D"),
    Parameter("layer", f"{LAYER}.attention.key.bias", "D"),
    Parameter("layer", f"{LAYER}.attention.value.weight", "D D"),
    Parameter("layer", f"{LAYER}.attention.value.bias", "D"),
    Parameter("layer", f"{LAYER}.attention.dense.weight", "D D"),
    Parameter("layer", f"{LAYER}.attention.dense.bias", "D"),
    Parameter("layer", f"{LAYER}.attention.LayerNorm.weight", "D"),
    Parameter("layer", f"{LAYER}.attention.LayerNorm.bias", "D"),
    Parameter("layer", f"{LAYER}.ffn.weight", "F D"),
    Parameter("layer", f"{LAYER}.ffn.bias", "F"),
    Parameter("layer", f"{LAYER}.ffn_output.weight", "D F"),
    Parameter("layer", f"{LAYER}.ffn_output.bias", "D"),
    Parameter("layer", f"{LAYER}.full_layer_layer_norm.weight", "D"),
    Parameter("layer", f"{LAYER}.full_layer_layer_norm.bias", "D"),
    Parameter("pooler", "pooler.weight", "D D"),
    Parameter("pooler", "pooler.bias", "D"),
    Parameter("mlm", "predictions.dense.weight", "E D"),
    Parameter("mlm", "predictions.dense.bias", "E"),
    Parameter("mlm", "predictions.LayerNorm.weight", "E"),
    Parameter("mlm", "predictions.LayerNorm.bias", "E"),
    Parameter("mlm", "predictions.bias", "V"),
    Parameter("sop", "sop_classifier.classifier.weight", "2 D"),
    Parameter("sop", "sop_classifier.classifier.bias", "2"),
    Parameter("classifier", "classifier.weight", "L D"),
    Parameter("classifier", "classifier.bias", "L"),
    Parameter("qa", "qa_outputs.weight", "2 D"),
    Parameter("qa", "qa_outputs.bias", "2"),
    Parameter("squad_v2", "start_logits.dense.weight", "1 D"),
    Parameter("squad_v2", "start_logits.dense.bias", "1"),
    Parameter("squad_v2", "end_logits.dense_0.weight", "D 2D"),
    Parameter("squad_v2", "end_logits.dense_0.bias", "D"),
    Parameter("squad_v2", "end_logits.LayerNorm.weight", "D"),
    Parameter("squad_v2", "end_logits.LayerNorm.bias", "D"),
    Parameter("squad_v2", "end_logits.dense_1.weight", "1 D"),
    Parameter("squad_v2", "end_logits.dense_1.bias", "1"),
    Parameter("squad_v2", "answer_class.dense_0.weight", "D 2D"),
    Parameter("squad_v2", "answer_class.dense_0.bias", "D"),
    Parameter("squad_v2", "answer_class.dense_1.weight", "1 D"),
)

BACKBONE = ("embeddings", "projection", "layer")
PRETRAINING = (*BACKBONE, "pooler", "mlm", "sop")
"""The parts of a pretrained model, in the order in which its parameters are counted."""

SECOND_NAMES = {
    "predictions.decoder.weight": "embeddings.word_embeddings.weight",
    "predictions.decoder.bias": "predictions.bias",
}
"""Tied parameters: a file may hold either name, or both. See `canonical` for values that differ."""

_WINS = "predictions.decoder.bias"
"""The bias that transformers computes with where a file holds both. Google trained the other one;
in the hub's own files this one is all zeros.
"""

PREFIX = "albert."
"""Stands before the backbone's and the pooler's names in files of models with a head."""

_PREFIXED = (*BACKBONE, "pooler")
_BUFFER = re.compile(r"(.+\.)?(position_ids|token_type_ids)")
_OLD_ENDINGS = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
_NUMBER = re.compile(r"(?<=_groups\.|_layers\.)\d+(?=\.)")
_PART_OF = {_NUMBER.sub("#", row.hub.format(group=0, inner=0)): row.part for row in PARAMETERS}


class Contents(NamedTuple):
    """What a checkpoint holds.

    Fields:
        format: what wrote it, such as `hub` or `tf1`.
        tensors: float32 arrays by name in the table; unknown ones by their own names.
        left_aside: the names of what is no parameter, such as the state of an optimizer.
    """

    format: str
    tensors: dict[str, np.ndarray]
    left_aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """What a file gives to a model and what it does not, by name in the table."""

    loaded: tuple[str, ...]
    new: tuple[str, ...]
    """Of a head or pooler that the file does not hold: random, to be trained before use."""
    unused: tuple[str, ...]
    """Of heads or a pooler in the file that the model does not have."""


def part_of(name: str) -> str | None:
    """The part that a parameter belongs to, such as `layer` or `mlm`; None if it is unknown.

    Args:
        name: as in the hub's files; backbone and pooler with or without the prefix `albert.`.
    """
    bare = name.removeprefix(PREFIX)
    part = _PART_OF.get(_NUMBER.sub("#", bare))
    return part if bare == name or part in _PREFIXED else None


def table_name(name: str) -> str:
    """A parameter's name as in the table.

    That is the name without the prefix, the first of a tied pair's, and today's name of what old
    files call gamma and beta.
    """
    if name in SECOND_NAMES:
        return SECOND_NAMES[name]
    for old, new in _OLD_ENDINGS.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name.removeprefix(PREFIX) if part_of(name) in _PREFIXED else name


def shapes(config: AlbertConfig, parts: Collection[str] = PRETRAINING) -> Shapes:
    """The shape of every parameter of some parts of a model, as its files hold them.

    What groups have in common (`shared_across_groups`) is there for each group.
    """
    result: Shapes = {}
    places = [
        {"group": group, "inner": inner}
        for group in range(config.num_hidden_groups)
        for inner in range(config.inner_group_num)
    ]
    for part, rows in groupby(PARAMETERS, key=lambda row: row.part):
        if part in parts:
            of_part = list(rows)
            for place in places if part == "layer" else places[:1]:
                result |= {row.hub.format(**place): _shape(row, config) for row in of_part}
    return result


def repeats(name: str, modules: Collection[str]) -> bool:
    """Whether a parameter of a later group is the first group's, which has it in common.

    Args:
        name: as in the table.
        modules: what the groups have in common, as in `config.SHARED_MODULES`.
    """
    match name.split("."):
        case ["encoder", "albert_layer_groups", group, "albert_layers", _, module, *_]:
            return group != "0" and module in modules
    return False


def _shape(row: Parameter, config: AlbertConfig) -> tuple[int, ...]:
    factors = (re.fullmatch(r"(\d*)(\w?)", each) for each in row.letters.split())
    return tuple(
        int(each[1] or 1) * (getattr(config, LETTERS[each[2]]) if each[2] else 1)
        for each in factors
        if each
    )


def is_buffer(name: str) -> bool:
    """Whether it is a constant that old files kept, such as `albert.embeddings.position_ids`."""
    return _BUFFER.fullmatch(name) is not None


def canonical(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A file's tensors by their names in the table, each of them once, without buffers.

    Where both names of a tied parameter hold values that differ, `predictions.decoder.bias` is
    preferred to `predictions.bias`, as in transformers, and the word embeddings to
    `predictions.decoder.weight`, with a warning.

    Raises:
        ValueError: one name, with and without the prefix, holds different values.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        if not is_buffer(name):
            found.setdefault(table_name(name), {})[name] = tensor
    return {ours: _preferred(named) for ours, named in found.items()}


def _preferred(named: Mapping[str, np.ndarray]) -> np.ndarray:
    """The tensor to compute with, of those that a file holds for one parameter."""
    if _WINS in named:
        return named[_WINS]
    own = [name for name in named if name not in SECOND_NAMES] or list(named)
    tensor = named[own[0]]
    for name in named:
        if not np.array_equal(named[name], tensor, equal_nan=True):
            if name not in SECOND_NAMES:
                _refuse(f"a tensor that differs from {own[0]}, which is the same parameter", [name])
            warnings.warn(
                f"{name} differs from {own[0]}, to which ALBERT ties it; it is left aside",
                stacklevel=2,
            )
    return tensor


def fitting(
    found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The shapes of a file without those of heads that have other shapes in a model.

    Args:
        found: the file's shapes by name in the table.
        wanted: the model's shapes by name in the table.
    """
    others = {part_of(name) for name in found.keys() & wanted if found[name] != wanted[name]}
    return {
        name: shape
        for name, shape in found.items()
        if part_of(name) in BACKBONE or part_of(name) not in others
    }


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
        [name for name in extra if part_of(name) in BACKBONE],
    )
    held = {*BACKBONE, *map(part_of, found)}
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


def check_finite(tensors: Mapping[str, np.ndarray]) -> None:
    """Raise a ValueError that names tensors with NaN or infinities, whose outputs would be NaN."""
    _refuse(
        "tensors with values that are not finite (training diverged, or the file is damaged)",
        # unlike `isfinite`, the extremes take no memory, and NaN is both
        [
            name
            for name, tensor in tensors.items()
            if tensor.size and not np.isfinite([tensor.min(), tensor.max()]).all()
        ],
    )


def _refuse(problem: str, names: Collection[str]) -> None:
    """Raise an error that lists the first three names, if there are any."""
    if names:
        first = ", ".join(sorted(names)[:3])
        others = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise ValueError(f"{problem}: {first}{others}")
