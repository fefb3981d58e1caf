"""Checkpoint files: against what TensorFlow wrote, round trips, and every way to be damaged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from known_weights import values

from albertlm.checkpoints import bundles, crc32c, sstable
from albertlm.protobuf import field

TENSORS: dict[str, np.ndarray] = {
    "step": np.array(7),
    "bert/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "empty": np.zeros((0, 4)),
    "half": np.ones((2, 3), np.float16),
    "flags": np.array([True, False]),
    "bytes": np.arange(5, dtype=np.uint8),
}


def read_all(prefix):
    return {name: stored.read() for name, stored in bundles.open_bundle(prefix).items()}


def test_what_is_written_is_read(tmp_path):
    bundles.write(tmp_path / "new" / "model.ckpt", TENSORS)
    found = read_all(tmp_path / "new" / "model.ckpt")
    assert list(found) == sorted(TENSORS)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(found[name], tensor, strict=True)


@settings(max_examples=30)
@given(
    tensors=st.dictionaries(
        st.text(min_size=1, max_size=30).filter(lambda name: not name.startswith("\0")),
        arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0)),
        max_size=8,
    )
)
def test_any_tensors(tensors, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("bundle") / "model.ckpt"
    bundles.write(prefix, tensors)
    found = bundles.open_bundle(prefix)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].shape == tensor.shape
        assert found[name].read().tobytes() == tensor.tobytes()


def test_the_bytes_are_those_that_tensorflow_wrote(tmp_path, written_elsewhere):
    theirs = written_elsewhere / "google" / "model.ckpt-best"
    bundles.write(tmp_path / theirs.name, read_all(theirs))
    for ending in (".index", ".data-00000-of-00001"):
        name = f"{theirs.name}{ending}"
        assert (tmp_path / name).read_bytes() == theirs.with_name(name).read_bytes()


def test_shards_and_partitions(written_elsewhere):
    prefix = written_elsewhere / "sharded" / "model.ckpt"
    assert len(list(prefix.parent.glob("*.data-*"))) == 2
    found = read_all(prefix)
    name = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(found["bert/embeddings/word_embeddings"], values(name, (20, 4)))
    bias = values("predictions.bias", (20,))
    np.testing.assert_array_equal(found["cls/predictions/output_bias"], bias)


def test_the_single_file_of_old_versions(written_elsewhere):
    found = read_all(written_elsewhere / "single_file" / "model.ckpt")
    bias = values("predictions.bias", (20,))
    np.testing.assert_array_equal(found["cls/predictions/output_bias"], bias)


def test_slices_far_from_the_start(tmp_path):
    """Their keys encode signed integers; the example is from a checkpoint of TensorFlow."""
    whole = np.arange(70 * 3, dtype=np.float32).reshape(70, 3)
    parts = {"\0s/part\0\1\1\2": whole[:67], "s": whole[67:]}
    data = b"".join(part.tobytes() for part in parts.values())
    (tmp_path / "m.data-00000-of-00001").write_bytes(data)

    def entry(offset, part, slices=b""):
        shape = b"".join(field(2, field(1, size)) for size in part.shape)
        checksum = bytes([6 << 3 | 5]) + crc32c.masked(part).to_bytes(4, "little")
        place = field(4, offset) + field(5, part.nbytes)
        return field(1, 1) + field(2, shape) + place + checksum + slices

    def slice_of(start, length):
        rows = (field(1, start) if start else b"") + field(2, length)
        return field(7, field(1, rows) + field(1, b""))

    slices = slice_of(0, 67) + slice_of(67, 3)
    key = b"\x00s/part\x00\x01\x01\x02"
    entries = {
        b"": field(1, 1),
        key + b"\x80\xc0C\x80\x7f": entry(0, whole[:67]),
        key + b"\xc0C\x83\x80\x7f": entry(67 * 12, whole[67:]),
        b"s/part": entry(0, whole, slices),
    }
    (tmp_path / "m.index").write_bytes(sstable.encode(sorted(entries.items())))
    np.testing.assert_array_equal(read_all(tmp_path / "m")["s/part"], whole)


def described(folder, entry: bytes, header: bytes = field(1, 1)):
    """A bundle of one tensor with this description."""
    (folder / "m.data-00000-of-00001").write_bytes(b"\x80\x3f\x00\x40")
    (folder / "m.index").write_bytes(sstable.encode([(b"", header), (b"w", entry)]))
    return folder / "m"


def test_bfloat16(tmp_path):
    checksum = bytes([6 << 3 | 5]) + crc32c.masked(b"\x80\x3f\x00\x40").to_bytes(4, "little")
    entry = field(1, 14) + field(2, field(2, field(1, 2))) + field(5, 4) + checksum
    found = read_all(described(tmp_path, entry))["w"]
    np.testing.assert_array_equal(found, np.array([1, 2], np.float32), strict=True)


def refused(prefix, problem, error=ValueError):
    with pytest.raises(error, match=problem) as caught:
        read_all(prefix)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "header", "problem"),
    [
        (field(1, 99) + field(2, b""), field(1, 1), "w has the unknown type 99"),
        (b"", field(1, 1), r"m is damaged \(KeyError: 1\); fetch it again"),
        (b"\x08", field(1, 1), r"m is damaged \(IndexError: .*\); fetch it again"),
        (b"", b"", r"m is damaged \(KeyError: 1\)"),
        (b"", field(1, 1) + field(2, 1), "was written on a big-endian machine"),
        (field(1, 1) + field(2, b""), field(1, 1), r"w is damaged \(KeyError: 6\)"),
    ],
)
def test_descriptions_that_cannot_be_read(tmp_path, entry, header, problem):
    refused(described(tmp_path, entry, header), problem)


def test_a_missing_checkpoint(tmp_path):
    refused(tmp_path / "m", r"no checkpoint .*m; its description would be m.index", OSError)


def test_a_missing_shard(tmp_path):
    bundles.write(tmp_path / "m", TENSORS)
    (tmp_path / "m.data-00000-of-00001").unlink()
    refused(tmp_path / "m", r"m.data-00000-of-00001 is missing, which m.index names", OSError)


def test_a_cut_shard(tmp_path):
    bundles.write(tmp_path / "m", TENSORS)
    path = tmp_path / "m.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-1])
    refused(tmp_path / "m", r"m.data-00000-of-00001 is cut: step ends at byte \d+ and the file at")


@settings(max_examples=30)
@given(data=st.data())
def test_a_changed_value_is_told_by_the_name_of_its_tensor(data, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("bundle") / "m"
    bundles.write(prefix, {"a": np.ones(5, np.float32), "b": np.ones(3, np.float32)})
    path = prefix.with_name("m.data-00000-of-00001")
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    refused(prefix, rf"is damaged: {'a' if place < 20 else 'b'} has another checksum; fetch it")


@given(
    data=st.data(), kind=st.sampled_from(["google/model.ckpt-best.index", "single_file/model.ckpt"])
)
def test_a_cut_or_changed_description_is_always_one_error(
    data, kind, written_elsewhere, tmp_path_factory
):
    content = bytearray((written_elsewhere / kind).read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 49))] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("damaged")
    name = kind.partition("/")[2]
    (folder / name).write_bytes(content)
    for path in (written_elsewhere / kind).parent.glob("*.data-*"):
        (folder / path.name).symlink_to(path)
    refused(
        folder / name.removesuffix(".index"), "fetch it again|no checkpoint", (OSError, ValueError)
    )


def test_text_and_the_names_of_variables(written_elsewhere):
    prefix = written_elsewhere / "objects" / "model.ckpt-1"
    stored = bundles.open_bundle(prefix)
    graph = stored["_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert (graph.shape, graph.is_float) == ((), False)
    names = dict(bundles.names_in_graph(prefix, graph.read().item()))
    assert names["bert/pooler/dense/bias"] in stored
    with pytest.raises(ValueError, match=r"is damaged \(IndexError"):
        list(bundles.names_in_graph(prefix, b"\x0a"))
