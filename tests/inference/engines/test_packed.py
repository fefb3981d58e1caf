"""Rows of texts for the engines with a graph: embeddings, masks and places to read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertConfig
from albertlm.data.packing import pack, pad
from albertlm.inference.engines.base import TokenizedText, read_trained
from albertlm.inference.engines.packed import (
    PackedBatch,
    packed_batch,
    packed_states,
    split_states,
)


def texts_of(lengths: list[int]) -> list[TokenizedText]:
    random = np.random.default_rng(0)
    drawn = ((random.integers(5, 70, each), random.integers(0, 2, each)) for each in lengths)
    return [TokenizedText(ids.tolist(), segments.tolist()) for ids, segments in drawn]


def batch_of(folder: Path, lengths: list[int], **options: object) -> PackedBatch:
    config, parameters = read_trained(folder)
    chosen = {"positions": None, "depth": None} | options
    return packed_batch(config, parameters, texts_of(lengths), **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("lengths", [[7], [9, 9, 8], [60, 3, 5, 4, 20, 2, 30]])
def test_embeddings_are_those_of_transformers(lengths: list[int], tiny_folder: Path) -> None:
    batch = batch_of(tiny_folder, lengths)
    model = transformers.AlbertModel.from_pretrained(tiny_folder).eval()
    flat = batch.inputs.reshape(-1, batch.inputs.shape[-1])
    found = split_states(flat[batch.places], texts_of(lengths), None)
    for text, states in zip(texts_of(lengths), found, strict=True):
        with torch.no_grad():
            expected = model.embeddings(
                torch.tensor([text.input_ids]), torch.tensor([text.token_type_ids])
            )
        np.testing.assert_allclose(states, expected[0], rtol=0, atol=1e-5)


def test_texts_share_rows_where_padding_would_be_much(tiny_folder: Path) -> None:
    equal = batch_of(tiny_folder, [9, 9, 8])
    ragged = batch_of(tiny_folder, [60, 3, 5, 4, 20, 2, 30, 50])
    assert equal.inputs.shape[:2] == (3, 9)
    assert equal.mask.shape == (3, 1, 1, 9)
    assert ragged.inputs.shape[:2] == (3, 60)
    assert ragged.mask.shape == (3, 1, 60, 60)
    assert ((ragged.mask == 0).sum(-1) > 0).all()


@given(st.lists(st.integers(1, 300), min_size=1, max_size=24), st.sampled_from([8, 256, 4096]))
def test_no_other_number_of_rows_is_faster(lengths: list[int], hidden: int) -> None:
    def cost(rows: int, width: int) -> float:
        products, attention = 12 * hidden**2, 3 * width * hidden
        return rows * width * (products + attention)

    config = AlbertConfig(hidden_size=hidden, num_hidden_layers=1, num_attention_heads=1)
    states = [np.zeros((length, 1), np.float32) for length in lengths]
    found = cost(*packed_states(config, states, 1).inputs.shape[:2])
    padded = pad(lengths)
    others = [pack(lengths, rows) for rows in range(1, len(lengths) + 1)]
    assert found <= cost(padded.rows, padded.width)
    assert 0.95 * found <= min(cost(each.rows, each.width) for each in others) * (1 + 1e-9)


def test_rows_of_a_large_batch_are_nearly_full(tiny_config: Callable[..., AlbertConfig]) -> None:
    lengths = np.random.default_rng(0).integers(5, 65, 1000).tolist()
    batch = packed_states(tiny_config(), [np.zeros((each, 1), np.float32) for each in lengths], 1)
    rows, width = batch.inputs.shape[:2]
    assert rows * width < 1.05 * sum(lengths)


def test_places_are_those_of_the_positions(tiny_folder: Path) -> None:
    lengths, positions = [60, 3, 5], [[0, 59], [], [2]]
    every = batch_of(tiny_folder, lengths)
    some = batch_of(tiny_folder, lengths, positions=positions)
    assert some.places.tolist() == every.places[[0, 59, 65]].tolist()
    counts = [len(x) for x in split_states(np.zeros((3, 2), "f"), texts_of(lengths), positions)]
    assert counts == [2, 0, 1]


def test_repetitions_are_those_of_the_depth(
    tiny_folder: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    assert batch_of(tiny_folder, [3]).repetitions.tolist() == [3]
    assert batch_of(tiny_folder, [3], depth=2).repetitions.tolist() == [2]
    with pytest.raises(ValueError, match="depth=4 is not allowed; it must be from 1 to the mo"):
        batch_of(tiny_folder, [3], depth=4)
