"""Folders of weights against safetensors, torch and transformers, and every way to be damaged."""

import json
import os
import pickle
import resource
from contextlib import contextmanager

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from albertlm import checkpoints
from albertlm.checkpoints import huggingface

WORDS = "embeddings.word_embeddings.weight"


def some_tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {WORDS: (20, 4), "pooler.weight": (8, 8), "pooler.bias": (8,)}
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], strict=True)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_file_round_trips_and_others_can_read_it(tmp_path):
    tensors = some_tensors()
    huggingface.write(tmp_path / "new", tensors)
    assert files(tmp_path / "new") == ["model.safetensors"]
    assert_equal(checkpoints.read(tmp_path / "new"), tensors)
    path = tmp_path / "new" / "model.safetensors"
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata()["format"] == "pt"
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(file.get_tensor(name).numpy(), tensor)


@pytest.mark.parametrize("limit", [1, 256, 300, 10_000])
def test_shards_round_trip_and_hold_no_more_than_the_limit(tmp_path, limit):
    tensors = some_tensors()
    huggingface.write(tmp_path, tensors, max_shard_bytes=limit)
    assert_equal(checkpoints.read(tmp_path), tensors)
    for path in tmp_path.glob("*.safetensors"):
        shard = safetensors.torch.load_file(path)
        assert len(shard) == 1 or sum(tensor.nbytes for tensor in shard.values()) <= limit
    if limit < 10_000:
        index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
        assert index["metadata"] == {"total_size": sum(t.nbytes for t in tensors.values())}
        assert set(index["weight_map"]) == set(tensors)


def test_what_was_written_before_never_shadows_what_is_written_now(tmp_path):
    old, new = some_tensors(), {name: tensor + 1 for name, tensor in some_tensors().items()}
    for limits in ((1, 10**6), (10**6, 1), (1, 300)):
        huggingface.write(tmp_path, old, max_shard_bytes=limits[0])
        huggingface.write(tmp_path, new, max_shard_bytes=limits[1])
        assert_equal(checkpoints.read(tmp_path), new)
    assert len(files(tmp_path)) == 3  # two shards and their index


