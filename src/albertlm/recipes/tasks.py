"""Recipes for fine-tuning: those of the paper, of the released code, and for small models.

Source: the paper's appendix A.4 (table 14) and the README of google-research/albert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.settings import check, check_at_least, check_choice
from albertlm.tasks.task import Task
from albertlm.training.finetuning_config import FinetuningConfig
from albertlm.training.run_config import Optimizer, Phase

NAMES = ("published", "as-run", "small")
"""`published`: the paper's, with bias correction in AdamW; `as-run`: without it, and with passages
of RACE cut for each choice on its own, as in Google's code; `small`: for models that are smaller
than the published ones.
"""

SMALL_PARAMETERS, SMALL_POSITIONS = 11_000_000, 512
"""A model with fewer parameters or positions is small; the smallest published one has 11.7 M."""

LOOKS = 10
"""The number of looks at dev data in a run of a small recipe."""

GOOGLE_LOOKS = 100
"""The number of steps between two looks in the published runs (`save_checkpoints_steps`)."""


@dataclass(frozen=True, kw_only=True)
class FinetuningRecipe:
    """How a model is fine-tuned on a task.

    Fields:
        learning_rate: the peak.
        batch_size: the number of examples of a step.
        length: the number of tokens of the longest row; the model's positions if it has fewer.
        epochs: the number of passes over the data, unless `steps` is given.
        steps: the number of steps; None for whole epochs.
        warmup: the share of the steps, from 0 to 1, in which the learning rate rises.
        schedule, optimizer, weight_decay: as in `TrainingConfig`.
        dropout: of hidden states and attention weights; None for that of the model.
        classifier_dropout: before the head.
        smoothing: the share of each label's probability that is spread over all classes.
        balanced: whether labels of rare classes weigh more, in inverse proportion to their number.
        conditional: whether SQuAD 2.0 gets Google's head, where the end depends on the start.
        windows: whether texts that are longer than `length` are read in windows, in training and
            at looks, instead of cut.
        shift: by how many tokens each window of training data begins after the one before; None for
            128, or half of a window if that is less, as at looks.
        overlap: how many tokens consecutive windows of training data share, instead of `shift`.
        equal_contexts: whether the same part of a passage is read with all of its choices.
        look_every: the number of steps between looks at dev data; None for a tenth of the run.
        patience: the number of looks without a better score that end a run; None for no such end.
        metric: the score by which checkpoints are compared; None for the task's.
        starts_from: the task that the model was fine-tuned on before, in the published runs.
    """

    learning_rate: float
    batch_size: int
    length: int = 512
    epochs: float = 3.0
    steps: int | None = None
    warmup: float = 0.1
    schedule: str = "linear"
    optimizer: Optimizer = "adamw"
    weight_decay: float = 0.01
    dropout: float | None = None
    classifier_dropout: float = 0.1
    smoothing: float = 0.0
    balanced: bool = False
    conditional: bool = False
    windows: bool = False
    shift: int | None = None
    overlap: int | None = None
    equal_contexts: bool = True
    look_every: int | None = None
    patience: int | None = None
    metric: str | None = None
    starts_from: str | None = None

    def __post_init__(self) -> None:
        check_at_least(1, batch_size=self.batch_size, steps=self.steps)
        check(self.epochs > 0, "above 0", epochs=self.epochs)
        check(0 <= self.warmup < 1, "from 0 up to, but not including, 1", warmup=self.warmup)

    def total_steps(self, examples: int) -> int:
        """The number of steps on so many examples."""
        of_epoch = -(-examples // self.batch_size)
        return self.steps or max(1, round(self.epochs * of_epoch))

    def config(
        self,
        task: Task[Any],
        model: AlbertConfig,
        *,
        labels: tuple[str, ...] = (),
        counts: Sequence[int] = (),
        examples: int,
        source: str | None = None,
        seed: int = 0,
    ) -> FinetuningConfig:
        """The configuration of a run.

        Args:
            task: the task.
            model: the architecture of the pretrained model.
            labels: the names of the classes in order; empty if there are none.
            counts: the number of labels of each class in the training data.
            examples: the number of training examples, or of windows into them.
            source: the model folder or hub id with the initial weights; None for random ones.
            seed: the seed of the run.

        Raises:
            ValueError: the recipe does not fit to the task.
        """
        metric = self.metric or task.main_metric
        check_choice(task.metrics, metric=metric)
        changes: dict[str, Any] = {"classifier_dropout_prob": self.classifier_dropout}
        if self.dropout is not None:
            changes |= dict.fromkeys(
                ("hidden_dropout_prob", "attention_probs_dropout_prob"), self.dropout
            )
        if labels:
            changes["id2label"] = dict(enumerate(labels))
        elif task.problem == "regression":
            changes["num_labels"] = 1
        steps = self.total_steps(examples)
        weights = None
        if self.balanced:
            check(bool(counts) and all(counts), "false unless all classes occur", balanced=True)
            weights = tuple(sum(counts) / (len(counts) * count) for count in counts)
        length = min(self.length, model.max_position_embeddings)
        return FinetuningConfig(
            task=task.name,
            head=task.head,
            problem=task.problem,
            labels=labels,
            metric=metric,
            model=replace(model.changed(**changes), problem_type=task.problem, architectures=None),
            source=source,
            conditional=self.conditional,
            windows=self.windows,
            shift=self.shift,
            overlap=self.overlap,
            equal_contexts=self.equal_contexts,
            smoothing=self.smoothing,
            class_weights=weights,
            look_every=self.look_every or -(-steps // LOOKS),
            patience=self.patience,
            phases=(Phase(steps=steps, batch_size=self.batch_size, length=length),),
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            learning_rate_batch=self.batch_size,
            warmup_steps=min(round(self.warmup * steps), steps - 1),
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            spikes=None,
            seed=seed,
        )


def _published(row: str, **more: Any) -> FinetuningRecipe:
    """A row of the paper's table 14: rate, batch size, dropout, steps, warmup steps, length."""
    rate, batch, dropout, steps, warmup, length = map(float, row.split())
    return FinetuningRecipe(
        learning_rate=rate,
        batch_size=int(batch),
        dropout=dropout,
        steps=int(steps),
        warmup=warmup / steps,
        length=int(length),
        schedule="google",
        look_every=GOOGLE_LOOKS,
        **more,
    )


