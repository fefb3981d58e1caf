"""The forms in which the inputs of a Keras model may be given.

They are those of the TensorFlow classes of transformers 4: a mapping such as the tokenizer's, a
list, positions, keywords, and arrays or tensors of any integer type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

TENSORS = (
    "input_ids",
    "attention_mask",
    "token_type_ids",
    "position_ids",
    "head_mask",
    "inputs_embeds",
)
FLAGS = ("output_attentions", "output_hidden_states", "return_dict")


def named(args: Sequence[Any], given: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """The inputs and flags of a call by name, without those that are None.

    Args:
        args: the positional arguments: one mapping, one list of inputs, or inputs in order.
        given: the keyword arguments, which must not repeat them.
        labels: the names of the labels that the model takes.

    Raises:
        TypeError: there are too many inputs, or an unknown or repeated one.
        ValueError: there are neither ids nor embeddings, or `head_mask` is given.
    """
    known = (*TENSORS, *FLAGS, *labels)
    first = args[0] if len(args) == 1 else args
    if isinstance(first, Mapping):
        found = dict(first)
    else:
        several = first if _is_several(first) else args
        if len(several) > len(TENSORS):
            raise TypeError(f"{len(several)} inputs are too many; they are {', '.join(TENSORS)}")
        found = dict(zip(TENSORS, several, strict=False))
    if repeated := sorted(found.keys() & given.keys()):
        raise TypeError(f"{repeated[0]} is given twice")
    found |= given
    if unknown := [name for name in found if name not in known]:
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; known are {', '.join(known)}")
    found = {name: value for name, value in found.items() if value is not None}
    if "head_mask" in found:
        raise ValueError("head_mask is not supported; leave it out")
    if not {"input_ids", "inputs_embeds"} & found.keys():
        raise ValueError("neither input_ids nor inputs_embeds are given; give one of them")
    return found


def as_tensors(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as tensors: int32, and floats as they are."""
    return {name: _tensor(value) for name, value in inputs.items()}


def check_length(inputs: Mapping[str, Any], limit: int) -> None:
    """Raise a ValueError if texts have more tokens than the model has positions, if known.

    Args:
        inputs: tensors.
        limit: the number of positions.
    """
    tensor = inputs.get("input_ids")
    length = None if tensor is None else tensor.shape[-1]
    if length is not None and length > limit and "position_ids" not in inputs:
        raise ValueError(
            f"{length} tokens are more than the model's {limit} positions; truncate the text "
            "(truncation=True) or split it (stride=…)"
        )


def _is_several(value: Any) -> bool:
    """Whether it is a list of inputs, and not one input as nested lists of numbers."""
    return isinstance(value, list | tuple) and all(
        each is None or (hasattr(each, "shape") and len(each.shape) > 0) for each in value
    )


def _tensor(value: Any) -> Any:
    if isinstance(value, keras.KerasTensor):
        return value
    array = np.asarray(value) if isinstance(value, list | tuple) else value
    tensor = ops.convert_to_tensor(array)
    kind = keras.backend.standardize_dtype(tensor.dtype)
    return tensor if kind.startswith(("float", "bfloat")) else ops.cast(tensor, "int32")
