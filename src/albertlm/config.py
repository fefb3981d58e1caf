"""The architecture of an ALBERT model, with the field names of the hub's `config.json`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from albertlm import config_formats, hub, storage
from albertlm.settings import check, check_choice, did_you_mean

ACTIVATIONS = {
    **dict.fromkeys(("gelu", "gelu_python"), "gelu"),
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate"), "gelu_new"),
    **dict.fromkeys(("silu", "swish"), "silu"),
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "tanh": "tanh",
}
"""The names of activation functions in transformers, and those of the functions that they mean:
`gelu` is the erf form of GELU and `gelu_new` the tanh form.
"""

IGNORED = -100
"""The label that losses ignore, as in transformers."""

PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
"""What a classifier of sequences predicts: numbers, one of its labels, or any of them."""

BEAM = 5
"""The number of best starts, and of best ends for each, in Google's search for answers
(`start_n_top`, `end_n_top`).
"""

SHARED_MODULES: dict[str | None, tuple[str, ...]] = {
    None: (),
    "attention": ("attention",),
    "ffn": ("ffn", "ffn_output", "full_layer_layer_norm"),
}
"""The modules of a layer that all groups share, by `shared_across_groups`."""

SHARING = ("all", "attention", "ffn", "none")
"""What the layers share in the rows of the paper's table 4."""


