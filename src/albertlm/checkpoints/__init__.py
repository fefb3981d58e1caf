"""Reading and writing files of weights, independently of the models.

bundles: named tensors in the checkpoint files of TensorFlow.
crc32c: the checksum in files of TensorFlow.
huggingface: weights in folders of the hub: safetensors and `pytorch_model.bin`, also in shards.
keras_h5: weights in HDF5 files of transformers 4.
keras_hub: presets of keras-hub.
model_conversion: a model of any format that can be read, in any that can be written.
names: a table of all parameters of ALBERT, and strict matching of files with it.
other_names: what other formats than the hub's call the parameters.
sstable: the sorted tables in which TensorFlow describes checkpoints.
tensorflow: ALBERT in checkpoints of TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from albertlm.checkpoints import huggingface, keras_h5, keras_hub, tensorflow
from albertlm.checkpoints.names import Contents


def read(folder: str | Path, *, keep_half: bool = False) -> dict[str, np.ndarray]:
    """The weights in a folder of any format as float32, by their names in the table of `names`.

    What is stored as float32 is mapped, so processes share its memory. All of it is read once for
    its checksum, if this library wrote the file.

    Args:
        folder: the folder.
        keep_half: map what safetensors stores as float16, too, and do not convert it.

    Raises:
        FileNotFoundError: the folder holds no weights, or a shard is missing.
        ValueError: a file is damaged, holds more than tensors, or contradicts its index.
    """
    if huggingface.is_in(Path(folder)):
        return huggingface.read(Path(folder), keep_half=keep_half)
    return open_contents(Path(folder)).tensors


def open_contents(source: Path) -> Contents:
    """All that a folder or a checkpoint of TensorFlow holds, and its format.

    Args:
        source: a folder, or a checkpoint's prefix or one of its files.

    Raises:
        FileNotFoundError: it holds no weights, or a shard is missing.
        ValueError: as in `read`.
    """
    if huggingface.is_in(source):
        return Contents("hub", huggingface.read(source))
    if keras_h5.is_in(source):
        return keras_h5.read(source)
    if keras_hub.is_in(source):
        return keras_hub.read(source)
    prefix = tensorflow.find(source)
    if prefix is None:
        raise FileNotFoundError(
            f"{source} holds no weights; it needs a {huggingface.SAFETENSORS} or a "
            f"{huggingface.PYTORCH}, or files of TensorFlow or Keras"
        )
    return tensorflow.read(prefix)
