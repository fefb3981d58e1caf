"""The models that are served, behind the interface that protocols call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from albertlm.inference.factory import PIPELINES
from albertlm.serving.errors import UnknownModel
from albertlm.serving.folders import named_sources
from albertlm.serving.served_model import ServedModel
from albertlm.serving.service import ModelInfo, TaskAnswer
from albertlm.serving.serving_config import ServingConfig
from albertlm.settings import check_choice, did_you_mean

WATCH = 1.0
"""The seconds between looks at the folders of models."""


class ModelService:
    """A `Service` whose models are computed by processes of their own.

    Everything is called in the thread of one event loop.

    Args:
        config: the models and the limits.
        watch: the seconds between looks at the folders of models.

    Raises:
        OSError: a folder does not exist or is not that of a model.
        ValueError: a name is malformed, two models have the same one, or the default task is
            unknown.
    """

    def __init__(self, config: ServingConfig, *, watch: float = WATCH) -> None:
        if config.default_task is not None:
            check_choice(PIPELINES, default_task=config.default_task)
        self._models = {
            name: ServedModel(name, source, config, watch=watch)
            for name, source in named_sources(config.models).items()
        }

    async def start(self) -> None:
        """Begin to load all models; `models` says when they are ready."""
        for model in self._models.values():
            model.start()

    async def stop(self) -> None:
        """Refuse new requests, wait for the others, and end all workers."""
        await asyncio.gather(*(model.stop() for model in self._models.values()))

    def models(self) -> Sequence[ModelInfo]:
        """As in `Service`."""
        return [model.info for model in self._models.values()]

    def find(self, name: str | None) -> ModelInfo:
        """As in `Service`."""
        return self._find(next(iter(self._models)) if name is None else name).info

    async def call(
        self, model: str, task: str, inputs: Any, options: Mapping[str, Any]
    ) -> TaskAnswer:
        """As in `Service`."""
        return await self._find(model).call(task, inputs, options)

    def queue_length(self, model: str) -> int:
        """As in `Service`."""
        return self._find(model).in_flight

    def _find(self, name: str) -> ServedModel:
        if name not in self._models:
            hint = did_you_mean(name, self._models)
            raise UnknownModel(
                f"there is no model {name!r}{hint}; those served are {', '.join(self._models)}"
            )
        return self._models[name]
