"""One call of a model for a request: it is checked, timed, and dropped with its client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from starlette.requests import ClientDisconnect, Request

from albertlm.serving.errors import InvalidRequest, UnsupportedTask
from albertlm.serving.limits import check_texts
from albertlm.serving.logs import observed
from albertlm.serving.service import ModelInfo, Service, TaskAnswer
from albertlm.serving.serving_config import ServingConfig

OF_THE_TOKENIZER = ("tokenize", "decode")
"""The tasks that every model has."""


class Caller:
    """Calls models for a request.

    Args:
        request: the request, whose body was read.
        service: the models.
        config: the limits.
    """

    def __init__(self, request: Request, service: Service, config: ServingConfig) -> None:
        self.request = request
        self.service = service
        self.config = config

    def model(self, name: str | None = None) -> ModelInfo:
        """The model of the given name, of that in the path or the query, or else the first one.

        Raises:
            UnknownModel: it is not served.
        """
        in_path = self.request.path_params.get("model")
        return self.service.find(name or in_path or self.request.query_params.get("model"))

    async def __call__(
        self,
        model: ModelInfo,
        task: str,
        inputs: Any,
        options: Mapping[str, Any] | None = None,
    ) -> TaskAnswer:
        """Carry out a task, and cancel it if the client goes away.

        Args:
            model: a model.
            task: the name of a task.
            inputs: as in `Service.call`.
            options: options of the call; those that are None have their defaults.

        Raises:
            ServingError: there is no answer.
            ClientDisconnect: nobody waits for one.
        """
        seen = observed(self.request.scope)
        seen.model, seen.task, seen.inputs = model.name, task, inputs
        if model.tasks and task not in (*model.tasks, *OF_THE_TOKENIZER):
            raise UnsupportedTask(
                f"the model {model.name} has no task {task!r}; it has {', '.join(model.tasks)}"
            )
        given = dict(options or {})
        check_texts(self.config, inputs, given)
        answer = await self._unless_gone(model.name, task, inputs, given)
        seen.timings = answer.timings
        trace.get_current_span().set_attributes(
            {"model": model.name, "task": task, "tokens": answer.timings.tokens}
        )
        return answer

    async def _unless_gone(
        self, model: str, task: str, inputs: Any, options: dict[str, Any]
    ) -> TaskAnswer:
        call = asyncio.ensure_future(self.service.call(model, task, inputs, options))
        # the body was read, so all that can still be received is that the client has gone
        gone = asyncio.ensure_future(self.request.receive())
        try:
            await asyncio.wait((call, gone), return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                return call.result()
            raise ClientDisconnect
        finally:
            gone.cancel()
            call.cancel()


def prompted(model: ModelInfo, prompt_name: str | None, texts: list[str]) -> list[str]:
    """Texts behind a prompt of the model's.

    Args:
        model: its facts may have `prompts`, a mapping from names to beginnings of texts.
        prompt_name: the name of one; None for none.
        texts: the texts.

    Raises:
        InvalidRequest: the model has no such prompt.
    """
    if prompt_name is None:
        return texts
    prompts = model.facts.get("prompts", {})
    if prompt_name not in prompts:
        known = f"it has {', '.join(prompts)}" if prompts else "it has none"
        raise InvalidRequest(f"{model.name} has no prompt {prompt_name!r}; {known}")
    return [prompts[prompt_name] + text for text in texts]
