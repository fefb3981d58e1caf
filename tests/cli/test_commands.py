"""Each command against the library call that it stands for."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from albertlm import AlbertConfig, costs, pipeline

ONE = "The old [MASK] walked to the river."
TWO = "The [MASK] walked to the [MASK]."


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("She walked.\nThe old fisherman sold the boats\u2028in winter.\r\nNobody\n")
    return path


LINES = ["She walked.", "The old fisherman sold the boats\u2028in winter.", "Nobody"]


def test_fill_mask_prints_a_table(run: Callable, tiny_folder: Path) -> None:
    code, out, err = run("fill-mask", ONE, "-m", tiny_folder)
    assert (code, err) == (0, "")
    for fill in pipeline("fill-mask", tiny_folder)(ONE):
        assert fill["sequence"] in out
        assert f"{fill['score']:.4f}" in out


def test_fill_mask_prints_a_table_for_each_mask(run: Callable, tiny_folder: Path) -> None:
    out = run("fill-mask", TWO, ONE, "-m", tiny_folder).out
    assert f"{TWO} (mask 1)" in out
    assert f"{TWO} (mask 2)" in out
    assert ONE in out


def test_text_is_no_markup(run: Callable, tiny_folder: Path) -> None:
    assert (
        "[bold]She[/red] [MASK]"
        in run("fill-mask", "[bold]She[/red] [MASK]", "-m", tiny_folder).out
    )


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_fill_mask_prints_json(engine: str, run: Callable, tiny_folder: Path) -> None:
    options = ("-m", tiny_folder, "--engine", engine, "--top-k", 3, "--clean", "--json")
    code, out, err = run("fill-mask", ONE, TWO, *options)
    assert (code, err) == (0, "")
    unmasker = pipeline("fill-mask", tiny_folder, engine=engine)
    assert json.loads(out) == unmasker([ONE, TWO], top_k=3, clean=True)


def test_fill_mask_reads_files_and_standard_input(
    run: Callable, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").write_text(f"{ONE}\n{TWO}\n")
    from_file = run("fill-mask", "--file", tmp_path / "texts", "-m", tiny_folder, "--json").out
    stdin = io.TextIOWrapper(io.BytesIO(f"{ONE}\n{TWO}".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    from_stdin = run("fill-mask", "--file", "-", "-m", tiny_folder, "--json").out
    from_arguments = run("fill-mask", ONE, TWO, "-m", tiny_folder, "--json").out
    assert from_file == from_stdin == from_arguments


def test_unknown_targets_are_a_warning(run: Callable, tiny_folder: Path) -> None:
    options = ("--targets", "river,zebra", "-m", tiny_folder, "--json")
    code, out, err = run("fill-mask", ONE, *options)
    assert code == 0
    assert err.startswith("warning: the target 'zebra' is no single piece")
    assert [fill["token_str"] for fill in json.loads(out)[0]] == ["▁river"]


@pytest.mark.parametrize("pooling", ["mean", "cls", "pooled"])
def test_features_are_written(
    pooling: str, run: Callable, tiny_folder: Path, texts: Path, tmp_path: Path
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


def test_features_of_tokens_are_written(
    run: Callable, tiny_folder: Path, texts: Path, tmp_path: Path
) -> None:
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
        (b"a\n", "out.csv", "ends in .csv; name a .npz or .parquet"),
        (b"a\n", "out", "ends in nothing; name a .npz or .parquet"),
        (b"a\n" + b"river " * 99, "out.npz", "tokens, the model reads at most 64"),
        (b"a\n" + b"river " * 99, "out.parquet", "tokens, the model reads at most 64"),
    ],
)
def test_bad_input_leaves_no_output(
    content: bytes, output: str, message: str, run: Callable, tiny_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "texts").write_bytes(content)
    code, out, err = run("features", tmp_path / "texts", tmp_path / output, "-m", tiny_folder)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


def test_long_texts_are_cut_if_asked(run: Callable, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("river " * 99)
    options = ("--truncate", "-m", tiny_folder)
    assert run("features", tmp_path / "texts", tmp_path / "out.npz", *options).code == 0


def test_sentence_order(run: Callable, tiny_folder: Path) -> None:
    expected = pipeline("sentence-order", tiny_folder)("She left.", "Nobody walked.")
    arguments = ("sentence-order", "She left.", "Nobody walked.", "-m", tiny_folder)
    assert json.loads(run(*arguments, "--json").out)["in_order"] == pytest.approx(expected)
    table = run(*arguments).out
    assert f"{expected:.4f}" in table
    assert f"{1 - expected:.4f}" in table


@pytest.mark.parametrize("name", ["albert-xxlarge-v1", "tiny"])
def test_info_needs_no_weights(name: str, run: Callable, tiny_folder: Path, tmp_path: Path) -> None:
    if name == "tiny":
        name = str(tmp_path)
        (tmp_path / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())
        config = AlbertConfig.from_pretrained(tmp_path)
    else:
        config = AlbertConfig.preset(name)
    report = json.loads(run("info", name, "--length", 64, "--json").out)
    total = sum(costs.parameters_by_part(config).values())
    assert report["config"] == config.to_dict()
    assert report["parameters"]["total"] == total
    assert report["weight_bytes"] == {"float32": 4 * total, "bfloat16": 2 * total}
    assert report["flops_per_token"] == costs.flops_per_token(config, 64)
    table = run("info", name).out
    assert f"{total:,}" in table
    assert "as many\noperations as a BERT of the same shape" in table


def test_many_texts_show_a_bar_on_a_terminal(
    run: Callable, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{ONE} {number}" for number in range(40)]
    (tmp_path / "texts").write_text("\n".join(lines))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    options = ("--batch-size", 2, "--top-k", 1, "-m", tiny_folder, "--json")
    code, out, err = run("fill-mask", "--file", tmp_path / "texts", *options)
    assert code == 0
    assert len(json.loads(out)) == 40
    assert "texts" in err
