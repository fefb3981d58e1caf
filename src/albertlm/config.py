"""The architecture of an ALBERT model, in the field names of the hub's `config.json`."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from albertlm import hub, storage

ACTIVATIONS = ("gelu", "gelu_new", "relu")
"""`gelu` is the erf form and `gelu_new` the tanh form, as in transformers."""

SHARED_MODULES: dict[str | None, tuple[str, ...]] = {
    None: (),
    "attention": ("attention",),
    "ffn": ("ffn", "ffn_output", "full_layer_layer_norm"),
}
"""What all groups have in common, by `shared_across_groups`: modules of a layer."""

SHARING = ("all", "attention", "ffn", "none")
"""What layers share in the rows of the paper's table 4."""


@dataclass(frozen=True, kw_only=True)
class AlbertConfig:
    """Sizes and probabilities of one ALBERT model.

    A missing field has the hub's default, which is ALBERT xxlarge v2's. All fields are the hub's
    but `shared_across_groups`: None, or the part of a layer, `attention` or `ffn`, that all groups
    have in common. Files hold that part once for each group, so that transformers computes the
    same with them; trained there, the copies go apart.

    Raises:
        ValueError: a field is out of its range; the message names it and what is allowed.

    Source: section 3.1 and table 1 of the paper; `albert_config.json` of the released models.
    """

    vocab_size: int = 30000
    embedding_size: int = 128
    hidden_size: int = 4096
    num_hidden_layers: int = 12
    num_hidden_groups: int = 1
    inner_group_num: int = 1
    num_attention_heads: int = 64
    intermediate_size: int = 16384
    hidden_act: str = "gelu_new"
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    classifier_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    bos_token_id: int = 2
    eos_token_id: int = 3
    num_labels: int = 2
    shared_across_groups: str | None = None

    def __post_init__(self) -> None:
        for field in _POSITIVE:
            _require(
                self,
                field,
                _is_int(getattr(self, field)) and getattr(self, field) >= 1,
                "an integer of 1 or more",
            )
        for field in _PROBABILITIES:
            _require(
                self,
                field,
                _is_number(getattr(self, field)) and 0 <= getattr(self, field) < 1,
                "a number from 0 up to, but not including, 1",
            )
        for field in ("initializer_range", "layer_norm_eps"):
            _require(
                self,
                field,
                _is_number(getattr(self, field)) and getattr(self, field) > 0,
                "a number above 0",
            )
        _require(
            self, "hidden_act", self.hidden_act in ACTIVATIONS, f"one of {', '.join(ACTIVATIONS)}"
        )
        _require(
            self,
            "num_attention_heads",
            self.hidden_size % self.num_attention_heads == 0,
            f"a divisor of hidden_size={self.hidden_size}",
        )
        _require(
            self,
            "num_hidden_groups",
            self.num_hidden_groups <= self.num_hidden_layers,
            f"at most num_hidden_layers={self.num_hidden_layers}",
        )
        _require(
            self,
            "shared_across_groups",
            self.shared_across_groups in SHARED_MODULES,
            "None, 'attention' or 'ffn'",
        )
        _require(
            self,
            "shared_across_groups",
            self.shared_across_groups is None or self.num_hidden_groups > 1,
            "None with num_hidden_groups=1, where all is shared",
        )
        _require(
            self,
            "pad_token_id",
            _is_int(self.pad_token_id) and 0 <= self.pad_token_id < self.vocab_size,
            f"an id from 0 to {self.vocab_size - 1}",
        )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The architecture of a released model, such as `albert-large-v1`.

        Args:
            name: one of `PRESETS`, with or without the hub's prefix `albert/`.
            **changes: fields that shall differ from the release.
        """
        short = name.removeprefix("albert/")
        if short not in PRESETS:
            raise ValueError(f"unknown preset {name!r}; the presets are {', '.join(PRESETS)}")
        return cls.from_dict({**PRESETS[short], **changes})

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """A configuration from a mapping of fields; an unknown field is an error."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = (
                    f"; did you mean {near[0]!r}?"
                    if near
                    else f"; the fields are {', '.join(known)}"
                )
                raise ValueError(f"unknown configuration field {name!r}{hint}")
        return cls(**fields)

    @classmethod
    def from_json_file(cls, path: str | Path) -> Self:
        """A configuration from a hub `config.json`, whose fields of other purpose are left aside.

        Raises:
            ValueError: the file is not JSON, is not an ALBERT's, or a field is out of range.
        """
        path = Path(path)
        fields = storage.read_json(path)
        kind = fields.get("model_type", "albert")
        if kind != "albert":
            raise ValueError(f"{path} describes {kind!r}; only model_type 'albert' can be read")
        if "num_labels" not in fields and isinstance(fields.get("id2label"), dict):
            fields["num_labels"] = len(fields["id2label"])
        known = {field.name for field in dataclasses.fields(cls)}
        try:
            return cls(**{name: value for name, value in fields.items() if name in known})
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> Self:
        """The configuration of a folder or hub id; options as in `hub.resolve`."""
        return cls.from_json_file(hub.resolve(name, part="config", **options) / "config.json")

    def with_sharing(self, shared: str) -> Self:
        """The same sizes with the cross-layer sharing of a row of the paper's table 4.

        Args:
            shared: what all layers have in common: `all`, `attention`, `ffn` or `none`.
        """
        if shared not in SHARING:
            raise ValueError(f"sharing {shared!r} is unknown; it must be {', '.join(SHARING)}")
        return dataclasses.replace(
            self,
            num_hidden_groups=1 if shared == "all" else self.num_hidden_layers,
            shared_across_groups=shared if shared in SHARED_MODULES else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, in the hub's names; `from_dict` reads them back.

        `shared_across_groups`, which the hub does not know, is there only where it is set.
        """
        fields = dataclasses.asdict(self)
        if self.shared_across_groups is None:
            del fields["shared_across_groups"]
        return fields

    def save_pretrained(self, folder: str | Path, architecture: str | None = None) -> None:
        """Write `config.json` into a folder; `architecture` is a class such as `AlbertModel`."""
        fields = {"model_type": "albert", **self.to_dict()}
        labels = fields.pop("num_labels")
        if labels != 2:
            # transformers keeps the number of labels as this mapping
            fields["id2label"] = {str(label): f"LABEL_{label}" for label in range(labels)}
            fields["label2id"] = {f"LABEL_{label}": label for label in range(labels)}
        if architecture:
            fields["architectures"] = [architecture]
        storage.write_json(Path(folder) / "config.json", fields)

    @property
    def attention_head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def group_of(self, layer: int) -> int:
        """The parameter group that application `layer` uses, by Google's and HF's formula."""
        return int(layer / (self.num_hidden_layers / self.num_hidden_groups))


_POSITIVE = (
    "vocab_size",
    "embedding_size",
    "hidden_size",
    "num_hidden_layers",
    "num_hidden_groups",
    "inner_group_num",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "num_labels",
)
_PROBABILITIES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob")

_SIZES = {
    "base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12},
    "large": {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16},
    "xlarge": {"num_hidden_layers": 24, "hidden_size": 2048, "num_attention_heads": 16},
    "xxlarge": {"num_hidden_layers": 12, "hidden_size": 4096, "num_attention_heads": 64},
}


def _released(size: str, version: str) -> dict[str, Any]:
    dropout = 0.1 if version == "v1" and size != "xxlarge" else 0.0
    return {
        **_SIZES[size],
        "intermediate_size": 4 * _SIZES[size]["hidden_size"],
        "hidden_act": "gelu" if version == "v1" else "gelu_new",
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }


PRESETS: dict[str, dict[str, Any]] = {
    f"albert-{size}-{version}": _released(size, version)
    for version in ("v1", "v2")
    for size in _SIZES
}
"""The eight released models, as fields that differ from the hub's defaults."""


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(config: AlbertConfig, field: str, holds: bool, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{field}={getattr(config, field)!r} is not allowed; it must be {allowed}")
