"""What other formats call the parameters, as columns beside the table of `names`.

Kernels are stored there as (inputs, outputs), the transpose of the hub's weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from albertlm.checkpoints import names
from albertlm.checkpoints.names import Parameter

_IN_LAYER = "albert_layers.{inner}."


class Renamed(NamedTuple):
    """Tensors under other names, and the names that the other format does not have."""

    tensors: dict[str, np.ndarray]
    unknown: list[str]


class NameColumn:
    """The names of one format.

    Args:
        names_of: the format's name for a row of the table, with {group} and {inner} as in the row,
            or None if the format has no such parameter.
        stores_as_hub: the ends of the names of matrices that are stored as on the hub.
        extra: names of the format, and those of the hub that are not in the table.
    """

    def __init__(
        self,
        names_of: Callable[[Parameter], str | None],
        *,
        stores_as_hub: tuple[str, ...] = (),
        extra: Mapping[str, str] | None = None,
    ) -> None:
        pairs = [(row.hub, name, row) for row in names.PARAMETERS if (name := names_of(row))]
        self._to_hub = [(_pattern(name), hub, row) for hub, name, row in pairs]
        self._from_hub = [(_pattern(hub), name, row) for hub, name, row in pairs]
        self._stores_as_hub = stores_as_hub
        self._extra = extra or {}

    def hub_name(self, name: str) -> str | None:
        """The hub's name of a parameter of the format; None if it is none."""
        found = _find(self._to_hub, name)
        return found[0] if found else self._extra.get(name)

    def to_hub(self, tensors: Mapping[str, np.ndarray]) -> Renamed:
        """Rename and transpose the tensors of a file of this format."""
        return self._convert(self._to_hub, tensors, lambda theirs, _: theirs)

    def from_hub(self, tensors: Mapping[str, np.ndarray]) -> Renamed:
        """Rename and transpose tensors by their names in the table."""
        return self._convert(self._from_hub, tensors, lambda _, theirs: theirs)

    def _convert(
        self,
        rows: Iterable[tuple[re.Pattern[str], str, Parameter]],
        tensors: Mapping[str, np.ndarray],
        in_format: Callable[[str, str], str],
    ) -> Renamed:
        renamed, unknown = {}, []
        for name, tensor in tensors.items():
            found = _find(rows, name)
            if found:
                new, row = found
                kept = in_format(name, new).endswith(self._stores_as_hub or ("\0",))
                renamed[new] = tensor.T if _is_kernel(row) and not kept else tensor
            elif name in self._extra:
                renamed[self._extra[name]] = tensor
            else:
                unknown.append(name)
        return Renamed(renamed, unknown)


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template)
    for field in ("group", "inner"):
        escaped = escaped.replace(rf"\{{{field}\}}", rf"(?P<{field}>\d+)")
    return re.compile(escaped)


def _find(
    rows: Iterable[tuple[re.Pattern[str], str, Parameter]], name: str
) -> tuple[str, Parameter] | None:
    for pattern, template, row in rows:
        match = pattern.fullmatch(name)
        if match:
            return template.format(**match.groupdict()), row
    return None


def _is_kernel(row: Parameter) -> bool:
    """Whether it is multiplied by, and is no table of embeddings."""
    return " " in row.letters and row.part != "embeddings"


_GOOGLE = {
    "attention.query": "attention_1/self/query",
    "attention.key": "attention_1/self/key",
    "attention.value": "attention_1/self/value",
    "attention.dense": "attention_1/output/dense",
    "attention.LayerNorm": "LayerNorm",
    "ffn": "ffn_1/intermediate/dense",
    "ffn_output": "ffn_1/intermediate/output/dense",
    "full_layer_layer_norm": "LayerNorm_1",
    "pooler": "bert/pooler/dense",
    "predictions": "cls/predictions/output_",
    "predictions.dense": "cls/predictions/transform/dense",
    "predictions.LayerNorm": "cls/predictions/transform/LayerNorm",
    "sop_classifier.classifier": "cls/seq_relationship/output_",
    "classifier": "output_",
    "qa_outputs": "cls/squad/output_",
}
"""Google's scopes, where they are not the hub's. Source: `modeling.py`, `run_pretraining.py`,
`classifier_utils.py`, `race_utils.py` and `squad_utils.py` of google-research/albert.
"""