def test_other_files_of_the_folder_stay(tmp_path):
    (tmp_path / "spiece.model").touch()
    huggingface.write(tmp_path, some_tensors())
    assert files(tmp_path) == ["model.safetensors", "spiece.model"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_every_type_is_read_as_float32(tmp_path, dtype, file):
    values = torch.tensor([0.0, -0.0, 1.0, -3.3895e38, 1e-40, torch.inf, 0.1, 65504]).to(dtype)
    tensors = {"pooler.bias": values, "pooler.weight": values.reshape(2, 4).clone()}
    if file == "model.safetensors":
        safetensors.torch.save_file(tensors, tmp_path / file)
    else:
        torch.save(tensors, tmp_path / file)
    expected = {name: tensor.float().numpy() for name, tensor in tensors.items()}
    assert_equal(checkpoints.read(tmp_path), expected)
    kept = checkpoints.read(tmp_path, keep_half=True)
    assert_equal({name: array.astype(np.float32) for name, array in kept.items()}, expected)
    is_half = dtype == torch.float16 and file == "model.safetensors"
    assert {array.dtype.name for array in kept.values()} == {"float16" if is_half else "float32"}


@given(bits=st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=50))
def test_bfloat16_is_decoded_bit_by_bit(bits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bfloat16")
    values = torch.tensor(bits, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    safetensors.torch.save_file({"pooler.bias": values}, folder / "model.safetensors")
    found = checkpoints.read(folder)["pooler.bias"]
    np.testing.assert_array_equal(found, values.float().numpy())


@pytest.mark.parametrize("padding", range(8))
def test_tensors_at_odd_offsets_are_read(tmp_path, padding):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    header = json.dumps({"pooler.weight": entry}).encode() + b" " * padding
    content = len(header).to_bytes(8, "little") + header + values.tobytes()
    (tmp_path / "model.safetensors").write_bytes(content)
    found = checkpoints.read(tmp_path)["pooler.weight"]
    np.testing.assert_array_equal(found, values)
    assert found.flags.aligned


def test_float32_is_mapped_and_a_change_never_reaches_the_file(tmp_path):
    huggingface.write(tmp_path, some_tensors())
    before = (tmp_path / "model.safetensors").read_bytes()
    tensors = checkpoints.read(tmp_path)
    assert not tensors[WORDS].flags.owndata
    tensors[WORDS][:] = 0
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_constants_of_old_files_are_passed_over(tmp_path):
    tensors = {name: torch.from_numpy(array) for name, array in some_tensors().items()}
    buffers = {"albert.embeddings.position_ids": torch.arange(512)[None]}
    safetensors.torch.save_file(tensors | buffers, tmp_path / "model.safetensors")
    assert_equal(checkpoints.read(tmp_path), some_tensors())
    (tmp_path / "model.safetensors").unlink()
    torch.save(tensors | buffers, tmp_path / "pytorch_model.bin")
    assert_equal(checkpoints.read(tmp_path), some_tensors())


@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_files_old_and_new(tmp_path, zipped):
    tensors = {name: torch.from_numpy(array) for name, array in some_tensors().items()}
    path = tmp_path / "pytorch_model.bin"
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    assert_equal(checkpoints.read(tmp_path), some_tensors())


def test_pytorch_shards(tmp_path):
    home = {}
    for number, (name, array) in enumerate(some_tensors().items(), start=1):
        home[name] = f"pytorch_model-{number:05}-of-00003.bin"
        torch.save({name: torch.from_numpy(array)}, tmp_path / home[name])
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": home}))
    assert_equal(checkpoints.read(tmp_path), some_tensors())


def refused(folder, problem, error=ValueError):
    with pytest.raises(error, match=problem) as caught:
        checkpoints.read(folder)
    assert "\n" not in str(caught.value)


def test_no_weights_at_all(tmp_path):
    refused(tmp_path, r"holds no weights; it needs a model.safetensors or", FileNotFoundError)


@pytest.mark.parametrize("kept", [0, 4, 50, 600, -1])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_truncated_file(tmp_path, kept, file):
    huggingface.write(tmp_path, some_tensors())
    if file == "pytorch_model.bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save({"pooler.bias": torch.zeros(500)}, tmp_path / file)
    content = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(content[:kept])
    refused(tmp_path, rf"{file} is (truncated or )?damaged.*; fetch it again")


def test_an_integer_tensor(tmp_path):
    for file, save in (
        ("model.safetensors", safetensors.torch.save_file),
        ("pytorch_model.bin", torch.save),
    ):
        save({"pooler.bias": torch.zeros(8, dtype=torch.int8)}, tmp_path / file)
        refused(tmp_path, r"pooler.bias is .*[iI].*8; only floating-point weights can be read")
        (tmp_path / file).unlink()


def test_one_parameter_with_two_values(tmp_path):
    tensors = some_tensors()
    huggingface.write(tmp_path, tensors | {"albert.pooler.bias": tensors["pooler.bias"] + 1})
    refused(tmp_path, rf"^{tmp_path}: a tensor that differs from .*pooler.bias, .*pooler.bias")


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize(
    "save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))]
)
def test_code_in_a_pytorch_file_is_never_run(tmp_path, save):
    hostile = Hostile(f"touch {tmp_path}/run")
    save({"pooler.bias": hostile}, tmp_path / "pytorch_model.bin")
    refused(tmp_path, r"pytorch_model.bin is damaged or holds code, and is not opened; fetch it")
    assert files(tmp_path) == ["pytorch_model.bin"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([torch.zeros(1)], "holds a list; it must"),
        ({"pooler.bias": "text"}, "pooler.bias is str; "),
        ({1: torch.zeros(1)}, "has a tensor named 1; it must"),
        ({None: torch.zeros(1)}, "has a tensor named None; it must"),
        ({"pooler.bias": torch.zeros(2, 2).to_sparse()}, "pooler.bias is a tensor of the layout"),
        ({"pooler.bias": torch.zeros(2, 2).to_sparse_csr()}, "pooler.bias is a tensor of the lay"),
        ({"pooler.bias": torch.zeros(1, device="meta")}, "pooler.bias is a tensor of .* on meta"),
        ({"pooler.bias": {"a": torch.zeros(1)}}, "pooler.bias is dict; "),
        ({"pooler.bias": torch.zeros(1, dtype=torch.complex64)}, "pooler.bias is torch.complex64"),
    ],
)
def test_a_pytorch_file_without_named_tensors(tmp_path, content, problem):
    torch.save(content, tmp_path / "pytorch_model.bin")
    refused(tmp_path, problem)


def test_a_nested_tensor(tmp_path):
    for layout in (torch.strided, torch.jagged):
        nested = torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)], layout=layout)
        torch.save({"pooler.bias": nested}, tmp_path / "pytorch_model.bin")
        refused(tmp_path, "pooler.bias is a nested tensor|pytorch_model.bin is ")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), sharded=st.booleans())
