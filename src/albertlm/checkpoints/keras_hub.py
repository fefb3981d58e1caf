"""Presets of keras-hub: `AlbertBackbone`, a task on it, and the vocabulary.

D hidden, H heads, K head size.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from albertlm import config_formats, storage
from albertlm.checkpoints import keras_h5, names, other_names
from albertlm.checkpoints.names import Contents
from albertlm.config import AlbertConfig

VOCABULARY = "assets/tokenizer/vocabulary.spm"

_BACKBONE, _TASK = "model.weights.h5", "task.weights.h5"

_CLASSES = {
    "token_embedding": "reversible_embedding",
    "position_embedding": "position_embedding",
    "segment_embedding": "embedding",
    "embeddings_layer_norm": "layer_normalization",
    "embedding_projection": "dense",
    "pooled_dense": "dense_1",
    "query": "query_dense",
    "key": "key_dense",
    "value": "value_dense",
    "attention_output": "output_dense",
    "mlm_head": "masked_lm_head",
    "logits": "dense",
}
"""Where Keras looks for the layers of a model: by class, numbered in order of creation. What is
missing is called as its attribute, with a `_` before its name.
"""

_PARTS = (*names.BACKBONE, "pooler")

_TASKS = {"mlm": "AlbertMaskedLM", "classifier": "AlbertTextClassifier"}
"""The tasks by the parts that are their heads; a preset has one, the first that a model holds."""

_OTHER_CLASSIFIERS = {"AlbertForTokenClassification", "AlbertForMultipleChoice"}
"""Whose heads are called like those for texts."""

_VERSIONS = {"keras_version": "3.15.1", "keras_hub_version": "0.32.0"}
"""Those whose layout is written."""

_GROUP = re.compile(r"group_(\d+)_inner_layer_(\d+)")


def is_in(folder: Path) -> bool:
    return (folder / _BACKBONE).is_file()


def read(folder: Path) -> Contents:
    """The parameters in a preset, with those of its task.

    Raises:
        ModuleNotFoundError: h5py is not installed.
        ValueError: a file is cut or damaged.
    """
    tensors: dict[str, np.ndarray] = {}
    aside: list[str] = []
    for name in (_BACKBONE, _TASK):
        if (folder / name).is_file():
            for key, tensor in _read(folder / name):
                if key.startswith("optimizer/"):
                    aside.append(key)
                else:
                    tensors[key] = tensor
    renamed, unknown = other_names.KERAS_HUB.to_hub(tensors)
    return Contents("keras-hub", renamed | {name: tensors[name] for name in unknown}, tuple(aside))


def write(
    folder: Path,
    config: AlbertConfig,
    tensors: Mapping[str, np.ndarray],
    vocabulary: Path | None = None,
) -> tuple[str, ...]:
    """Write a preset of `AlbertBackbone` and, if the model has its head, of a task.

    Args:
        folder: created if it does not exist.
        config: the architecture.
        tensors: by their names in the table.
        vocabulary: a model of SentencePiece; it is copied.

    Returns:
        The names of the tensors that the preset has no place for.

    Raises:
        ValueError: keras-hub does not have the activation of the model, or the pooler is missing.
    """
    parts = {name: names.part_of(name) for name in tensors}
    if "pooler" not in parts.values():
        raise ValueError("the model has no pooler, which keras-hub's AlbertBackbone needs")
    backbone = config_formats.to_keras_hub({**config.to_dict(), "hidden_act": config.activation})
    storage.write_json(folder / "config.json", backbone)
    storage.write_json(folder / "metadata.json", _VERSIONS)
    whole = {name: tensor for name, tensor in tensors.items() if parts[name] in _PARTS}
    _write_weights(folder / _BACKBONE, "AlbertBackbone", whole, config)
    tokenizer = _write_vocabulary(folder, vocabulary) if vocabulary else None
    task = _task(config, set(parts.values()))
    if task:
        head = {name: tensor for name, tensor in tensors.items() if parts[name] == task}
        _write_task(folder, _TASKS[task], config, backbone, tokenizer)
        _write_weights(folder / _TASK, _TASKS[task], head, config)
    return tuple(name for name, part in parts.items() if part not in (*_PARTS, task))


def _task(config: AlbertConfig, parts: Collection[str | None]) -> str | None:
    """The part that is the head of the task to write; None if the model has none."""
    for part in _TASKS:
        if part in parts and not _OTHER_CLASSIFIERS & {*(config.architectures or ())}:
            return part
    return None


def _write_vocabulary(folder: Path, vocabulary: Path) -> dict[str, Any]:
    """Copy the vocabulary, and return the description of the tokenizer."""
    with storage.atomic_path(folder / VOCABULARY) as temporary:
        shutil.copyfile(vocabulary, temporary)
    tokenizer = config_formats.keras_hub_object(
        "AlbertTokenizer", config_file="tokenizer.json", proto=None
    )
    storage.write_json(folder / "tokenizer.json", tokenizer)
    return tokenizer


def _write_task(
    folder: Path,
    task: str,
    config: AlbertConfig,
    backbone: dict[str, Any],
    tokenizer: dict[str, Any] | None,
) -> None:
    preprocessor = None
    if tokenizer:
        preprocessor = config_formats.keras_hub_object(
            f"{task}Preprocessor",
            tokenizer=tokenizer,
            config_file="preprocessor.json",
            sequence_length=config.max_position_embeddings,
        )
        storage.write_json(folder / "preprocessor.json", preprocessor)
    options = {}
    if task == _TASKS["classifier"]:
        options = {"num_classes": config.num_labels, "dropout": config.classifier_dropout_prob}
    described = config_formats.keras_hub_object(
        task, backbone=backbone, preprocessor=preprocessor, **options
    )
    storage.write_json(folder / "task.json", described)


def _write_weights(
    path: Path, model: str, tensors: Mapping[str, np.ndarray], config: AlbertConfig
) -> None:
    import h5py

    with storage.atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_group("vars").attrs["name"] = config_formats.keras_hub_name(model)
        for name, tensor in other_names.KERAS_HUB.from_hub(tensors).tensors.items():
            *chain, number = name.split("/")
            group = file.require_group("layers")
            for layer in chain:
                group = group.require_group(_class(layer, config.inner_group_num))
                group.require_group("vars").attrs["name"] = layer
            split = _with_heads(chain[-1], tensor, config)
            group["vars"].create_dataset(number, data=np.ascontiguousarray(split))


def _read(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The variables by the names of their layers, which each group of variables tells."""
    with keras_h5.opened(path) as file:
        for key, dataset in keras_h5.datasets(file):
            *groups, _, number = key.split("/")
            if "layers" not in groups:
                yield key, np.empty(0, np.float32)
                continue
            start = len(groups) - groups[::-1].index("layers")
            chain = [
                str(file["/".join([*groups[:end], "vars"])].attrs["name"])
                for end in range(start + 1, len(groups) + 1)
            ]
            tensor = keras_h5.values(path, key, dataset)
            yield "/".join([*chain, number]), _without_heads(chain[-1], tensor)


def _class(layer: str, inner_layers: int) -> str:
    group = _GROUP.fullmatch(layer)
    if group is None:
        return _CLASSES.get(layer, f"_{layer}")
    number = int(group[1]) * inner_layers + int(group[2])
    return f"transformer_encoder_{number}" if number else "transformer_encoder"


def _without_heads(layer: str, tensor: np.ndarray) -> np.ndarray:
    """(D, H, K) to (D, HK), (H, K, D) to (HK, D), (H, K) to (HK,)."""
    if layer == "attention_output" and tensor.ndim == 3:
        return tensor.reshape(-1, tensor.shape[-1])
    if layer in ("query", "key", "value") and tensor.ndim > 1:
        return tensor.reshape(*tensor.shape[:-2], -1)
    return tensor


def _with_heads(layer: str, tensor: np.ndarray, config: AlbertConfig) -> np.ndarray:
    heads = (config.num_attention_heads, config.attention_head_size)
    if layer == "attention_output" and tensor.ndim == 2:
        return tensor.reshape(*heads, -1)
    if layer in ("query", "key", "value"):
        return tensor.reshape(*tensor.shape[:-1], *heads)
    return tensor