PUBLISHED = {
    "cola": _published("1e-5 16 0.0 5336 320 512"),
    "stsb": _published("2e-5 16 0.0 3598 214 512", starts_from="mnli"),
    "sst2": _published("1e-5 32 0.0 20935 1256 512"),
    "mnli": _published("3e-5 128 0.0 10000 1000 512"),
    "qnli": _published("1e-5 32 0.0 33112 1986 512"),
    "qqp": _published("5e-5 128 0.1 14000 1000 512"),
    "rte": _published("3e-5 32 0.1 800 200 512", starts_from="mnli"),
    "mrpc": _published("2e-5 32 0.0 800 200 512", starts_from="mnli"),
    "wnli": _published("2e-5 16 0.1 2000 250 512"),
    "squad1": _published("5e-5 48 0.0 3649 365 384", shift=128),
    "squad2": _published("3e-5 48 0.0 8144 814 512", shift=128, conditional=True),
    "race": _published("2e-5 32 0.1 12000 1000 512"),
}
"""The recipes of the published models, by task."""

RACE_V2 = replace(PUBLISHED["race"], learning_rate=1e-5, dropout=0.0)
"""For version 2, which diverges at the rate of version 1."""

SMALL = {
    "sequence-classification": FinetuningRecipe(
        learning_rate=3e-4, batch_size=32, length=128, epochs=4, warmup=0.06, patience=5
    ),
    "token-classification": FinetuningRecipe(
        learning_rate=5e-4, batch_size=16, length=128, epochs=10, warmup=0.06, patience=5
    ),
    "multiple-choice": FinetuningRecipe(
        learning_rate=1e-4, batch_size=16, length=512, epochs=4, patience=5
    ),
    "question-answering": FinetuningRecipe(
        learning_rate=3e-4, batch_size=32, length=384, epochs=3, patience=5
    ),
}
"""The recipes for small models, by head."""

LARGE = FinetuningRecipe(learning_rate=2e-5, batch_size=32, epochs=3, dropout=0.0, patience=5)
"""For a large model and a task that was not published, near the published ones."""


def find_finetuning_recipe(
    task: Task[Any], model: AlbertConfig, name: str | None = None
) -> FinetuningRecipe:
    """The recipe for a task and a model.

    Args:
        task: the task.
        model: the architecture of the pretrained model.
        name: one of `NAMES`; by default `small` for a small model, and `published` otherwise.

    Raises:
        ValueError: there is no such recipe for the task.
    """
    name = name or ("small" if is_small(model) else "published")
    check_choice(NAMES, recipe=name)
    if name == "small":
        recipe = SMALL[task.head]
        return replace(
            recipe, conditional=PUBLISHED["squad2"].conditional and task.name == "squad2"
        )
    if name == "as-run":
        check_choice(PUBLISHED, task=task.name)
        published = find_finetuning_recipe(task, model, "published")
        equal = task.head != "multiple-choice"
        return replace(published, optimizer="adamw-uncorrected", equal_contexts=equal)
    if task.name == "race" and is_version_2(model):
        return RACE_V2
    return PUBLISHED.get(task.name, LARGE)


def is_small(model: AlbertConfig) -> bool:
    """Whether a model is smaller than all published ones."""
    parameters = sum(costs.parameters_by_part(model).values())
    return parameters < SMALL_PARAMETERS or model.max_position_embeddings < SMALL_POSITIONS


def is_version_2(model: AlbertConfig) -> bool:
    """Whether a model is one of the second release, which was pretrained without dropout."""
    return model.hidden_act != "gelu" and not model.hidden_dropout_prob