def test_a_flipped_bit_never_changes_a_weight(place, bit, sharded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flipped")
    huggingface.write(folder, some_tensors(), max_shard_bytes=300 if sharded else 10**6)
    path = min(folder.glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    try:
        found = checkpoints.read(folder)
    except ValueError as error:
        assert str(path) in str(error) or str(folder) in str(error)  # noqa: PT017
    else:
        assert_equal(found, some_tensors())


def test_a_flipped_bit_of_a_weight_is_damage(tmp_path):
    huggingface.write(tmp_path, some_tensors())
    path = tmp_path / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused(tmp_path, r"model.safetensors is damaged: its checksum differs; fetch or save it again")


def test_files_of_others_have_no_checksum(tmp_path):
    safetensors.numpy.save_file(some_tensors(), tmp_path / "model.safetensors", {"format": "pt"})
    assert_equal(checkpoints.read(tmp_path), some_tensors())
    safetensors.numpy.save_file(some_tensors(), tmp_path / "model.safetensors")
    assert_equal(checkpoints.read(tmp_path), some_tensors())


@pytest.fixture
def sharded(tmp_path):
    huggingface.write(tmp_path, some_tensors(), max_shard_bytes=1)
    return tmp_path


def test_a_missing_shard(sharded):
    (sharded / "model-00002-of-00003.safetensors").unlink()
    problem = r"model-00002-of-00003.safetensors is missing, which model.safetensors.index.json"
    refused(sharded, problem, FileNotFoundError)


def test_a_truncated_shard(sharded):
    path = sharded / "model-00003-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    refused(sharded, r"model-00003-of-00003.safetensors is truncated or damaged \(.*\); fetch it")


@pytest.mark.parametrize(
    "index", ["[" * 200_000, "{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}']
)
def test_a_file_that_is_no_index(sharded, index):
    (sharded / "model.safetensors.index.json").write_text(index)
    refused(sharded, r"index.json is not an index of shards; fetch it again")


def test_an_index_that_names_a_missing_tensor_or_leaves_one_out(sharded):
    path = sharded / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    home = index["weight_map"]
    path.write_text(json.dumps({"weight_map": home | {"classifier.bias": home[WORDS]}}))
    refused(sharded, r"disagree about classifier.bias; fetch both again")
    home["pooler.bias"] = home[WORDS]
    path.write_text(json.dumps({"weight_map": home}))
    refused(sharded, r"disagree about pooler.bias; fetch both again")


def test_an_index_never_leads_out_of_the_folder(sharded):
    outside = sharded / "outside"
    huggingface.write(outside, some_tensors())
    home = dict.fromkeys(some_tensors(), "outside/model.safetensors")
    path = sharded / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": home}))
    refused(sharded, r"model.safetensors is missing, which", FileNotFoundError)


@contextmanager
def files_limited_to(size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_weights_that_do_not_fit_the_disk_leave_what_was_there(tmp_path):
    huggingface.write(tmp_path, some_tensors())
    larger = {"pooler.bias": np.zeros(1_000_000, np.float32)}
    with (
        files_limited_to(1_000_000),
        pytest.raises(OSError, match=f"File too large: '{tmp_path}'"),
    ):
        huggingface.write(tmp_path, larger)
    assert files(tmp_path) == ["model.safetensors"]
    assert_equal(checkpoints.read(tmp_path), some_tensors())
