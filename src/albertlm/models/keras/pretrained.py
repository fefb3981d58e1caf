"""The base of the Keras models: folders of the hub, calls, training and files of Keras."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from keras.backend import backend

from albertlm import checkpoints, hub
from albertlm.checkpoints import huggingface, names, other_names
from albertlm.checkpoints.names import LoadReport
from albertlm.config import SHARED_MODULES, AlbertConfig
from albertlm.models.keras import inputs as forms
from albertlm.models.keras.backbone import Backbone
from albertlm.models.keras.outputs import KerasOutput

logger = logging.getLogger(__name__)

_PREFIX = "Keras"
"""Before the hub's names of the classes."""

_WORDS = "word_embeddings/weight"

SIGNATURE = ("input_ids", "attention_mask", "token_type_ids")
"""The inputs of an exported model."""

Fields = dict[str, Any]


class KerasPreTrainedModel(keras.Model):  # type: ignore[misc]
    """Base of the models; a constructor adds the layers of its head and ends with `build()`.

    Attributes:
        config: the architecture.
        loading: the report of `from_pretrained`; None for a new model.
    """

    has_pooler = True
    labels: tuple[str, ...] = ()
    """The labels that a call takes for the loss."""
    main_output = "logits"
    """The field with which a loss of `compile` compares labels that are not given by field."""

    def __init__(self, config: AlbertConfig, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        self.loading: LoadReport | None = None
        # `fit` would compile with XLA anew for every shape, and is as fast without
        self.supports_jit = backend() != "tensorflow"
        self.albert = Backbone(config, pooler=self.has_pooler)

    def build(self) -> None:
        """Make all variables, so that weights can be loaded before the first call."""
        self.albert.build()
        for layer in self.head_layers():
            layer.build((None, self.config.hidden_size))
        self.built = True

    def head_layers(self) -> list[Any]:
        """The layers of the head that have variables, and read states of the hidden size."""
        return []

    def flat(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inputs as one batch of texts."""
        return inputs

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        from_pt: bool = False,  # noqa: ARG003 (there is one set of weights)
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | None = None,
        **config_changes: Any,
    ) -> Self:
        """A model with the weights of a folder or hub id.

        Args:
            name: a folder of any format that `checkpoints.read` reads, or an id of the hub.
            from_pt: has no effect; PyTorch's weights are always read.
            revision: a branch, tag or commit of the hub's repository.
            cache_dir: the hub's cache.
            local_files_only: never use the network.
            token: an access token, for private models.
            **config_changes: fields of `AlbertConfig`, which override those in `config.json`.

        Raises:
            OSError: the folder or model cannot be found or fetched, or contains no weights.
            ValueError: a file is damaged, or a tensor is unknown, missing or of the wrong shape.
        """
        folder = hub.resolve(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            part="model",
        )
        model = cls(AlbertConfig.from_folder(folder).changed(**config_changes))
        model._fill(checkpoints.read(folder), str(name))
        return model

    def save_pretrained(self, folder: str | Path, *, max_shard_bytes: int = 5 * 10**9) -> None:
        """Write `config.json` and `model.safetensors`, which the PyTorch models can load, too.

        Args:
            folder: created if it does not exist; other files in it are kept.
            max_shard_bytes: the size above which weights are split into several files.
        """
        tensors = self._tensors()
        kind = type(self).__name__.removeprefix(_PREFIX)
        prefix = "" if kind == "AlbertModel" else names.PREFIX
        inside = (*names.BACKBONE, "pooler")
        arrays = {
            (prefix if names.part_of(name) in inside else "") + name: tensor
            for name, tensor in tensors.items()
        }
        huggingface.write(folder, arrays, max_shard_bytes=max_shard_bytes)
        self.config.save_pretrained(folder, architecture=kind, dtype="float32")

    def __call__(self, *args: Any, **given: Any) -> Any:
        """The outputs for inputs in one of the forms of `inputs.named`.

        Args:
            *args: a mapping, a list of inputs, or inputs in the order of `inputs.TENSORS`.
            **given: further inputs; the labels of the model, for a loss; `training`;
                `output_hidden_states` and `output_attentions`; `return_dict=False` for a tuple.

        Raises:
            TypeError: an input is unknown or given twice.
            ValueError: there are no ids, or more than the model has positions.
        """
        training = {"training": given.pop("training")} if "training" in given else {}
        found = forms.named(args, given, self.labels)
        flags = {name: bool(found.pop(name)) for name in forms.FLAGS if name in found}
        as_fields = flags.pop("return_dict", True)
        tensors = forms.as_tensors(found)
        forms.check_length(tensors, self.config.max_position_embeddings)
        fields = super().__call__(tensors, **flags, **training)
        if not as_fields:
            return tuple(fields.values())
        return KerasOutput(fields)

    def call(
        self,
        inputs: Mapping[str, Any],
        training: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> Fields:
        """The fields of the output, in a plain dictionary, which Keras can handle."""
        told = self.albert(self.flat(inputs), training=training)
        details = {}
        if output_hidden_states:
            details["hidden_states"] = told["hidden_states"]
        if output_attentions:
            details["attentions"] = told["attentions"]
        fields = self.head(told, inputs, training)
        if self.labels and all(name in inputs for name in self.labels):
            fields = {"loss": self.loss_of(fields, inputs), **fields}
        return {**fields, **details}

    def head(self, told: Fields, inputs: Mapping[str, Any], training: bool) -> Fields:
        """The fields of the output, from those of the backbone."""
        raise NotImplementedError

    def loss_of(self, fields: Fields, inputs: Mapping[str, Any]) -> Any:
        """The loss for the labels that are among the inputs."""
        raise NotImplementedError

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of labels among the inputs if there are any, else that of `compile`."""
        if "loss" in y_pred:
            return ops.sum(ops.stack([ops.mean(y_pred["loss"]), *self.losses]))
        y_pred = self._compared(y, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """The metrics of `compile`, of what its loss compares."""
        metrics: dict[str, Any] = super().compute_metrics(
            x, y, self._compared(y, y_pred), sample_weight
        )
        return metrics

    def predict(self, x: Any, *args: Any, **options: Any) -> KerasOutput:
        """The outputs for all batches, as arrays."""
        return KerasOutput(super().predict(_plain(x), *args, **options))

    def fit(self, x: Any = None, *args: Any, **options: Any) -> Any:
        """As in Keras; inputs may be what the tokenizer returns, with or without labels."""
        return super().fit(_plain(x), *args, **options)

    def evaluate(self, x: Any = None, *args: Any, **options: Any) -> Any:
        """As in Keras; inputs may be what the tokenizer returns, with or without labels."""
        return super().evaluate(_plain(x), *args, **options)

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **options: Any) -> None:  # noqa: A002
        """As in Keras, for ids, masks and segments of any size unless there is a signature."""
        spec = {name: keras.InputSpec("int32", (None, None), name=name) for name in SIGNATURE}
        options.setdefault("input_signature", [spec])
        super().export(str(filepath), format, **options)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "config": {**self.config.to_dict()}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:  # noqa: ARG003
        fields = dict(config["config"])
        if fields.get("id2label"):
            fields["id2label"] = {int(label): text for label, text in fields["id2label"].items()}
        return cls(AlbertConfig.from_dict(fields), name=config["name"])

    def _compared(self, y: Any, y_pred: Fields) -> Any:
        if isinstance(y, Mapping):
            return {name: y_pred[name] for name in y}
        return y_pred[self.main_output]

    def _variables(self) -> dict[str, Any]:
        """The variables by their names in the table."""
        return {
            other_names.KERAS.hub_name(_name(variable)) or variable.path: variable
            for variable in self.weights
        }

    def _tensors(self) -> dict[str, np.ndarray]:
        """The weights by their names in the table; what groups share is there for each group."""
        arrays = {
            _name(variable): np.asarray(ops.convert_to_numpy(variable), np.float32)
            for variable in self.weights
        }
        tensors = other_names.KERAS.to_hub(arrays).tensors
        return {name: tensors[self._first(name)] for name in self._wanted()}

    def _wanted(self) -> names.Shapes:
        """The shapes of all parameters by their names in the table."""
        own = {
            name: tuple(variable.shape)[:: -1 if variable.path.endswith("kernel") else 1]
            for name, variable in self._variables().items()
        }
        parts = [part for part in dict.fromkeys(map(names.part_of, own)) if part]
        return {
            name: own[self._first(name)]
            for name in names.shapes(self.config, parts)
            if self._first(name) in own
        }

    def _first(self, name: str) -> str:
        """The parameter of the first group that a parameter is."""
        if names.repeats(name, SHARED_MODULES[self.config.shared_across_groups]):
            head, group, rest = name.partition("albert_layer_groups.")
            return f"{head}{group}0.{rest.partition('.')[2]}"
        return name

    def _fill(self, tensors: Mapping[str, np.ndarray], source: str) -> None:
        """Use a file's tensors as weights; those of a head that it does not contain stay random."""
        own = self._variables()
        try:
            report = names.match({n: tensor.shape for n, tensor in tensors.items()}, self._wanted())
            for name in report.loaded:
                first = self._first(name)
                if first != name and not np.array_equal(tensors[name], tensors[first]):
                    raise ValueError(f"{name} differs from {first}, but groups share it")
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
        self.loading = report
        for name in own.keys() & set(report.loaded):
            (value,) = other_names.KERAS.from_hub({name: tensors[name]}).tensors.values()
            own[name].assign(value)
        if report.new:
            logger.warning(
                "%s: %s holds no %s; random until trained",
                type(self).__name__,
                source,
                ", ".join(report.new),
            )


def _name(variable: Any) -> str:
    """What transformers calls a variable; torch allows no points in names, so Keras has none."""
    path = variable.path.partition("/")[2].replace("word_embeddings/embeddings", _WORDS)
    return re.sub(r"(_groups|_layers)_(?=\d)", r"\1_._", path)


def _plain(x: Any) -> Any:
    """A dictionary instead of a mapping that Keras does not know, such as the tokenizer's."""
    return dict(x) if isinstance(x, Mapping) else x
