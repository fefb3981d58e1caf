"""The NumPy functions against those of PyTorch."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from transformers.activations import ACT2FN

from albertlm.config import ACTIVATIONS as NAMES
from albertlm.inference.arithmetic import (
    ACTIVATIONS,
    StoredParameters,
    count,
    embeddings,
    erf,
    layer_norm,
    linear,
    log_softmax,
    of_encoder,
    release,
    softmax_,
)

ROWS = arrays(np.float32, (3, 8), elements=st.floats(-20, 20, width=32))


def test_every_activation_of_a_configuration_is_there() -> None:
    assert set(ACTIVATIONS) == set(NAMES.values())


@pytest.mark.parametrize("name", NAMES)
@given(x=ROWS)
def test_activations(name: str, x: np.ndarray) -> None:
    expected = ACT2FN[name](torch.from_numpy(x)).numpy()
    found = ACTIVATIONS[NAMES[name]](x.copy())
    np.testing.assert_allclose(found, expected, atol=4e-6, rtol=1e-5)


@given(x=ROWS)
def test_softmax(x: np.ndarray) -> None:
    expected = torch.from_numpy(x).softmax(-1).numpy()
    np.testing.assert_allclose(softmax_(x.copy()), expected, atol=1e-6)
    logarithms = torch.from_numpy(x).log_softmax(-1).numpy()
    np.testing.assert_allclose(log_softmax(x), logarithms, atol=1e-5)


@given(x=ROWS)
def test_layer_norm_and_linear(x: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    shapes = {"n.weight": (8,), "n.bias": (8,), "l.weight": (5, 8), "l.bias": (5,)}
    parameters = {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    tensors = {name: torch.from_numpy(each).double() for name, each in parameters.items()}
    wide = torch.from_numpy(x).double()
    expected = F.layer_norm(wide, (8,), tensors["n.weight"], tensors["n.bias"], eps=1e-5)
    np.testing.assert_allclose(layer_norm(parameters, "n", x, 1e-5), expected, atol=2e-3)
    expected = F.linear(wide, tensors["l.weight"], tensors["l.bias"])
    np.testing.assert_allclose(linear(parameters, "l", x), expected, atol=1e-4)


def test_the_error_function_is_as_good_as_float32() -> None:
    x = np.linspace(-5, 5, 20_001, dtype=np.float32)
    expected = np.array([math.erf(value) for value in x.tolist()])
    assert np.abs(erf(x) - expected).max() < 5e-7


def test_half_precision_is_converted_where_it_is_used() -> None:
    random = np.random.default_rng(0)
    names = ("word", "token_type", "position")
    stored: dict[str, np.ndarray] = {
        f"embeddings.{name}_embeddings.weight": random.normal(size=(9, 4)).astype(np.float16)
        for name in names
    }
    for kind in ("weight", "bias"):
        stored[f"embeddings.LayerNorm.{kind}"] = random.normal(size=4).astype(np.float32)
    stored["encoder.x"] = random.normal(size=2).astype(np.float16)
    kept = StoredParameters(stored)
    ids = (np.array([3, 1]), np.array([0, 1]), np.array([5, 8]))
    whole = {name: array.astype(np.float32) for name, array in stored.items()}
    np.testing.assert_array_equal(embeddings(kept, *ids, 1e-12), embeddings(whole, *ids, 1e-12))
    assert count(kept) == count(stored) == sum(array.size for array in stored.values())
    assert "encoder.x" not in kept._converted
    assert list(kept) == list(stored)
    assert len(kept) == len(stored)
    assert "encoder.x" in kept
    table = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(kept[table], whole[table])
    assert kept[table] is kept[table]
    assert kept["embeddings.LayerNorm.bias"] is stored["embeddings.LayerNorm.bias"]
    converted = of_encoder(kept)
    assert list(converted) == ["encoder.x"]
    assert converted["encoder.x"].dtype == np.float32


def test_pages_of_a_mapped_file_are_given_back(tmp_path: Path) -> None:
    size = 32 << 20
    path = tmp_path / "weights"
    path.write_bytes(np.ones(size // 4, np.float32).tobytes())
    mapped = np.asarray(np.memmap(path, np.float32, mode="c"))
    parameters = StoredParameters({"a": mapped[: size // 8].reshape(2, -1), "b": np.ones(3)})
    assert mapped.sum() == size // 4
    read = resident_bytes_of_files()
    release(parameters)
    assert resident_bytes_of_files() <= read - 0.9 * size
    assert parameters["a"].sum() == size // 8


def resident_bytes_of_files() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("only Linux tells the memory of mapped files")
    return 1024 * int(status.read_text().partition("RssFile:")[2].split()[0])
