"""`features`: what is in the files against the pipeline; bad input leaves none."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet
import pytest
from commands import Run

from albertlm import pipeline
from albertlm.cli.features import features

LINES = ["She walked.", "The old fisherman sold the boats\u2028in winter.", "Nobody"]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A file of `LINES`; one of them ends as on Windows."""
    path = tmp_path / "texts.txt"
    path.write_bytes("{}\n{}\r\n{}\n".format(*LINES).encode())
    return path


@pytest.mark.parametrize("pooling", ["mean", "cls", "pooled"])
def test_a_vector_for_each_text(
    pooling: Literal["mean", "cls", "pooled"],
    run: Run,
    tiny_folder: Path,
    texts: Path,
    tmp_path: Path,
) -> None:
    options = ("--pooling", pooling, "--normalize", "--batch-size", 2, "-m", tiny_folder)
    expected = pipeline("feature-extraction", tiny_folder)(LINES, pooling=pooling, normalize=True)
    done = run("features", texts, tmp_path / "out.npz", *options, "--json")
    assert json.loads(done.out) == {
        "output": str(tmp_path / "out.npz"),
        "texts": 3,
        "dimensions": 32,
    }
    assert done.err == ""
    written = np.load(tmp_path / "out.npz")["features"]
    np.testing.assert_allclose(written, np.stack(expected), atol=1e-6)
    assert run("features", texts, tmp_path / "out.parquet", *options).code == 0
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert table["text"] == LINES
    np.testing.assert_allclose(table["features"], np.stack(expected), atol=1e-6)


def test_a_vector_for_each_token(run: Run, tiny_folder: Path, texts: Path, tmp_path: Path) -> None:
    options = ("--pooling", "tokens", "-m", tiny_folder)
    expected = pipeline("feature-extraction", tiny_folder)(LINES)
    run("features", texts, tmp_path / "out.npz", *options)
    run("features", texts, tmp_path / "out.parquet", *options)
    file = np.load(tmp_path / "out.npz")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pydict()
    for number, vectors in enumerate(expected):
        start, end = file["offsets"][number : number + 2]
        np.testing.assert_allclose(file["features"][start:end], vectors, atol=1e-6)
        np.testing.assert_allclose(table["features"][number], vectors, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "output", "message"),
    [
        (b"", "out.npz", "is empty; put one text on each line"),
        (b"a\n\nb\n", "out.npz", "line 2 of"),
        (b"a\n\xff\n", "out.npz", "is not UTF-8 at byte 2; convert it first"),
        (b"a\n", "out.csv", "ends in .csv; name a .npz, a .parquet or a folder"),
        (b"a\n" + b"river " * 99, "out.npz", "tokens, but the model reads at most 64"),
        (b"a\n" + b"river " * 99, "out.parquet", "tokens, but the model reads at most 64"),
    ],
)
def test_bad_input_leaves_no_output(
    content: bytes, output: str, message: str, run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "texts").write_bytes(content)
    code, out, err = run("features", tmp_path / "texts", tmp_path / output, "-m", tiny_folder)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


def test_the_type_of_numbers_reaches_the_engine(
    run: Run, tiny_folder: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.npz"
    for dtype in ("float32", "bfloat16"):
        assert run("features", texts, out, "-m", tiny_folder, "--dtype", dtype).code == 0
        expected = pipeline("feature-extraction", tiny_folder, dtype=dtype)(LINES, pooling="mean")
        assert np.array_equal(np.load(out)["features"], np.stack(expected)), dtype
    exact = pipeline("feature-extraction", tiny_folder)(LINES, pooling="mean")
    assert not np.array_equal(np.stack(expected), np.stack(exact))


@pytest.mark.parametrize("device", ["foo", "cuda:99"])
def test_a_device_that_is_not_there_leaves_no_output(
    device: str, run: Run, tiny_folder: Path, texts: Path, tmp_path: Path
) -> None:
    code, out, err = run("features", texts, tmp_path / "out.npz", "--device", device)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: device='{device}' is not here")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["texts.txt"]


def test_the_name_of_the_output_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"out\.txt ends in \.txt; name a \.npz, a "):
        features(tmp_path / "absent", tmp_path / "out.txt")


def test_long_texts_are_cut_if_asked(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("river " * 99)
    options = ("--truncate", "-m", tiny_folder)
    assert run("features", tmp_path / "texts", tmp_path / "out.npz", *options).code == 0
