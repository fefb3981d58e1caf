"""A fine-tuning as every process receives it, and what each makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from albertlm import hub, settings
from albertlm.config import AlbertConfig
from albertlm.finetuning.task_data import TaskData, read_task_data
from albertlm.recipes.tasks import FinetuningRecipe, find_finetuning_recipe
from albertlm.tasks.own import OwnData
from albertlm.tokenization.tokenizer import AlbertTokenizer
from albertlm.training.labelled import Feature
from albertlm.training.run_config import Execution

if TYPE_CHECKING:
    from albertlm.training.finetuning_config import FinetuningConfig

NEXT_SEED = 1000
"""What is added to the seed of a run that learned nothing."""


@dataclass(frozen=True, kw_only=True)
class FinetuningJob:
    """A fine-tuning, as plain values that can be pickled.

    Fields:
        task: the name of the task.
        data, dev, own, without_leaks: as in `read_task_data`.
        model: the folder or hub id of the pretrained model; None for the one that ships.
        from_scratch: whether its weights are random, and only its architecture and its vocabulary
            are used.
        recipe: the name of the recipe; None for that of the size of the model.
        changes: to the recipe, such as `learning_rate=1e-4`.
        grid: fields of the recipe with several values, such as `learning_rate=1e-4,3e-4`; all runs
            are made with each combination of them.
        seeds: a run for each.
        restarts: how often a run that learned nothing is started again on another seed.
        output: the folder of all runs.
        execution: the options of the execution.
    """

    task: str
    data: Path
    dev: str | None = None
    own: OwnData = field(default_factory=OwnData)
    without_leaks: bool = False
    model: str | None = None
    from_scratch: bool = False
    recipe: str | None = None
    changes: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    restarts: int = 2
    output: Path
    execution: Execution = field(default_factory=Execution)

    @property
    def source(self) -> str:
        """The folder or hub id of the pretrained model."""
        return self.model or str(hub.SHIPPED)

    def prepare(self) -> PreparedJob:
        """Read the data, and make it ready for training.

        Raises:
            OSError: a file cannot be read, or the model cannot be found.
            ValueError: the data, the model and the recipe do not fit together.
        """
        settings.check(bool(self.seeds), "one number or more", seeds=self.seeds)
        last_digits = {seed % NEXT_SEED for seed in self.seeds}
        rule = f"different in their last digits, since restarts add {NEXT_SEED}"
        settings.check(len(last_digits) == len(self.seeds), rule, seeds=self.seeds)
        settings.check_at_least(0, restarts=self.restarts)
        data = read_task_data(
            *(self.task, self.data, self.dev, self.own), without_leaks=self.without_leaks
        )
        folder = hub.resolve(self.source)
        model = AlbertConfig.from_json_file(folder / "config.json")
        recipe = settings.override(
            find_finetuning_recipe(data.task, model, self.recipe), self.changes
        )
        return PreparedJob(self, data, model, AlbertTokenizer.from_pretrained(folder), recipe)


@dataclass(frozen=True)
class PreparedJob:
    """A fine-tuning with its data.

    Fields:
        job: what was asked for.
        data: the data of the task.
        model: the architecture of the pretrained model.
        tokenizer: its tokenizer.
        recipe: how it is fine-tuned.
    """

    job: FinetuningJob
    data: TaskData
    model: AlbertConfig
    tokenizer: AlbertTokenizer
    recipe: FinetuningRecipe

    @cached_property
    def features(self) -> list[Feature]:
        """The training data as rows of tokens."""
        # the reading of a run does not depend on its seed, nor on the number of its steps
        return self._config(1, 0).reading().features(self.tokenizer, self.data.train)

    def changed(self, changes: Sequence[str], output: Path) -> PreparedJob:
        """The same data with more changes to the recipe, and another output.

        Raises:
            ValueError: a field does not exist, or a value is not allowed for this task and model.
        """
        job = replace(self.job, changes=(*self.job.changes, *changes), grid=(), output=output)
        prepared = replace(self, job=job, recipe=settings.override(self.recipe, changes))
        prepared._config(1, 0)
        return prepared

    def config(self, seed: int) -> FinetuningConfig:
        """The configuration of the run with a seed."""
        return self._config(len(self.features), seed)

    def _config(self, examples: int, seed: int) -> FinetuningConfig:
        return self.recipe.config(
            self.data.task,
            self.model,
            labels=self.data.labels,
            counts=[*self.data.counts(self.data.train).values()],
            examples=examples,
            source=None if self.job.from_scratch else self.job.source,
            seed=seed,
        )

    def notes(self) -> list[str]:
        """What a user should know before training: leaks, texts that are cut, a recipe's source."""
        lines = self.data.leaks.report()
        if self.data.dropped:
            lines.append(f"{self.data.dropped:,} training examples were dropped")
        count, cut = len(self.features), sum(each.left_out > 0 for each in self.features)
        if cut:
            lines.append(
                f"{cut:,} of {count:,} training examples ({cut / count:.1%}) are longer than "
                f"{self.config(0).length} tokens and cut"
            )
            single = self.data.task.head == "sequence-classification"
            if single and len(self.data.train[0].texts) == 1:
                lines[-1] += "; --set windows=true reads all of them"
        before = self.recipe.starts_from
        if before and not {"entailment", "neutral"} <= {*self.model.label_names}:
            lines.append(
                f"the published runs of {self.data.task.name} start from a model that was "
                f"fine-tuned on {before}; name one with --model"
            )
        return lines
