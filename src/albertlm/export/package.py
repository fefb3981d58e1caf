"""Folders of exported models: the graph, the tokenizer, a card and examples, and their check."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from pathlib import Path
from typing import Literal

from albertlm import checkpoints
from albertlm.checkpoints import names
from albertlm.config import AlbertConfig
from albertlm.export import graph
from albertlm.export.graph import Weights
from albertlm.settings import check, check_choice
from albertlm.tokenization.tokenizer import AlbertTokenizer

Format = Literal["onnx", "openvino"]

FILES: dict[Format, tuple[str, ...]] = {
    "onnx": ("model.onnx",),
    "openvino": ("openvino_model.xml", "openvino_model.bin"),
}
"""The files of a graph; the first one holds the checksum of all of them."""

VERSION = "1"
"""Of exports: what their inputs and outputs are, and how they are signed."""

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
"""Programs that are put beside an exported model, as FORMAT.SUFFIX.txt."""

_UNSIGNED = "0" * 64
_SIGNATURE = re.compile(rb"albertlm export (\w+) sha256:([0-9a-f]{64})")


def write(
    model: Path,
    folder: Path,
    to: Format,
    *,
    task: str | None = None,
    int8: bool = False,
    depth: int | None = None,
) -> str:
    """Export a model folder, and return the task that it computes.

    Args:
        model: a model folder in the hub's layout.
        folder: the folder to write, which exists and is empty.
        to: the format.
        task: one of `graph.TASKS`; by default the one that the model was trained for.
        int8: store the weights of products in 8 bits, and compute with integers.
        depth: the number of applications of layers, a constant of the graph; by default all.

    Raises:
        OSError: the folder holds no model, or the disk is full.
        ValueError: the model is damaged, or has no trained head for the task.
    """
    config = AlbertConfig.from_folder(model)
    weights = checkpoints.read(model)
    names.match({name: each.shape for name, each in weights.items()}, names.shapes(config))
    task = task or graph.task_of(config)
    check_choice(graph.TASKS, task=task)
    _check_trained(weights, task)
    deepest = config.num_hidden_layers * config.inner_group_num
    depth = deepest if depth is None else depth
    check(1 <= depth <= deepest, f"from 1 to the model's {deepest} applications", depth=depth)
    sizes = config
    if "classifier.bias" in weights:  # one output for multiple choice, whatever the labels
        sizes = config.changed(num_labels=len(weights["classifier.bias"]))
    path, signature = folder / FILES[to][0], f"albertlm export {VERSION} sha256:{_UNSIGNED}"
    if to == "onnx":
        from albertlm.export import onnx

        stored: onnx.OnnxStorage = "int7" if int8 else "float16"
        onnx.save(onnx.whole(sizes, weights, stored, task, depth), path, signature)
    else:
        from albertlm.export import openvino

        kept: openvino.OpenVinoStorage = "int8" if int8 else "float32"
        openvino.save(openvino.whole(sizes, weights, kept, task, depth), path, signature)
    _sign(folder, FILES[to])
    config.save_pretrained(folder)
    AlbertTokenizer.from_pretrained(model).save_pretrained(folder)
    pooler = "pooler.weight" in weights
    texts = {"README.md": _card(sizes, to, task, depth, int8=int8, pooler=pooler)}
    for path in EXAMPLES.glob(f"{to}.*.txt"):
        texts[f"example{Path(path.stem).suffix}"] = path.read_text(encoding="utf-8")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return task


def verify(folder: Path) -> Format:
    """Check an exported model, and return its format.

    Raises:
        FileNotFoundError: the folder holds no exported model.
        ValueError: the export is damaged, or of another version.
    """
    formats: tuple[Format, ...] = ("onnx", "openvino")
    to = next((each for each in formats if (folder / FILES[each][0]).is_file()), None)
    if to is None:
        raise FileNotFoundError(
            f"{folder} holds no exported model; make one with `albertlm export MODEL {folder}`"
        )
    files = FILES[to]
    again = "export the model again"
    for name in files:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing; {again}")
    signed = _SIGNATURE.search((folder / files[0]).read_bytes())
    if signed is None:
        raise ValueError(f"{folder / files[0]} is truncated or no export of albertlm; {again}")
    if (version := signed[1].decode()) != VERSION:
        raise ValueError(
            f"{folder / files[0]} is an export of version {version}; this albertlm knows version "
            f"{VERSION}; {again}"
        )
    if _checksum(folder, files) != signed[2].decode():
        raise ValueError(f"{folder} is damaged: its SHA-256 differs; {again}")
    return to


def _check_trained(weights: Weights, task: str) -> None:
    wanted = [row.hub for row in names.PARAMETERS if row.part in graph.TASKS[task]]
    untrained = [name for name in wanted if name not in weights]
    if untrained:
        raise ValueError(
            f"the model holds no trained {', '.join(untrained)}, which task={task!r} needs; "
            "name another task"
        )


def _sign(folder: Path, files: tuple[str, ...]) -> None:
    """Write the checksum of all files into the first one, in place of zeros."""
    path, checksum = folder / files[0], _checksum(folder, files)
    path.write_bytes(path.read_bytes().replace(_UNSIGNED.encode(), checksum.encode(), 1))


def _checksum(folder: Path, files: tuple[str, ...]) -> str:
    """The SHA-256 of all files, as they were before they were signed."""
    digest = hashlib.sha256()
    for name in files:
        data = (folder / name).read_bytes()
        if name == files[0] and (signed := _SIGNATURE.search(data)):
            data = data[: signed.start(2)] + _UNSIGNED.encode() + data[signed.end(2) :]
        digest.update(data)
    return digest.hexdigest()


def _card(
    config: AlbertConfig, to: Format, task: str, depth: int, *, int8: bool, pooler: bool
) -> str:
    release = importlib.metadata.version("albertlm")
    runtime = {"onnx": "ONNX", "openvino": "OpenVINO"}[to]
    precision = "8-bit integers" if int8 else "half precision"
    outputs = [
        f"| `{name}` | {'int64' if name in graph.POSITIONS else 'float32'} "
        f"| {', '.join(map(str, shape))} |"
        for name, shape in graph.output_shapes(config, task).items()
        if name != "pooler_output" or pooler
    ]
    return f"""# An ALBERT in {runtime}, for {task}

The graph holds the shared layer once, as the body of a loop of {depth} applications, with weights
in {precision}. It needs no more than a runtime and a tokenizer, which reads `tokenizer.json`; see
the examples beside this file. It was exported by albertlm {release}.

All inputs are required: `input_ids`, `attention_mask` (1 for tokens, 0 for padding) and
`token_type_ids` (0, and 1 for the second text of a pair), int64 of shape (batch, tokens), with up
to {config.max_position_embeddings} tokens.

| output | type | shape |
|---|---|---|
{chr(10).join(outputs)}

`albertlm export --check FOLDER` tells whether the files are complete and undamaged.
"""
