"""What protocols ask of the models."""

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
            `labels`, `pooling`, `prompts`, `parameters`, `sha256` of the weights.
    """

    name: str
    tasks: tuple[str, ...]
    state: State
    problem: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Timings(NamedTuple):
    """What a request took, in seconds, and how much was computed for it.

    Fields:
        queue: the time that it waited.
        tokenization: the time until its texts were tokens.
        inference: the time of the batches in which its texts were.
        total: all of its time, in which scores are computed, too.
        tokens: the tokens of its texts.
        batch_tokens: the tokens of the largest batch in which its texts were.
        batch_texts: the texts of that batch, with those of other requests.
    """

    queue: float
    tokenization: float
    inference: float
    total: float
    tokens: int
    batch_tokens: int = 0
    batch_texts: int = 0


class TaskAnswer(NamedTuple):
    """The value of a task as its pipeline returns it, and what it took."""

    value: Any
    timings: Timings


class Service(Protocol):
    """What the protocols ask of the models."""

    async def start(self) -> None:
        """Begin to load all models; does not wait until they are ready."""
        ...

    async def stop(self) -> None:
        """Refuse new requests, answer the others, and end the workers."""
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

    async def call(
        self, model: str, task: str, inputs: Any, options: Mapping[str, Any]
    ) -> TaskAnswer:
        """Carry out a task.

        The inputs are what its pipeline is called with: its first argument, or a mapping of the
        names of its arguments to their values.

        - `fill-mask`, `feature-extraction`, `token-classification`: a text, or a list of texts.
        - `text-classification`: a text, a pair `{"text": …, "text_pair": …}`, or a list of these.
        - `question-answering`: `{"question": …, "context": …}`, or a list of these.
        - `multiple-choice`: `{"context": …, "question": …, "choices": […]}`, or a list of these.
        - `zero-shot-classification`: `{"texts": …, "candidate_labels": […]}`, or the text or texts
          with `candidate_labels` among the options.
        - `sentence-order`: `{"first": …, "second": …}`, two texts or two lists.
        - `sentence-similarity`: `{"source_sentence": …, "sentences": […]}`.
        - `rerank`: `{"query": …, "texts": […]}`.
        - `tokenize`: a text or a list of texts; the option `add_special_tokens` is true by default.
          A text gives a list of tokens `{"id", "text", "special", "start", "stop"}`, where `text`
          is what the user's text has from the character `start` to `stop`; for a token that was
          added, it is the piece, and both are None.
        - `decode`: a list of token ids, which gives a text, or a list of such lists; the option
          `skip_special_tokens` is true by default.

        If the caller is cancelled, the request leaves the queue.

        Args:
            model: the name of a model.
            task: a name in `factory.PIPELINES`, `tokenize` or `decode`.
            inputs: as above.
            options: options of the call.

        Raises:
            UnknownModel: no model has the name.
            UnsupportedTask: the model does not have the task.
            InvalidRequest: the inputs or the options are not those of the task.
            Overloaded: as many requests as may wait do so.
            Unavailable: the model is loading or cannot be loaded, the worker died, or the server is
                stopping.
            ServingError: an error in the worker, which is logged.
        """
        ...

    def queue_length(self, model: str) -> int:
        """The requests of a model that wait or are computed."""
        ...
