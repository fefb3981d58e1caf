"""`fill-mask` and `sentence-order` against the pipelines that they stand for."""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import Run

from albertlm import AlbertForPreTraining, pipeline
from albertlm.checkpoints import huggingface
from albertlm.cli.fill_mask import fill_mask
from albertlm.inference.pipelines.fill_mask import FillMask

ONE = "The old [MASK] walked to the river."
TWO = "The [MASK] walked to the [MASK]."


def unmasker(folder: Path, engine: str = "numpy") -> FillMask:
    return pipeline("fill-mask", folder, engine="torch" if engine == "torch" else "numpy")


def test_a_table(run: Run, tiny_folder: Path) -> None:
    code, out, err = run("fill-mask", ONE, "-m", tiny_folder)
    assert (code, err) == (0, "")
    for fill in unmasker(tiny_folder)([ONE])[0]:
        assert isinstance(fill, dict)
        assert fill["sequence"] in out
        assert f"{fill['score']:.4f}" in out


def test_a_table_for_each_mask(run: Run, tiny_folder: Path) -> None:
    out = run("fill-mask", TWO, ONE, "-m", tiny_folder).out
    assert f"{TWO} (mask 1)" in out
    assert f"{TWO} (mask 2)" in out
    assert ONE in out


def test_text_is_no_markup(run: Run, tiny_folder: Path) -> None:
    text = "[bold]She[/red] [MASK]"
    assert text in run("fill-mask", text, "-m", tiny_folder).out


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_json(engine: str, run: Run, tiny_folder: Path) -> None:
    options = ("-m", tiny_folder, "--engine", engine, "--top-k", 3, "--clean", "--json")
    code, out, err = run("fill-mask", ONE, TWO, *options)
    assert (code, err) == (0, "")
    expected = unmasker(tiny_folder, engine)([ONE, TWO], top_k=3, clean=True)
    assert json.loads(out) == expected


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_a_folder_with_two_output_biases(
    engine: str, run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    """As the hub's own files: the bias under the name that transformers uses is in force."""
    folder = shutil.copytree(tiny_folder, tmp_path / "two biases")
    tensors = huggingface.read(folder)
    bias = np.zeros(70, np.float32)
    bias[33] = 100
    huggingface.write(
        folder,
        {**prefixed(tensors), "predictions.bias": -bias, "predictions.decoder.bias": bias},
    )
    code, out, err = run("fill-mask", ONE, "-m", folder, "--engine", engine, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)[0][0]["token"] == 33


def prefixed(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Under the names of a model with a head."""
    return {
        f"albert.{name}" if name.startswith(("embeddings", "encoder", "pooler")) else name: tensor
        for name, tensor in tensors.items()
    }


def test_files_and_standard_input(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").write_text(f"{ONE}\n{TWO}\n")
    from_file = run("fill-mask", "--file", tmp_path / "texts", "-m", tiny_folder, "--json").out
    stdin = io.TextIOWrapper(io.BytesIO(f"{ONE}\n{TWO}".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    from_stdin = run("fill-mask", "--file", "-", "-m", tiny_folder, "--json").out
    from_arguments = run("fill-mask", ONE, TWO, "-m", tiny_folder, "--json").out
    assert from_file == from_stdin == from_arguments


def test_unknown_targets_are_a_warning(run: Run, tiny_folder: Path) -> None:
    options = ("--targets", "river,zebra", "-m", tiny_folder, "--json")
    code, out, err = run("fill-mask", ONE, *options)
    assert code == 0
    assert err.startswith("warning: the target 'zebra' is not a single piece")
    assert [fill["token_str"] for fill in json.loads(out)[0]] == ["▁river"]


def test_a_text_without_a_mask_is_refused(run: Run, tiny_folder: Path) -> None:
    code, out, err = run("fill-mask", "There is none.", "-m", tiny_folder)
    assert (code, out) == (2, "")
    assert "[MASK]" in err


@pytest.mark.parametrize("texts", [None, []])
def test_no_text_is_refused(texts: list[str] | None) -> None:
    with pytest.raises(ValueError, match="there is no text; give one, such as"):
        fill_mask(texts)


def test_many_texts_show_a_bar_on_a_terminal(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{ONE} {number}" for number in range(40)]
    (tmp_path / "texts").write_text("\n".join(lines))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    options = ("--batch-size", 2, "--top-k", 1, "-m", tiny_folder, "--json")
    code, out, err = run("fill-mask", "--file", tmp_path / "texts", *options)
    assert code == 0
    assert len(json.loads(out)) == 40
    assert "texts" in err


def test_sentence_order(run: Run, tiny_folder: Path) -> None:
    expected = pipeline("sentence-order", tiny_folder)("She left.", "Nobody walked.")
    arguments = ("sentence-order", "She left.", "Nobody walked.", "-m", tiny_folder)
    assert json.loads(run(*arguments, "--json").out)["in_order"] == pytest.approx(expected)
    table = run(*arguments).out
    assert f"{expected:.4f}" in table
    assert f"{1 - expected:.4f}" in table


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(
    run: Run, tiny_folder: Path, tmp_path: Path, engine: str, value: float
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    model = AlbertForPreTraining.from_pretrained(folder)
    with torch.no_grad():
        model.albert.embeddings.LayerNorm.bias[3] = value
    model.save_pretrained(folder)
    command = ("fill-mask", "a [MASK]", "--json", "-m", folder, "--engine", engine)
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {folder}: tensors with values that are not finite")
    assert "embeddings.LayerNorm.bias" in err
    with pytest.raises(ValueError, match=r"not finite .*: embeddings.LayerNorm.bias"):
        AlbertForPreTraining.from_pretrained(folder)
