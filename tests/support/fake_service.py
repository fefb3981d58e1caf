"""A service whose models are pipelines in this process, and whose failures are chosen."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from albertlm import AlbertTokenizer
from albertlm.inference.engines import open_engine
from albertlm.inference.factory import PIPELINES
from albertlm.inference.pipelines.base import Pipeline
from albertlm.serving.errors import InvalidRequest, UnknownModel
from albertlm.serving.service import ModelInfo, TaskAnswer, Timings

TIMINGS = Timings(
    queue=0.001,
    tokenization=0.002,
    inference=0.003,
    total=0.007,
    tokens=11,
    batch_tokens=40,
    batch_texts=3,
)
"""What every request took."""

DEFAULTS = {
    "AlbertForTokenClassification": "token-classification",
    "AlbertForQuestionAnswering": "question-answering",
    "AlbertForMultipleChoice": "multiple-choice",
    "AlbertForSequenceClassification": "text-classification",
}
"""The first task of models that were fine-tuned."""


@dataclass
class FakeService:
    """A service of some folders.

    Fields:
        pipelines: the pipelines of each model, by their tasks.
        infos: what each model is.
        failure: what every call raises, if anything.
        gate: what calls wait for.
        calls: the task, inputs and options of each call.
        cancelled: the number of calls that were cancelled.
        running: whether it was started, and not stopped.
    """

    pipelines: dict[str, dict[str, Pipeline]]
    infos: dict[str, ModelInfo]
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    calls: list[tuple[str, Any, Mapping[str, Any]]] = field(default_factory=list)
    cancelled: int = 0
    running: bool = False

    async def start(self) -> None:
        """As in `Service`."""
        self.running = True

    async def stop(self) -> None:
        """As in `Service`."""
        self.running = False

    def models(self) -> Sequence[ModelInfo]:
        """As in `Service`."""
        return list(self.infos.values())

    def find(self, name: str | None) -> ModelInfo:
        """As in `Service`."""
        names = list(self.infos)
        found = self.infos.get(names[0] if name is None else name)
        if found is None:
            raise UnknownModel(f"no model {name!r} is served; those are {', '.join(names)}")
        return found

    def change(self, name: str, **changes: Any) -> None:
        """Change what a model is."""
        self.infos[name] = replace(self.infos[name], **changes)

    async def call(
        self, model: str, task: str, inputs: Any, options: Mapping[str, Any]
    ) -> TaskAnswer:
        """As in `Service`."""
        self.calls.append((task, inputs, options))
        if self.failure:
            raise self.failure
        try:
            if self.gate:
                await self.gate.wait()
            value = await asyncio.to_thread(self._compute, model, task, inputs, options)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        except ValueError as error:
            raise InvalidRequest(str(error)) from None
        return TaskAnswer(value, TIMINGS)

    def queue_length(self, model: str) -> int:
        """As in `Service`."""
        return len(self.calls)

    def _compute(self, model: str, task: str, inputs: Any, options: Mapping[str, Any]) -> Any:
        pipelines = self.pipelines[model]
        tokenizer = next(iter(pipelines.values())).tokenizer
        if task == "tokenize":
            return [_tokens(tokenizer, text, **options) for text in inputs]
        if task == "decode":
            return [tokenizer.decode(ids, **options) for ids in inputs]
        pipeline: Any = pipelines[task]
        names = inspect.signature(pipeline.__call__).parameters
        if isinstance(inputs, Mapping) and set(inputs) <= set(names):
            return pipeline(**inputs, **options)
        return pipeline(inputs, **options)


def _tokens(
    tokenizer: AlbertTokenizer, text: str, *, add_special_tokens: bool = True
) -> list[dict[str, Any]]:
    encoded = tokenizer(text, add_special_tokens=add_special_tokens, return_offsets_mapping=True)
    special = set(tokenizer.all_special_ids)
    return [
        {
            "id": id_,
            "text": tokenizer.convert_ids_to_tokens(id_),
            "special": id_ in special,
            "start": None if id_ in special else start,
            "stop": None if id_ in special else stop,
        }
        for id_, (start, stop) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def serve_folders(folders: Mapping[str, Path], **facts: Any) -> FakeService:
    """A service of models by their names, with facts that are those of all of them."""
    pipelines, infos = {}, {}
    for name, folder in folders.items():
        engine = open_engine("numpy", folder)
        tokenizer = AlbertTokenizer.from_pretrained(folder)
        found: dict[str, Pipeline] = {}
        for task, kind in PIPELINES.items():
            try:
                found[task] = kind(engine, tokenizer)
            except ValueError:
                continue
        architecture = (engine.config.architectures or ("",))[0]
        default = DEFAULTS.get(architecture, "fill-mask")
        tasks = sorted(found, key=lambda task: task != default)
        pipelines[name] = found
        infos[name] = ModelInfo(
            name,
            tuple(tasks),
            "ready",
            facts={
                "max_length": engine.config.max_position_embeddings,
                "dtype": "float32",
                **facts,
            },
        )
    return FakeService(pipelines, infos)
