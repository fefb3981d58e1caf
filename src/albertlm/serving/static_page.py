"""The page as a folder for any web server, with a model that is computed in the browser."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.config import AlbertConfig
from albertlm.export import graph, package
from albertlm.inference.pipelines.text_classification import default_function
from albertlm.serving.page_files import INDEX, read_files, static_index
from albertlm.serving.page_vocabulary import page_vocabulary
from albertlm.settings import check_choice
from albertlm.tokenization.tokenizer import AlbertTokenizer

RUNTIME = "1.31.0-dev.20260914-8d85527a0"
"""The version of onnxruntime-web."""

CHECKSUMS = {
    "ort.wasm.min.mjs": ("1617c813ada08592706d29a9963ab6258864dce4299bd402d2196bd648b63bfe"),
    "ort-wasm-simd-threaded.mjs": (
        "c57ca56328877353a575e51bbca6f18450027d6c9bf2307a2cb2c41363b4de9f"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "06ba057753da3847e4c24f02d91ab133455b0817c69a44993a9a53a2146df9e3"
    ),
}
"""The SHA-256 of the runtime's files, of which the page loads the first one itself."""

TASKS = {
    "fill-mask": ("fill-mask",),
    "text-classification": ("text-classification",),
    "token-classification": ("token-classification",),
    "question-answering": ("question-answering",),
    "feature-extraction": ("feature-extraction", "sentence-similarity"),
    "sentence-order": ("sentence-order",),
}
"""What the page does with a model, by what its graph computes."""


def write_page(
    model: Path,
    folder: Path,
    runtime: Path,
    *,
    name: str,
    task: str | None = None,
    int8: bool = False,
    depth: int | None = None,
) -> dict[str, Any]:
    """Write the page with a model into a folder, which any web server can serve.

    Args:
        model: a model folder in the hub's layout.
        folder: the folder to write, which exists and is empty.
        runtime: the folder `node_modules` that holds onnxruntime-web, or that package.
        name: what the page calls the model.
        task: a key of `TASKS`; by default the one that the model was trained for, and fill-mask
            for a pretrained model.
        int8: as in `export.package.write`.
        depth: as in `export.package.write`.

    Returns:
        What the page knows of the model: `name`, `tasks`, `labels`, what makes `scores` of logits,
        `max_length`, `examples`, the `download` in bytes, and where its files are.

    Raises:
        OSError: a file of the runtime or of the model is missing, or the disk is full.
        ValueError: a file of the runtime is of another version, the model is damaged, or the page
            cannot compute its task or read its vocabulary.
    """
    sources = _runtime_files(runtime)
    config = AlbertConfig.from_folder(model)
    tokenizer = AlbertTokenizer.from_pretrained(model)
    task = task or _task(config)
    check_choice(TASKS, task=task)
    vocabulary = page_vocabulary(tokenizer)
    for part in ("page", "model", "runtime"):
        (folder / part).mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        package.write(model, Path(temporary), "onnx", task=task, int8=int8, depth=depth)
        shutil.move(Path(temporary) / package.FILES["onnx"][0], folder / "model" / "model.onnx")
    for source in sources:
        shutil.copyfile(source, folder / "runtime" / source.name)
    for page_file, (content, _) in read_files().items():
        (folder / "page" / page_file).write_bytes(content)
    (folder / "page" / INDEX).rename(folder / INDEX)
    (folder / INDEX).write_text(static_index("model/model.json"), encoding="utf-8")
    storage.write_json(folder / "model" / "vocabulary.json", vocabulary)
    described = {
        "name": name,
        "tasks": [*TASKS[task], *(["zero-shot-classification"] if _entails(config, task) else [])],
        "labels": list(config.label_names),
        "scores": default_function(config),
        "max_length": config.max_position_embeddings,
        "examples": _examples(model / "README.md"),
        "download": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "graph": "model.onnx",
        "vocabulary": "vocabulary.json",
        "runtime": "../runtime/",
        "library": next(iter(CHECKSUMS)),
    }
    storage.write_json(folder / "model" / "model.json", described)
    return described


def _runtime_files(folder: Path) -> list[Path]:
    """The files of the runtime, of the right version."""
    parts = ("onnxruntime-web/dist", "dist", ".")
    places = [folder / part for part in parts]
    place = next((each for each in places if (each / next(iter(CHECKSUMS))).is_file()), None)
    command = f"`npm install onnxruntime-web@{RUNTIME} --ignore-scripts`"
    if place is None:
        raise FileNotFoundError(
            f"{folder} holds no onnxruntime-web; run {command} and give its node_modules"
        )
    for name, checksum in CHECKSUMS.items():
        if not (place / name).is_file() or storage.sha256(place / name) != checksum:
            raise ValueError(
                f"{place / name} is not that of onnxruntime-web {RUNTIME}; install it by {command}"
            )
    return [place / name for name in CHECKSUMS]


def _task(config: AlbertConfig) -> str:
    architectures = config.architectures or ()
    if "AlbertForMultipleChoice" in architectures:
        raise ValueError(
            "the page does not compute multiple choice in the browser; serve the model with "
            "`albertlm serve`"
        )
    return "fill-mask" if "AlbertForPreTraining" in architectures else graph.task_of(config)


def _entails(config: AlbertConfig, task: str) -> bool:
    """Whether a model can classify by labels of the user."""
    is_nli = any(name.lower().startswith("entail") for name in config.label_names)
    return task == "text-classification" and is_nli


def _examples(card: Path) -> list[dict[str, Any]]:
    """The examples in a model card."""
    from huggingface_hub import metadata_load

    widget = (metadata_load(card) or {}).get("widget") if card.is_file() else None
    return [example for example in widget or () if isinstance(example, dict)]
