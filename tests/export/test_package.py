"""Exported folders: their outputs against transformers', examples, and files that are damaged."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import pytest
import torch
import transformers

import albertlm
from albertlm import AlbertConfig, AlbertForSquadV2, AlbertModel
from albertlm.export import graph, package
from albertlm.export.package import FILES, Format, verify, write

FORMATS: tuple[Format, ...] = ("onnx", "openvino")
CLASSES = {
    "feature-extraction": "AlbertModel",
    "fill-mask": "AlbertForMaskedLM",
    "sentence-order": "AlbertForPreTraining",
    "text-classification": "AlbertForSequenceClassification",
    "token-classification": "AlbertForTokenClassification",
    "question-answering": "AlbertForQuestionAnswering",
}

INPUTS = {
    "input_ids": np.array([[2, 17, 4, 66, 3, 33, 3], [2, 8, 3, 0, 0, 0, 0]]),
    "attention_mask": np.array([[1] * 7, [1] * 3 + [0] * 4]),
    "token_type_ids": np.array([[0] * 5 + [1] * 2, [0] * 7]),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "shared": {"hidden_act": "gelu"},
    "groups": {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
}


def run(folder: Path, inputs: dict[str, np.ndarray] = INPUTS) -> dict[str, np.ndarray]:
    """The outputs of an export, without albertlm."""
    if (folder / "model.onnx").exists():
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        names = [output.name for output in session.get_outputs()]
        assert {each.name for each in session.get_inputs()} == set(INPUTS)
        return dict(zip(names, session.run(names, inputs), strict=True))
    properties = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU", properties)
    return {output.any_name: values for output, values in model(inputs).items()}


def save(folder: Path, kind: str, config: AlbertConfig, vocabulary: Path) -> Path:
    """A model with weights that half precision holds exactly."""
    torch.manual_seed(1)
    getattr(albertlm, kind)(config).half().float().save_pretrained(folder)
    shutil.copytree(vocabulary, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", CLASSES)
def test_outputs_are_those_of_transformers(
    task: str,
    variant: str,
    tmp_path: Path,
    tiny_config: Callable[..., AlbertConfig],
    tiny_vocabulary: Path,
) -> None:
    labels = 3 if "classification" in task else 2
    config = tiny_config(num_labels=labels, **VARIANTS[variant])
    model = save(tmp_path / "model", CLASSES[task], config, tiny_vocabulary)
    theirs = getattr(transformers, CLASSES[task]).from_pretrained(model).eval()
    with torch.no_grad():
        expected = theirs(**{name: torch.tensor(values) for name, values in INPUTS.items()})
    for to in FORMATS:
        folder = tmp_path / to
        folder.mkdir()
        given = task if task == "sentence-order" else None  # the others are those of their classes
        assert write(model, folder, to, task=given) == task
        assert verify(folder) == to
        found = run(folder)
        assert found
        for name, values in found.items():
            theirs_name = "sop_logits" if task == "sentence-order" else name
            wanted = expected[theirs_name].numpy()
            if wanted.shape[:2] == INPUTS["attention_mask"].shape:
                wanted = wanted[INPUTS["attention_mask"] > 0]
                ours = values[INPUTS["attention_mask"] > 0]
            else:
                ours = values
            assert np.abs(ours - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("to", FORMATS)
def test_the_head_for_squad_2_searches_as_the_model(
    to: Format, tmp_path: Path, tiny_config: Callable[..., AlbertConfig], tiny_vocabulary: Path
) -> None:
    model = save(tmp_path / "model", "AlbertForSquadV2", tiny_config(), tiny_vocabulary)
    ours = AlbertForSquadV2.from_pretrained(model).eval()
    lengths, first = (20, 12), 6  # of which the first tokens are the question
    ids = np.random.default_rng(0).integers(5, 70, (2, 20))
    attention = (np.arange(20) < np.array(lengths)[:, None]).astype(np.int64)
    segments = attention * (np.arange(20) >= first)
    inputs = {"input_ids": ids, "attention_mask": attention, "token_type_ids": segments}
    answerable = segments.copy()
    answerable[[0, 1], [length - 1 for length in lengths]] = 0  # [SEP]
    with torch.no_grad():
        expected = ours(
            *(torch.tensor(each) for each in inputs.values()),
            no_answer_mask=torch.tensor(1 - answerable),
        )
    folder = tmp_path / "export"
    folder.mkdir()
    assert write(model, folder, to) == "question-answering-v2"
    found = run(folder, inputs)
    assert found.keys() == set(graph.output_shapes(tiny_config(), "question-answering-v2"))
    for name, values in found.items():
        wanted = getattr(expected, name).numpy()
        if name in graph.POSITIONS:
            assert np.array_equal(values, wanted), name
        else:
            np.testing.assert_allclose(values, wanted, atol=1e-4, err_msg=name)
    short = {name: each[:, :3] for name, each in inputs.items()}
    assert run(folder, short)["end_positions"].shape == (2, 3, 3)


@pytest.mark.parametrize("to", FORMATS)
def test_the_depth_is_a_constant_of_the_file(to: Format, tmp_path: Path, tiny_folder: Path) -> None:
    theirs = transformers.AlbertModel.from_pretrained(tiny_folder).eval()
    with torch.no_grad():
        inputs = {name: torch.tensor(values) for name, values in INPUTS.items()}
        expected = theirs(**inputs, output_hidden_states=True).hidden_states
    for depth in (1, 2):
        folder = tmp_path / f"{depth}"
        folder.mkdir()
        write(tiny_folder, folder, to, depth=depth)
        states = run(folder)["last_hidden_state"]
        error = np.abs(states[0] - expected[depth][0].numpy()).max()
        assert error <= 5e-3 * np.abs(states).max()  # of half precision
    with pytest.raises(ValueError, match=r"depth=4 .* from 1 to the model's 3 applications"):
        write(tiny_folder, tmp_path, to, depth=4)


@pytest.mark.parametrize("to", FORMATS)
def test_a_deeper_model_has_no_larger_file(
    to: Format,
    tmp_path: Path,
    tiny_config: Callable[..., AlbertConfig],
    tiny_vocabulary: Path,
) -> None:
    sizes = []
    for layers in (2, 24):
        config = tiny_config(num_hidden_layers=layers)
        model = save(tmp_path / f"m{layers}", "AlbertModel", config, tiny_vocabulary)
        folder = tmp_path / f"x{layers}"
        folder.mkdir()
        write(model, folder, to)
        sizes.append(sum((folder / name).stat().st_size for name in FILES[to]))
    assert abs(sizes[0] - sizes[1]) < 200


@pytest.mark.parametrize("to", FORMATS)
def test_int8_is_half_as_large_and_near(
    to: Format,
    tmp_path: Path,
    tiny_config: Callable[..., AlbertConfig],
    tiny_vocabulary: Path,
) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 256, "initializer_range": 0.1}
    model = save(tmp_path / "m", "AlbertForMaskedLM", tiny_config(**sizes), tiny_vocabulary)
    outputs, bytes_ = [], []
    for int8 in (False, True):
        folder = tmp_path / f"{int8}"
        folder.mkdir()
        write(model, folder, to, int8=int8)
        outputs.append(run(folder)["logits"][0])
        bytes_.append((folder / FILES[to][-1]).stat().st_size)
    assert bytes_[1] < 0.75 * bytes_[0]
    difference = np.linalg.norm(outputs[0] - outputs[1]) / np.linalg.norm(outputs[0])
    assert 0 < difference < 0.1


@pytest.mark.parametrize("to", FORMATS)
def test_the_example_runs_without_albertlm(to: Format, tmp_path: Path, tiny_folder: Path) -> None:
    write(tiny_folder, tmp_path, to, task="fill-mask")
    blocked = "import sys, runpy; sys.modules.update({'albertlm': None, 'torch': None});"
    path = str(tmp_path / "example.py")
    code = f"{blocked} sys.argv = [{path!r}, 'a [MASK] b', 'c']; runpy.run_path({path!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shape, mask = done.stdout.splitlines()
    assert shape.startswith("logits (2, ")
    assert mask.startswith("[MASK] is ")


def test_what_lies_beside_the_graph(tmp_path: Path, tiny_folder: Path) -> None:
    write(tiny_folder, tmp_path, "onnx", depth=2)
    assert {path.name for path in tmp_path.iterdir()} >= {
        "README.md",
        "config.json",
        "example.mjs",
        "example.py",
        "model.onnx",
        "tokenizer.json",
    }
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "albert"
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "a loop of 2 applications" in card
    assert "| `pooler_output` | float32 | batch, 32 |" in card


def test_a_model_without_pooler_has_no_pooled_output(
    tmp_path: Path, tiny_config: Callable[..., AlbertConfig], tiny_vocabulary: Path
) -> None:
    model, folder = tmp_path / "model", tmp_path / "export"
    AlbertModel(tiny_config(), add_pooling_layer=False).save_pretrained(model)
    shutil.copytree(tiny_vocabulary, model, dirs_exist_ok=True)
    folder.mkdir()
    write(model, folder, "onnx")
    assert run(folder).keys() == {"last_hidden_state"}
    assert "pooler_output" not in (folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds no trained predictions\.dense\.weight.*task='fi"):
        write(model, folder, "onnx", task="fill-mask")
    with pytest.raises(ValueError, match=r"task='fill' is not allowed; .* did you mean 'fill-m"):
        write(model, folder, "onnx", task="fill")


@pytest.mark.parametrize("name", ["model.onnx", "openvino_model.xml", "openvino_model.bin"])
def test_a_damaged_export_is_refused(name: str, tmp_path: Path, tiny_folder: Path) -> None:
    write(tiny_folder, tmp_path, "onnx" if name == "model.onnx" else "openvino")
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is damaged: its SHA-256 differs; export the model again"):
        verify(tmp_path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"is damaged|is truncated or no export"):
        verify(tmp_path)


def test_an_export_of_another_version_or_program_is_refused(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tiny_folder, tmp_path, "onnx")
    monkeypatch.setattr(package, "VERSION", "2")
    with pytest.raises(ValueError, match="is an export of version 1; this albertlm knows"):
        verify(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    with pytest.raises(ValueError, match="is truncated or no export of albertlm; exp"):
        verify(tmp_path)


def test_a_folder_without_an_export(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no exported model; make one with `albertlm"):
        verify(tmp_path)
    write(tiny_folder, tmp_path, "openvino")
    (tmp_path / "openvino_model.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"openvino_model\.bin is missing; export the mod"):
        verify(tmp_path)