def _google(row: Parameter) -> str:
    module, _, kind = row.hub.rpartition(".")
    if row.part == "layer":
        module = module.partition(_IN_LAYER)[2]
        scope = f"bert/encoder/transformer/group_{{group}}/inner_group_{{inner}}/{_GOOGLE[module]}"
    else:
        prefix = "bert/" if row.part in names.BACKBONE else ""
        scope = _GOOGLE.get(module, prefix + module.replace(".", "/"))
    if module.endswith("_embeddings"):
        return scope
    if scope.endswith("output_"):
        return scope + ("weights" if kind == "weight" else "bias")
    return f"{scope}/{_kind(row)}"


def _keras(row: Parameter) -> str:
    module = row.hub.rpartition(".")[0].replace(".", "/")
    for numbered in ("_groups", "_layers"):
        module = module.replace(f"{numbered}/", f"{numbered}_._")
    prefix = "albert/" if row.part in (*names.BACKBONE, "pooler") else ""
    return f"{prefix}{module}/{_kind(row)}"


def _kind(row: Parameter) -> str:
    """What Keras calls the weight or bias of a module."""
    module, _, kind = row.hub.rpartition(".")
    if module.endswith(("LayerNorm", "layer_norm")):
        return "gamma" if kind == "weight" else "beta"
    if module.endswith("_embeddings"):
        return "weight" if module.endswith("word_embeddings") else "embeddings"
    return "kernel" if kind == "weight" else "bias"


GOOGLE = NameColumn(_google, stores_as_hub=("output_weights",))
"""Variables in checkpoints of google-research/albert."""

KERAS = NameColumn(_keras, extra={"predictions/decoder/bias": "predictions.decoder.bias"})
"""Variables of the Keras classes of transformers 4, without `:0`."""

_KERAS_HUB = {
    "embeddings.word_embeddings": "token_embedding",
    "embeddings.position_embeddings": "position_embedding",
    "embeddings.token_type_embeddings": "segment_embedding",
    "embeddings.LayerNorm": "embeddings_layer_norm",
    "encoder.embedding_hidden_mapping_in": "embedding_projection",
    "attention.query": "self_attention_layer/query",
    "attention.key": "self_attention_layer/key",
    "attention.value": "self_attention_layer/value",
    "attention.dense": "self_attention_layer/attention_output",
    "attention.LayerNorm": "self_attention_layer_norm",
    "ffn": "feedforward_intermediate_dense",
    "ffn_output": "feedforward_output_dense",
    "full_layer_layer_norm": "feedforward_layer_norm",
    "pooler": "pooled_dense",
    "predictions.dense": "mlm_head/intermediate_dense",
    "predictions.LayerNorm": "mlm_head/intermediate_layer_norm",
    "classifier": "logits",
}
"""The layers of `AlbertBackbone`, `MaskedLMHead` and `AlbertTextClassifier` of keras-hub."""


def _keras_hub(row: Parameter) -> str | None:
    if row.hub == "predictions.bias":
        return "mlm_head/0"
    module, _, kind = row.hub.rpartition(".")
    if row.part == "layer":
        layer = _KERAS_HUB[module.partition(_IN_LAYER)[2]]
        module = f"group_{{group}}_inner_layer_{{inner}}/{layer}"
    elif module in _KERAS_HUB:
        module = _KERAS_HUB[module]
    else:
        return None
    return f"{module}/{0 if kind == 'weight' else 1}"


KERAS_HUB = NameColumn(_keras_hub)
"""Layers of keras-hub and the numbers of their variables, in a `model.weights.h5`."""


def from_keras(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors of Keras classes of transformers 4, by the hub's names; unknown ones by their own."""
    bare = {name.removesuffix(":0"): tensor for name, tensor in tensors.items()}
    renamed, unknown = KERAS.to_hub(bare)
    return renamed | {name: bare[name] for name in unknown}
