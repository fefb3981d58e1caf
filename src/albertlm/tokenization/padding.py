"""Rows of unequal length to rows of one length, and lists to arrays and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

Padding = Literal["longest", "max_length", "do_not_pad"]
Columns = dict[str, list[Any]]
"""Lists of rows, by name; each row is a list with one value a token."""


def pad_columns(
    columns: Columns,
    padding_values: Mapping[str, Any],
    strategy: Padding,
    max_length: int,
    multiple_of: int | None,
) -> None:
    """Lengthen the rows on the right, in place.

    Args:
        columns: the rows of `input_ids` and of everything else that has one value a token.
        padding_values: the value to put at the new places, by name.
        strategy: up to the longest row, up to `max_length`, or not at all.
        max_length: tokens, for the strategy `max_length`.
        multiple_of: round the length up to a multiple of this.
    """
    lengths = [len(row) for row in columns["input_ids"]]
    if strategy == "do_not_pad" or not lengths:
        return
    length = max_length if strategy == "max_length" else max(lengths)
    if multiple_of:
        length += -length % multiple_of
    for name, rows in columns.items():
        if name in padding_values:
            value = padding_values[name]
            columns[name] = [row + [value] * (length - len(row)) for row in rows]


def to_tensors(columns: Mapping[str, Any], kind: Literal["pt", "np"]) -> dict[str, Any]:
    """The columns as torch tensors or NumPy arrays of int64.

    Raises:
        ValueError: the rows have different lengths.
    """
    lengths = {len(row) for row in columns["input_ids"]}
    if len(lengths) > 1:
        raise ValueError(
            f"rows of {min(lengths)} to {max(lengths)} tokens make no tensor; "
            "set padding=True, and truncation=True if some are too long"
        )
    arrays = {name: np.array(rows, np.int64) for name, rows in columns.items()}
    if kind == "np":
        return arrays
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}
