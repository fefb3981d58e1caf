"""Configurations in the forms of Google and keras-hub, from and to the fields of the hub."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from albertlm.settings import check_choice

GOOGLE_FILE = "albert_config.json"
"""In Google's archives; the hub and keras-hub name theirs `config.json`."""

_TANH_GELU = "gelu_new"

_GOOGLE = (
    "attention_probs_dropout_prob",
    "hidden_dropout_prob",
    "embedding_size",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_hidden_groups",
    "inner_group_num",
    "type_vocab_size",
    "vocab_size",
)
_UNUSED = {
    "net_structure_type": 0,
    "gap_size": 0,
    "num_memory_blocks": 0,
    "down_scale_factor": 1,
}
"""What Google's files also say, and its code does not read."""

_KERAS_HUB = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_groups": "num_hidden_groups",
    "num_inner_repetitions": "inner_group_num",
    "embedding_dim": "embedding_size",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}


def from_google(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The hub's fields; `gelu` becomes `gelu_new`, since Google's is the tanh form.

    Source: `modeling.gelu` of google-research/albert.
    """
    activation = fields.get("hidden_act", "gelu")
    return {**fields, "hidden_act": _TANH_GELU if activation == "gelu" else activation}


def to_google(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `albert_config.json`, with those that are not used as in `fields`.

    Raises:
        ValueError: Google's code does not have the activation.
    """
    activation = _activation(fields, ("relu", "tanh"), "Google's code")
    return {
        **{name: fields[name] for name in _GOOGLE},
        "hidden_act": "gelu" if activation == _TANH_GELU else activation,
        **{name: fields.get(name, value) for name, value in _UNUSED.items()},
    }


def is_keras_hub(fields: Mapping[str, Any]) -> bool:
    return "class_name" in fields and isinstance(fields.get("config"), dict)


def from_keras_hub(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The hub's fields.

    Raises:
        ValueError: it is another model's.
    """
    name = fields["class_name"]
    if name != "AlbertBackbone":
        raise ValueError(f"it describes keras-hub's {name!r}; only 'AlbertBackbone' can be read")
    found = {
        ours: fields["config"][theirs]
        for theirs, ours in _KERAS_HUB.items()
        if theirs in fields["config"]
    }
    dropout = found.get("hidden_dropout_prob", 0.0)
    return {**found, "attention_probs_dropout_prob": dropout, "hidden_act": _TANH_GELU}


def to_keras_hub(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The `config.json` of a preset.

    Raises:
        ValueError: keras-hub does not have the activation.
    """
    _activation(fields, (), "keras-hub")
    return keras_hub_object(
        "AlbertBackbone", **{theirs: fields[ours] for theirs, ours in _KERAS_HUB.items()}
    )


def keras_hub_object(class_name: str, **fields: Any) -> dict[str, Any]:
    """A layer or model in the form in which Keras describes it, such as in `task.json`."""
    name = keras_hub_name(class_name)
    return {
        "module": f"keras_hub.src.models.albert.{name}",
        "class_name": class_name,
        "config": {"name": name, **fields},
        "registered_name": f"keras_hub>{class_name}",
    }


def keras_hub_name(class_name: str) -> str:
    """What keras-hub calls an object of one of its classes, and the module of the class."""
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", class_name).lower()


def _activation(fields: Mapping[str, Any], others: tuple[str, ...], what: str) -> str:
    """The activation to write where GELU is always the tanh form."""
    activation: str = fields["hidden_act"]
    if activation == "gelu":
        warnings.warn(
            f"{what} computes the tanh form of GELU and the model its erf form (hidden_act='gelu'),"
            " so that results will differ slightly",
            stacklevel=3,
        )
        return _TANH_GELU
    check_choice((_TANH_GELU, "gelu", *others), hidden_act=activation)
    return activation