@dataclass(frozen=True, kw_only=True)
class AlbertConfig:
    """Sizes and probabilities of an ALBERT model, and the descriptive fields of its folder.

    The defaults are the hub's, which are those of ALBERT xxlarge v2. All fields are the hub's
    except `shared_across_groups`: None, or the part of a layer, `attention` or `ffn`, that all
    groups share. Files contain one copy of that part for each group, so that transformers computes
    the same with them; if transformers trains the model, the copies diverge.

    The fields from `id2label` on describe a model and are ignored in comparisons; they are
    preserved when a model is loaded and saved. `extra` holds unknown fields of a `config.json`.

    Raises:
        ValueError: a field is out of range; the message names it and what is allowed.

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
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | None = 3
    num_labels: int = 2
    shared_across_groups: str | None = None
    id2label: Mapping[int, str] | None = field(default=None, compare=False, repr=False)
    label2id: Mapping[str, int] | None = field(default=None, compare=False, repr=False)
    problem_type: str | None = field(default=None, compare=False, repr=False)
    architectures: tuple[str, ...] | None = field(default=None, compare=False, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            check(_is_int(value) and value >= 1, "an integer of 1 or more", **{name: value})
            check(value <= _LARGEST, f"{_LARGEST} or less", **{name: value})
        for name in _PROBABILITIES:
            value = getattr(self, name)
            check(
                _is_number(value) and 0 <= value < 1,
                "a number from 0 up to, but not including, 1",
                **{name: value},
            )
        for name in ("initializer_range", "layer_norm_eps"):
            value = getattr(self, name)
            check(_is_number(value) and value > 0, "a number above 0", **{name: value})
            check(value <= sys.float_info.max, "finite", **{name: value})
        check_choice(ACTIVATIONS, hidden_act=self.hidden_act)
        check(
            self.hidden_size % self.num_attention_heads == 0,
            f"a divisor of hidden_size={self.hidden_size}",
            num_attention_heads=self.num_attention_heads,
        )
        check(
            self.shared_across_groups in tuple(SHARED_MODULES),
            "None, 'attention' or 'ffn'",
            shared_across_groups=self.shared_across_groups,
        )
        check(
            self.shared_across_groups is None or self.num_hidden_groups > 1,
            "None with num_hidden_groups=1, where everything is shared",
            shared_across_groups=self.shared_across_groups,
        )
        check(
            self.pad_token_id is None
            or (_is_int(self.pad_token_id) and 0 <= self.pad_token_id < self.vocab_size),
            f"an id from 0 to {self.vocab_size - 1}, or None",
            pad_token_id=self.pad_token_id,
        )
        for name in ("bos_token_id", "eos_token_id"):
            value = getattr(self, name)
            fits = value is None or (_is_int(value) and 0 <= value <= _LARGEST)
            check(fits, "an id of 0 or more, or None", **{name: value})
        self._check_description()

    def _check_description(self) -> None:
        """Check the fields that describe a model, and complete the labels."""
        if self.problem_type is not None:
            check_choice(PROBLEM_TYPES, problem_type=self.problem_type)
        check(
            self.architectures is None
            or (
                isinstance(self.architectures, list | tuple)
                and all(isinstance(each, str) for each in self.architectures)
            ),
            "names of classes, or None",
            architectures=self.architectures,
        )
        check(
            self.label2id is None or isinstance(self.label2id, Mapping),
            "an object, or None",
            label2id=self.label2id,
        )
        if self.id2label is not None:
            check(
                set(self.id2label) == set(range(self.num_labels)),
                f"a name for each label from 0 to {self.num_labels - 1}",
                id2label=dict(self.id2label),
            )
            if self.label2id is None:
                by_name = {name: label for label, name in self.id2label.items()}
                object.__setattr__(self, "label2id", by_name)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The architecture of a released model, such as `albert-large-v1`.

        Args:
            name: one of `PRESETS`, with or without the hub's prefix `albert/`.
            **changes: fields that differ from the release.
        """
        short = name.removeprefix("albert/")
        if short not in PRESETS:
            raise ValueError(f"unknown preset {name!r}; the presets are {', '.join(PRESETS)}")
        return cls.from_dict({**PRESETS[short], **changes})

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """A configuration from a mapping of fields; an unknown field is an error."""
        known = [each.name for each in dataclasses.fields(cls) if each.name != "extra"]
        for name in fields:
            if name not in known:
                hint = did_you_mean(name, known) or f"; the fields are {', '.join(known)}"
                raise ValueError(f"unknown configuration field {name!r}{hint}")
        return cls(**fields)

    @classmethod
    def from_json_file(cls, path: str | Path) -> Self:
        """A configuration from a hub `config.json`, keras-hub's, or Google's `albert_config.json`.

        Raises:
            ValueError: the file is not JSON, is not of an ALBERT model, or a field is out of range.
        """
        path = Path(path)
        fields = storage.read_json(path)
        if path.name == config_formats.GOOGLE_FILE:
            fields = config_formats.from_google(fields)
        kind = fields.pop("model_type", "albert")
        if kind != "albert":
            raise ValueError(f"{path} describes {kind!r}; only model_type 'albert' can be read")
        try:
            if config_formats.is_keras_hub(fields):
                fields = config_formats.from_keras_hub(fields)
            known = {each.name for each in dataclasses.fields(cls)} - {"extra"}
            extra = {name: fields.pop(name) for name in fields.keys() - known}
            fields |= _labels(fields)
            if isinstance(fields.get("architectures"), list):
                fields["architectures"] = tuple(fields["architectures"])
            return cls(**fields, extra=extra)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """The configuration in a model's folder, as `from_json_file` reads it.

        Raises:
            FileNotFoundError: there is none.
            ValueError: as in `from_json_file`.
        """
        return cls.from_json_file(hub.config_file(folder))

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> Self:
        """The configuration of a folder or hub id.

        Args:
            name: a folder or hub id.
            **options: those of `hub.resolve`, and fields that override those in the file.
        """
        of_hub = {each: options.pop(each) for each in hub.OPTIONS if each in options}
        folder = hub.resolve(name, part="config", **of_hub)
        return cls.from_folder(folder).changed(**options)

    def changed(self, **changes: Any) -> Self:
        """A copy with some fields changed; an unknown field is an error.

        If the number or the names of the labels change, the old names are dropped. `label2id` alone
        gives the names, too.
        """
        if changes.get("label2id") is not None and "id2label" not in changes:
            by_id = {label: name for name, label in changes["label2id"].items()}
            changes = {"id2label": by_id} | changes
        if changes.get("id2label") is not None:
            changes = {"num_labels": len(changes["id2label"]), "label2id": None} | changes
        elif changes.get("num_labels", self.num_labels) != self.num_labels:
            changes = {"id2label": None, "label2id": None} | changes
        type(self).from_dict({**self.to_dict(), **changes})
        return dataclasses.replace(self, **changes)

    def with_sharing(self, shared: str) -> Self:
        """The same sizes with the cross-layer sharing of a row of the paper's table 4.

        Args:
            shared: what all layers share: `all`, `attention`, `ffn` or `none`.
        """
        check_choice(SHARING, sharing=shared)
        return dataclasses.replace(
            self,
            num_hidden_groups=1 if shared == "all" else self.num_hidden_layers,
            shared_across_groups=shared if shared in SHARED_MODULES else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields, by the hub's names; `from_dict` reads them back.

        Fields that the hub does not know or require, such as `shared_across_groups` or the names
        of labels, are included only if they are set; `extra` is left out.
        """
        fields = dataclasses.asdict(self)
        del fields["extra"]
        if self.architectures is not None:
            fields["architectures"] = list(self.architectures)
        optional = ("shared_across_groups", *_DESCRIPTIVE)
        return {
            name: value
            for name, value in fields.items()
            if value is not None or name not in optional
        }

    def save_pretrained(
        self, folder: str | Path, *, architecture: str | None = None, dtype: str | None = None
    ) -> None:
        """Write `config.json` into a folder.

        Args:
            folder: created if it is missing.
            architecture: the class of the model in the folder, such as `AlbertModel`; by default
                that in `architectures`.
            dtype: the data type of the weights in the folder, such as `float32`.
        """
        fields = {"model_type": "albert", **self.extra, **self.to_dict()}
        labels = fields.pop("num_labels")
        if self.id2label is None and labels != 2:
            # transformers stores the number of labels as this mapping
            fields["id2label"] = dict(enumerate(self.label_names))
            fields["label2id"] = {name: label for label, name in enumerate(self.label_names)}
        if architecture:
            fields["architectures"] = [architecture]
        if dtype:
            fields.pop("torch_dtype", None)  # the older name
            fields["dtype"] = dtype
        storage.write_json(Path(folder) / "config.json", fields)

    @property
    def activation(self) -> str:
        """The activation function, one of the values of `ACTIVATIONS`."""
        return ACTIVATIONS[self.hidden_act]

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels in order: `LABEL_0` and so on, as in transformers, by default."""
        names = self.id2label or {}
        return tuple(names.get(label, f"LABEL_{label}") for label in range(self.num_labels))

    @property
    def attention_head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def group_of(self, layer: int) -> int:
        """The parameter group of application `layer`, by Google's and transformers' formula."""
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
_LARGEST = 2**31 - 1
_DESCRIPTIVE = ("id2label", "label2id", "problem_type", "architectures")
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
"""The eight released models, as the fields that differ from the hub's defaults."""


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _labels(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `config.json` about labels; `id2label` determines their number."""
    names = fields.get("id2label")
    if names is None:
        return {}
    if not isinstance(names, dict):
        raise ValueError(f"id2label={names!r} is not allowed; it must be an object")
    by_id = {int(label): str(name) for label, name in names.items()}
    return {"id2label": by_id, "num_labels": len(by_id)}
