"""The interface between the loop and a run, such as pretraining.

V values of a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import torch
from numpy import int64
from numpy.typing import NDArray
from torch import Tensor

from albertlm.data.batches import Position
from albertlm.data.coverage import Coverage
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.training.group import Group
from albertlm.training.run_config import Execution, TrainingConfig

Counts = Mapping[str, int]
"""Counts of a step by name, summed over all processes: denominators of means, and statistics."""


class Examples(Protocol):
    """A batch of any run, a dataclass of arrays."""

    @property
    def epochs(self) -> NDArray[int64]:
        """(B,) the epoch that each example belongs to."""
        ...

    @property
    def examples(self) -> NDArray[int64]:
        """(B,) a number that identifies each example within its epoch."""
        ...

    def take(self, rows: slice) -> Self:
        """The batch of some of the rows, padded to the longest of them."""
        ...

    def __len__(self) -> int:
        """The number of examples."""
        ...


AnyBatch = TypeVar("AnyBatch", bound=Examples)
Made_co = TypeVar("Made_co", bound=Examples, covariant=True)


class Losses(NamedTuple):
    """A batch's shares of the means of a whole step, which are the sums of the shares.

    Fields:
        total: the loss to differentiate.
        values: (V,) the values to log, named in `Run.values`, computed without waiting for the
            device.
    """

    total: Tensor
    values: Tensor


class Stream(Protocol[Made_co]):
    """An endless stream of batches, each with the position after it.

    Attributes:
        waited: the number of seconds that the consumer has waited; can be reset to 0.
    """

    waited: float

    def __iter__(self) -> Iterator[tuple[Made_co, Position]]: ...

    def __next__(self) -> tuple[Made_co, Position]: ...


class Run(ABC, Generic[AnyBatch]):
    """The model, data and loss of a training run; the loop does the rest.

    Class attributes:
        values: the names of the values of `losses`; the first is the total loss.
        weights: the values that are means over something that a step may lack, such as pairs, with
            the name of its number in `report`; a step that has none lacks the value.
        judged: the name of the loss in `values` that the rules for plateaus judge.
        shares: the values that a progress bar shows as percentages, by their labels.
        score: the name of the value of `validate` by which checkpoints are compared.
        higher_is_better: whether a higher score is better.

    Attributes:
        config: the configuration that determines the result.
        model: the model, once `begin` was called.
    """

    values: ClassVar[tuple[str, ...]]
    weights: ClassVar[Mapping[str, str]] = {}
    judged: ClassVar[str]
    shares: ClassVar[Mapping[str, str]]
    score: ClassVar[str]
    higher_is_better: ClassVar[bool]

    config: TrainingConfig
    model: PreTrainedModel

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that determines the result, as a JSON object; a folder belongs to one identity."""

    @abstractmethod
    def read_identity(self, found: dict[str, Any]) -> dict[str, Any]:
        """Convert an identity that an earlier version wrote to the current fields."""

    @abstractmethod
    def check(self, execution: Execution, ranks: int) -> None:
        """Raise a ValueError if the run cannot be trained, before anything is written."""

    @abstractmethod
    def begin(self, device: torch.device, execution: Execution, *, resumed: bool) -> str:
        """Make the model, ready for training on a device.

        Args:
            device: the device of the model.
            execution: the options of the execution.
            resumed: whether a checkpoint will replace the weights.

        Returns:
            A line on the origin of the weights.
        """

    @abstractmethod
    def enter_phase(self, number: int) -> None:
        """Prepare the model for a phase, numbered from 0."""

    @abstractmethod
    def stream(
        self, number: int, position: Position, group: Group, workers: int
    ) -> AbstractContextManager[Stream[AnyBatch]]:
        """Open the stream of this process's shares of the batches of a phase.

        Args:
            number: the number of the phase, from 0.
            position: where to start.
            group: the processes that share each batch.
            workers: the number of processes that make batches in advance; 0 for a thread.
        """

    @abstractmethod
    def counts(self, number: int, batch: AnyBatch) -> Counts:
        """The counts of a batch of a phase, which are summed to those of its step."""

    @abstractmethod
    def losses(self, batch: AnyBatch, counts: Counts) -> Losses:
        """Compute the losses of a batch or a part of one.

        Args:
            batch: some or all examples of a step.
            counts: the counts of the whole step, over all its batches and processes.
        """

    @abstractmethod
    def report(self, counts: Counts) -> dict[str, float]:
        """The values to log from the counts of a step, such as `tokens` and `flops`."""

    @abstractmethod
    def validate(
        self, number: int, examples: int, group: Group, *, bf16: bool
    ) -> dict[str, float] | None:
        """Score the model of a phase on held-out data; None if there is none.

        All processes call this, and all get the same scores.

        Args:
            number: the number of the phase, from 0.
            examples: the maximum number of examples.
            group: the processes that share the examples.
            bf16: whether to multiply matrices in bfloat16.
        """

    def ends_early(self, scores: Sequence[float]) -> bool:  # noqa: ARG002 (for runs that do)
        """Whether the run ends before its last step; by default it does not.

        Args:
            scores: the `Run.score` of each validation so far, oldest first.
        """
        return False

    @abstractmethod
    def findings(self, coverages: Sequence[Coverage]) -> list[dict[str, Any]]:
        """Compare the examples seen in each epoch of each phase with all; a list for JSON."""

    @abstractmethod
    def export(self, folder: Path, *, half: bool = False) -> None:
        """Write the model into a folder of the run, in the hub's layout.

        Args:
            folder: in the folder of the run.
            half: whether in half precision.
        """
