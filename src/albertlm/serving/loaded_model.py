"""A model folder with all the tasks that it has, as a worker process opens it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from albertlm import storage
from albertlm.inference import arithmetic
from albertlm.inference.engines import open_engine, resolve_engine
from albertlm.inference.engines.base import Engine
from albertlm.inference.factory import PIPELINES, canonical_task
from albertlm.inference.pipelines.base import Pipeline, as_batch
from albertlm.inference.pipelines.sentence_similarity import SentenceSimilarity
from albertlm.serving.batching import BatchingEngine, Usage, batching
from albertlm.serving.page_files import card_examples
from albertlm.settings import did_you_mean
from albertlm.tokenization import checks
from albertlm.tokenization.tokenizer import AlbertTokenizer

FIRST = (
    "text-classification",
    "token-classification",
    "question-answering",
    "multiple-choice",
    "fill-mask",
)
"""The tasks that are a model's default if it has them, in this order: fine-tuned ones first."""

CLASSIFYING = ("text-classification", "token-classification")
"""The tasks that have the labels of the configuration."""

OPTIONS: dict[str, dict[str, Any]] = {
    "numpy": {"in_turn": True},
    "torch": {"mixed": 16, "one_thread": True},
}
"""Options of `BatchingEngine` by engine; PyTorch pads all texts to the longest one."""

TEXT_TASKS = ("tokenize", "decode")
"""The tasks that every model has besides `PIPELINES`, for which only the tokenizer is needed."""


class LoadOptions(NamedTuple):
    """What a worker opens.

    Fields:
        folder: a model folder.
        engine: an engine, as in `pipeline`.
        dtype: a precision, as in `pipeline`.
        max_batch_tokens: the tokens that are computed at once.
        log_texts: whether texts may be logged.
    """

    folder: Path
    engine: str
    dtype: str
    max_batch_tokens: int
    log_texts: bool = False


class TokenInText(TypedDict):
    """A token of a text.

    Fields:
        id: its number in the vocabulary.
        text: the characters that it stands for, or the piece if it is special.
        special: whether it was added to the text.
        start: the first of its characters in the text, or None if it is special.
        stop: the character behind its last one, or None if it is special.
    """

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


