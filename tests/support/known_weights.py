"""Weights that are a function of their names, so that files of them need no copy to compare with.

Used by the tests and, in other environments, by `tests/fixtures/make_tensorflow.py`.
"""

import zlib
from collections.abc import Collection

import numpy as np

SIZES = {
    "vocab_size": 20,
    "embedding_size": 4,
    "hidden_size": 8,
    "num_hidden_layers": 4,
    "num_hidden_groups": 2,
    "inner_group_num": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}
"""Fields of `AlbertConfig`, and of transformers'."""

IDS = np.array([[2, 7, 11, 19, 4, 3, 5, 9, 3, 0, 0], [2, 6, 6, 13, 8, 3, 17, 1, 4, 12, 3]])
MASK = np.array([[1] * 9 + [0] * 2, [1] * 11])
SEGMENTS = np.array([[0] * 6 + [1] * 3 + [0] * 2, [0] * 6 + [1] * 5])


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The values of a parameter by its name in the table; kept apart from 0 and 1."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return 0.4 * rng.standard_normal(shape).astype(np.float32) + np.float32(0.05)


def weights(parts: Collection[str], num_labels: int = 3) -> dict[str, np.ndarray]:
    """All parameters of some parts of the model with these sizes."""
    from albertlm.checkpoints import names
    from albertlm.config import AlbertConfig

    config = AlbertConfig.from_dict({**SIZES, "num_labels": num_labels})
    return {name: values(name, shape) for name, shape in names.shapes(config, parts).items()}
