"""The configuration of a fine-tuning run."""

from __future__ import annotations

from dataclasses import dataclass

from albertlm.config import AlbertConfig
from albertlm.settings import check, check_at_least
from albertlm.tasks.task import Problem, TaskHead
from albertlm.training.features import Reading
from albertlm.training.losses import TaskLoss
from albertlm.training.run_config import TrainingConfig

LOWER_IS_BETTER = ("mean_squared_error",)
"""The metrics whose lowest value is the best; of all others it is the highest."""


@dataclass(frozen=True, kw_only=True)
class FinetuningConfig(TrainingConfig):
    """The configuration that, with the data, determines the weights of a fine-tuning run.

    Fields:
        task: the name of the task.
        head: the kind of head of the model.
        problem: the `problem_type` of the configuration; None for other heads.
        labels: the names of the classes in order.
        metric: the score of the dev data by which checkpoints are compared.
        model: the architecture, with its dropout.
        source: the model folder or hub id with the initial weights; None for random ones.
        conditional: whether the head is Google's for SQuAD 2.0.
        windows, shift, overlap, equal_contexts: as in `Reading`.
        smoothing: as in `TaskLoss`.
        class_weights: as in `TaskLoss`.
        look_every: the number of steps between looks at the dev data; there is one at the end.
        patience: the number of looks without a better score after which the run ends; None for the
            last step.
    """

    task: str
    head: TaskHead
    problem: Problem | None = None
    labels: tuple[str, ...] = ()
    metric: str
    model: AlbertConfig
    source: str | None = None
    conditional: bool = False
    windows: bool = False
    shift: int | None = None
    overlap: int | None = None
    equal_contexts: bool = True
    smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    look_every: int
    patience: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, look_every=self.look_every, patience=self.patience)
        positions = self.model.max_position_embeddings
        check(
            self.length <= positions,
            f"{positions} or less, the number of the model's positions",
            length=self.length,
        )
        self.loss()
        self.reading()

    @property
    def length(self) -> int:
        """The number of tokens of the longest row."""
        return self.phases[0].length

    @property
    def batch_size(self) -> int:
        """The number of examples of a step."""
        return self.phases[0].batch_size

    def reading(self) -> Reading:
        """How examples become rows of tokens."""
        return Reading(
            head=self.head,
            problem=self.problem,
            labels=self.labels,
            length=self.length,
            windows=self.windows,
            shift=self.shift,
            overlap=self.overlap,
            equal_contexts=self.equal_contexts,
        )

    def loss(self, rows_at_once: int | None = None) -> TaskLoss:
        """The loss; `rows_at_once` is as in `TaskLoss`."""
        return TaskLoss(
            head=self.head,
            problem=self.problem,
            class_weights=self.class_weights,
            smoothing=self.smoothing,
            rows_at_once=rows_at_once,
        )
