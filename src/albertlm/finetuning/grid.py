"""Fine-tuning with each combination of some values of a recipe, of which the best is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from albertlm import settings, storage
from albertlm.finetuning.job import FinetuningJob, PreparedJob
from albertlm.finetuning.seeds import FinetuningResult, keep_model, run_seeds
from albertlm.training.finetuning_config import LOWER_IS_BETTER
from albertlm.training.group import Group
from albertlm.training.launch import exhaust
from albertlm.training.loop import Loop, StepReport
from albertlm.training.stopping import Stop

GRID = "grid.json"


@dataclass(frozen=True)
class GridResult:
    """The results of all combinations.

    Fields:
        settings: by the changes to the recipe, such as `learning_rate=1e-4,batch_size=16`.
    """

    settings: dict[str, FinetuningResult]

    @property
    def metric(self) -> str:
        """The score that the combinations are compared by."""
        return next(iter(self.settings.values())).metric

    @property
    def first(self) -> bool:
        """Whether this process is the first one, which writes the files."""
        return next(iter(self.settings.values())).first

    @property
    def best(self) -> str:
        """The combination with the best median over its runs, the first of equal ones."""
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        return max(self.settings, key=lambda name: sign * self.settings[name].median)

    def to_json(self) -> dict[str, Any]:
        """The best combination, how often dev data was looked at for it, and all results."""
        return {
            "metric": self.metric,
            "best": self.best,
            "looks": sum(run.looks for each in self.settings.values() for run in each.runs),
            "settings": {name: each.to_json() for name, each in self.settings.items()},
        }


def combinations(grid: Sequence[str]) -> list[tuple[str, ...]]:
    """The changes to a recipe of each combination of values, the last field changing fastest.

    Args:
        grid: fields with their values, such as `learning_rate=1e-4,3e-4`.

    Raises:
        ValueError: a field has no values, or stands there twice.
    """
    fields: dict[str, list[str]] = {}
    for text in grid:
        name, _, values = (part.strip() for part in text.partition("="))
        found = [value.strip() for value in values.split(",")]
        if not name or not all(found):
            raise ValueError(f"{text!r} is no part of a grid; write FIELD=VALUE,VALUE")
        settings.check(name not in fields, "given once for each field", grid=text)
        settings.check(len({*found}) == len(found), "different values", grid=text)
        fields[name] = [f"{name}={value}" for value in found]
    return list(product(*fields.values()))


def finetune_grid(
    job: FinetuningJob,
    follow: Callable[[Loop[Any]], StepReport | None] = exhaust,
    say: Callable[[str], None] = lambda _: None,
) -> GridResult | None:
    """Fine-tune a model with each combination of the values of `job.grid`, and all seeds.

    Each combination has a folder of its name in the output, as `finetune_seeds` leaves it; the
    output receives `grid.json` and `model`, that of the best run of the best combination.

    Args:
        job: what to do.
        follow: as in `finetune_seeds`.
        say: as in `finetune_seeds`.

    Returns:
        The results, or None if a run was stopped by a signal; the same call goes on with it.

    Raises:
        ValueError: the job cannot be done, or the output contains another one.
        FloatingPointError: the loss of a run is not finite.
    """
    found: dict[str, FinetuningResult] = {}
    stop = Stop()
    with Group.join(job.execution.device) as group:
        prepared = job.prepare()
        say = say if group.first else lambda _: None
        for note in prepared.notes():
            say(note)
        for name, each in prepared_grid(prepared).items():
            say(f"{name}:")
            result = run_seeds(each, group, stop, follow, say)
            if result is None:
                return None
            found[name] = result
        results = GridResult(found)
        if group.first:
            storage.write_json(job.output / GRID, results.to_json())
            keep_model(job.output / results.best, job.output)
        return results


def prepared_grid(prepared: PreparedJob) -> dict[str, PreparedJob]:
    """What is done for each combination, by its name; all are checked first.

    Raises:
        ValueError: a value is not allowed.
    """
    output = prepared.job.output
    names = {",".join(changes): changes for changes in combinations(prepared.job.grid)}
    return {name: prepared.changed(each, output / name) for name, each in names.items()}