class LoadedModel:
    """An engine, its tokenizer, and a pipeline for each task that the model was trained for.

    Args:
        options: the model folder, and how it is computed.

    Raises:
        OSError: the folder has no configuration, no weights or no tokenizer.
        ModuleNotFoundError: a library is not installed.
        ValueError: a file is damaged, or the engine or the precision is not available.
    """

    def __init__(self, options: LoadOptions) -> None:
        folder = options.folder
        name, dtype = resolve_engine(options.engine, folder, dtype=options.dtype)
        inner = open_engine(name, folder, dtype=dtype)
        self.tokenizer = AlbertTokenizer.from_pretrained(folder)
        self.engine: BatchingEngine = batching(
            inner, options.max_batch_tokens, **OPTIONS.get(name, {})
        )
        self._pipelines = _pipelines(self.engine, self.tokenizer)
        self._signatures = {
            task: inspect.signature(each.__call__)  # type: ignore[operator]
            for task, each in self._pipelines.items()
        }
        config = inner.config
        self.tasks = tuple(sorted(self._pipelines, key=_rank))
        self.facts: dict[str, Any] = {
            "architecture": (config.architectures or ("AlbertModel",))[0],
            "engine": name,
            "dtype": dtype,
            "max_length": config.max_position_embeddings,
            "labels": list(config.label_names) if {*CLASSIFYING} & {*self.tasks} else [],
            "pooling": SentenceSimilarity.options["pooling"],
            "prompts": _prompts(folder),
            "examples": card_examples(folder / "README.md"),
            "parameters": arithmetic.count(inner.parameters),
            "sha256": _checksum(folder),
        }

    def warm_up(self) -> None:
        """Compute something, so that graphs are compiled and weights are in memory."""
        self._pipelines["feature-extraction"]("a")  # type: ignore[operator]
        if "fill-mask" in self._pipelines:
            self._pipelines["fill-mask"](self.tokenizer.mask_token)  # type: ignore[operator]

    def run(self, task: str, inputs: Any, options: Mapping[str, Any], usage: Usage) -> Any:
        """Carry out a task.

        Args:
            task: one of `tasks`, or of `TEXT_TASKS`.
            inputs: as in `Service.call`.
            options: options of the task.
            usage: that of the request.

        Raises:
            Cancelled: the request was cancelled.
            ValueError: the inputs or the options are not those of the task.
        """
        if task == "tokenize":
            return self._tokens(inputs, **_known(task, options, add_special_tokens=True))
        if task == "decode":
            return self._text(inputs, **_known(task, options, skip_special_tokens=True))
        pipeline, signature = self._pipelines[task], self._signatures[task]
        names = [
            each.name for each in signature.parameters.values() if each.kind != each.VAR_KEYWORD
        ]
        positional, named = [inputs], dict(options)
        if isinstance(inputs, Mapping) and inputs and {*inputs} <= {*names}:
            positional, named = [], {**options, **inputs}
        try:
            signature.bind(*positional, **named)
        except TypeError as error:
            raise ValueError(f"{task} takes {', '.join(names)}, but {error}") from None
        with self.engine.request(usage), self.engine.turn():
            return pipeline(*positional, **named)  # type: ignore[operator]

    def close(self) -> None:
        """Let all calls that wait fail."""
        self.engine.close()

    def _tokens(
        self, texts: Any, add_special_tokens: bool
    ) -> list[TokenInText] | list[list[TokenInText]]:
        all_texts = as_batch(texts)
        checks.require_flags(add_special_tokens=add_special_tokens)
        encoded = self.tokenizer(
            all_texts,
            add_special_tokens=add_special_tokens,
            return_special_tokens_mask=True,
            return_offsets_mapping=True,
        )
        columns = (encoded[name] for name in ("input_ids", "special_tokens_mask", "offset_mapping"))
        results = [
            [self._token(text, *values) for values in zip(*row, strict=True)]
            for text, *row in zip(all_texts, *columns, strict=True)
        ]
        return results[0] if isinstance(texts, str) else results

    def _token(self, text: str, id_: int, is_special: int, span: tuple[int, int]) -> TokenInText:
        if is_special:
            piece = self.tokenizer.convert_ids_to_tokens(id_)
            return TokenInText(id=id_, text=piece, special=True, start=None, stop=None)
        start, stop = span
        return TokenInText(id=id_, text=text[start:stop], special=False, start=start, stop=stop)

    def _text(self, ids: Any, skip_special_tokens: bool) -> str | list[str]:
        checks.require_flags(skip_special_tokens=skip_special_tokens)
        if isinstance(ids, Sequence) and ids and isinstance(ids[0], Sequence):
            return self.tokenizer.batch_decode(ids, skip_special_tokens)
        return self.tokenizer.decode(ids, skip_special_tokens)


def _pipelines(engine: Engine, tokenizer: AlbertTokenizer) -> dict[str, Pipeline]:
    """A pipeline for each task that the model was trained for, under the first of its names."""
    found: dict[str, Pipeline] = {}
    for task in dict.fromkeys(map(canonical_task, PIPELINES)):
        try:
            found[task] = PIPELINES[task](engine, tokenizer)
        except ValueError:  # a head is missing, or is that of another task
            continue
    return found


def _rank(task: str) -> tuple[int, int]:
    first = FIRST.index(task) if task in FIRST else len(FIRST)
    return first, list(PIPELINES).index(task)


def _known(task: str, options: Mapping[str, Any], **defaults: bool) -> dict[str, Any]:
    for name in options:
        if name not in defaults:
            hint = did_you_mean(name, defaults) or ";"
            raise ValueError(f"{task} has no option {name!r}{hint} it has {', '.join(defaults)}")
    return {**defaults, **options}


def _prompts(folder: Path) -> dict[str, str]:
    """The beginnings of texts by name that sentence-transformers saved with the model."""
    path = folder / "config_sentence_transformers.json"
    found = storage.read_json(path).get("prompts") if path.is_file() else None
    return found if isinstance(found, dict) else {}


def _checksum(folder: Path) -> str:
    """The SHA-256 of the weights, whose files count as one."""
    found = hashlib.sha256()
    paths = [*folder.glob("*.safetensors")] or [*folder.glob("pytorch_model*.bin")]
    for path in sorted(paths):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    return found.hexdigest()
