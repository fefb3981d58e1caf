"""Conversion of a model from any format that can be read to any that can be written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from albertlm import checkpoints, hub
from albertlm.checkpoints import huggingface, keras_hub, names, tensorflow
from albertlm.checkpoints.names import Contents
from albertlm.config import AlbertConfig
from albertlm.settings import check_choice
from albertlm.tokenization import hub_format
from albertlm.tokenization.tokenizer import AlbertTokenizer

FORMATS = ("hub", "tf1", "keras-hub")
"""What can be written."""

_ARCHITECTURES = {
    "squad_v2": "AlbertForSquadV2",
    "qa": "AlbertForQuestionAnswering",
    "classifier": "AlbertForSequenceClassification",
    "mlm": "AlbertForMaskedLM",
    "sop": "AlbertForSentenceOrder",
}


class Source(NamedTuple):
    """A model to convert.

    Fields:
        folder: that of its configuration and vocabulary.
        config: its architecture; the number of labels is that of the weights.
        contents: its weights.
        missing: the parameters of a pretrained model that it lacks.
    """

    folder: Path
    config: AlbertConfig
    contents: Contents
    missing: tuple[str, ...]


class Conversion(NamedTuple):
    """What was written.

    Fields:
        taken: the names of the parameters in the target.
        left_aside: of those of the source that are not, by the source's names.
        missing: as in `Source`.
        vocabulary: the file of it in the target; None if there is none.
    """

    taken: tuple[str, ...]
    left_aside: tuple[str, ...]
    missing: tuple[str, ...]
    vocabulary: str | None


@contextmanager
def opened(source: str) -> Iterator[Source]:
    """Read a model, whose files must exist until the block ends.

    Args:
        source: a folder, an archive of one, the prefix or a file of a checkpoint of TensorFlow, or
            a hub id.

    Raises:
        OSError: there is no such model, or a file of it is missing.
        ValueError: a file is damaged, or a tensor is unknown, missing or of the wrong shape.
    """
    path = Path(source).expanduser()
    if path.is_file() and path.name.endswith(tensorflow.ARCHIVES):
        with tensorflow.unpacked(path) as folder:
            yield _read(folder, folder, source)
    elif not path.is_dir() and (prefix := tensorflow.find(path)) is not None:
        folder = prefix.parent
        is_inside = folder.name == "variables" and prefix.name == "variables"
        yield _read(folder.parent if is_inside else folder, prefix, source)
    elif not path.exists() and (".ckpt" in path.name or path.name.endswith(tensorflow.ARCHIVES)):
        raise FileNotFoundError(f"there is no checkpoint or archive {source}; check the path")
    else:
        folder = hub.resolve(source)
        yield _read(folder, folder, source)


def write(source: Source, target: Path, to: str) -> Conversion:
    """Write a model with its vocabulary into a folder.

    Args:
        source: from `opened`.
        target: a folder that does not exist, or is empty.
        to: one of `FORMATS`.

    Raises:
        OSError: the disk is full or the folder cannot be written.
        ValueError: the folder holds files, or the format does not have the activation or the
            parts of the model.
    """
    check_choice(FORMATS, to=to)
    if target.is_dir() and any(target.iterdir()):
        raise ValueError(f"{target} already holds files; name a new folder")
    tensors, config = source.contents.tensors, source.config
    vocabulary = hub_format.sentencepiece_model(source.folder)
    aside: tuple[str, ...] = ()
    match to:
        case "hub":
            kind = _architecture(source)
            prefix = "" if kind == "AlbertModel" else names.PREFIX
            inside = (*names.BACKBONE, "pooler")
            prefixed = {
                (prefix if names.part_of(name) in inside else "") + name: tensor
                for name, tensor in tensors.items()
            }
            huggingface.write(target, prefixed)
            config.save_pretrained(target, architecture=kind, dtype="float32")
        case "tf1":
            aside = tensorflow.write(target, config, tensors)
        case _:
            aside = keras_hub.write(target, config, tensors, vocabulary)
    taken = tuple(name for name in tensors if name not in aside)
    file = _write_vocabulary(vocabulary, target, to) if vocabulary else None
    return Conversion(taken, (*source.contents.left_aside, *aside), source.missing, file)


def _read(folder: Path, weights: Path, source: str) -> Source:
    config = AlbertConfig.from_folder(folder)
    contents = checkpoints.open_contents(weights)
    tensors = contents.tensors
    if "classifier.bias" in tensors and len(tensors["classifier.bias"]) != config.num_labels:
        config = config.changed(num_labels=len(tensors["classifier.bias"]))
    parts = {*names.BACKBONE, *map(names.part_of, tensors)} - {None}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    try:
        names.match(found, names.shapes(config, [part for part in parts if part]))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    missing = tuple(name for name in names.shapes(config) if name not in found)
    return Source(folder, config, contents, missing)


def _architecture(source: Source) -> str:
    """The class that the weights belong to."""
    if source.config.architectures:
        return source.config.architectures[0].removeprefix("TF")
    parts = set(map(names.part_of, source.contents.tensors))
    if {"mlm", "sop"} <= parts:
        return "AlbertForPreTraining"
    return next((kind for part, kind in _ARCHITECTURES.items() if part in parts), "AlbertModel")


def _write_vocabulary(vocabulary: Path, target: Path, to: str) -> str:
    """Write the vocabulary, unless it is a part of the format, and return the name of its file."""
    folder = vocabulary.parent
    match to:
        case "hub":
            if (folder / "tokenizer.json").is_file():
                tokenizer = AlbertTokenizer.from_pretrained(folder)  # with the settings beside it
            else:
                tokenizer = AlbertTokenizer(vocabulary)
            tokenizer.save_pretrained(target)
            return "spiece.model"
        case "tf1":
            shutil.copyfile(vocabulary, target / "30k-clean.model")
            return "30k-clean.model"
        case _:
            return keras_hub.VOCABULARY
