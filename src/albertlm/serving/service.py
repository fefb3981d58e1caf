"""The models, their workers, and the queue before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

State = Literal["loading", "ready", "unloaded", "failed"]


@dataclass(frozen=True)
class ModelInfo:
    """A model that is served.

    Fields:
        name: the name that requests give.
        tasks: the tasks that it has, the default one first; empty until it was loaded once.
        state: `loading`, `ready`, `unloaded` because it was idle, or `failed`.
        problem: why it failed.
        facts: what `/info` says of it: `architecture`, `engine`, `dtype`, `max_length`,
            `labels`, `pooling`, `parameters`, `sha256` of the weights.
    """

    name: str
    tasks: tuple[str, ...]
    state: State
    problem: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Timings(NamedTuple):
    """What a request took, in seconds, and the tokens that were computed for it."""

    queue: float
    tokenization: float
    inference: float
    total: float
    tokens: int


class Answer(NamedTuple):
    """The value of a task as its pipeline returns it, and what it took."""

    value: Any
    timings: Timings


class Service(Protocol):
    """What the protocols ask of the models."""

    async def start(self) -> None:
        """Begin to load all models; does not wait until they are ready."""
        ...

    async def stop(self) -> None:
        """Answer the requests that were accepted, and end the workers."""
        ...

    def models(self) -> Sequence[ModelInfo]:
        """All models, in the order given."""
        ...

    def find(self, name: str | None) -> ModelInfo:
        """A model by its name; the first one for None.

        Raises:
            UnknownModel: no model has the name; the message lists those that are served.
        """
        ...

    async def call(self, model: str, task: str, inputs: Any, options: Mapping[str, Any]) -> Answer:
        """Carry out a task.

        Args:
            model: the name of a model.
            task: a name in `factory.PIPELINES`, `tokenize` or `decode`.
            inputs: what the pipeline is called with: a value, or a mapping of its arguments.
            options: options of the call.

        Raises:
            ServingError: the reason why there is no answer.
        """
        ...

    def queue_length(self, model: str) -> int:
        """The requests for a model that wait or are computed."""
        ...
