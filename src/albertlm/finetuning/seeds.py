"""Fine-tuning with several seeds; a run that fails is started again on another seed."""

from __future__ import annotations

import json
import math
import shutil
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from albertlm import storage
from albertlm.evaluation.tasks import TaskEvaluation, evaluate_task
from albertlm.finetuning.failures import find_failure
from albertlm.finetuning.job import NEXT_SEED, FinetuningJob, PreparedJob
from albertlm.inference.engines.torch import TorchEngine
from albertlm.models.torch.pretrained import PreTrainedModel
from albertlm.tokenization.tokenizer import AlbertTokenizer
from albertlm.training.finetuning import finetune
from albertlm.training.finetuning_config import LOWER_IS_BETTER, FinetuningConfig
from albertlm.training.group import Group
from albertlm.training.labelled import LabelledData
from albertlm.training.launch import exhaust
from albertlm.training.loop import Loop, StepReport
from albertlm.training.metrics import METRICS
from albertlm.training.stopping import Stop

RESULT, RESULTS = "result.json", "results.json"


@dataclass(frozen=True)
class RunResult:
    """The result of one run.

    Fields:
        task: the name of the task.
        model: the pretrained model.
        split: the dev data.
        n: the number of its examples.
        seed: the seed.
        scores: of the kept weights on the dev data.
        selection: how these weights were chosen.
        looks: the number of looks at the dev data.
        steps: the number of steps that were made.
        failure: why the run has learned nothing; None if it has.
    """

    task: str
    model: str
    split: str
    n: int
    seed: int
    scores: Mapping[str, float]
    selection: str
    looks: int
    steps: int
    failure: str | None = None


@dataclass(frozen=True)
class FinetuningResult:
    """The results of all runs of a fine-tuning.

    Fields:
        runs: in the order in which they were made; those after a failed one are its restarts.
        metric: the score that they are compared by.
        first: whether this process is the first one, which writes the files.
    """

    runs: tuple[RunResult, ...]
    metric: str
    first: bool = True

    @property
    def best(self) -> RunResult:
        """The run with the best score, the first of equal ones."""
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        return max(self.runs, key=lambda run: sign * run.scores[self.metric])

    @property
    def median(self) -> float:
        """The median of the scores, failed runs included."""
        return statistics.median(run.scores[self.metric] for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """The runs, and mean, median, best and spread of their scores, failed ones included."""
        values = [run.scores[self.metric] for run in self.runs]
        return {
            "metric": self.metric,
            "mean": statistics.fmean(values),
            "median": self.median,
            "best": self.best.scores[self.metric],
            "spread": max(values) - min(values),
            "standard_deviation": statistics.stdev(values) if len(values) > 1 else None,
            "failed": sum(run.failure is not None for run in self.runs),
            "runs": [asdict(run) for run in self.runs],
        }


def finetune_seeds(
    job: FinetuningJob,
    follow: Callable[[Loop[Any]], StepReport | None] = exhaust,
    say: Callable[[str], None] = lambda _: None,
) -> FinetuningResult | None:
    """Fine-tune a model with each seed, in this process or as one of several.

    The run with seed S lies in `seed-S` of the output. Each leaves `result.json` and
    `predictions.jsonl`, and all together leave `results.json` and `model`, that of the best run.

    Args:
        job: what to do.
        follow: iterates over the loop of a run, as `exhaust` does.
        say: shows a line to the user; called in the first process only.

    Returns:
        The results, or None if a run was stopped by a signal; the same call goes on with it.

    Raises:
        ValueError: the job cannot be done, or the output contains another one.
        FloatingPointError: the loss of a run is not finite.
    """
    with Group.join(job.execution.device) as group:
        prepared = job.prepare()
        say = say if group.first else lambda _: None
        for note in prepared.notes():
            say(note)
        return run_seeds(prepared, group, Stop(), follow, say)


def run_seeds(
    prepared: PreparedJob,
    group: Group,
    stop: Stop,
    follow: Callable[[Loop[Any]], StepReport | None] = exhaust,
    say: Callable[[str], None] = lambda _: None,
) -> FinetuningResult | None:
    """As `finetune_seeds`, with data that was read, and processes that are connected.

    A signal that arrives in the last steps of a run lets it end, and is then agreed on in `stop`,
    with which no other run begins.
    """
    job = prepared.job
    runs: list[RunResult] = []
    for seed in job.seeds:
        for again in range(job.restarts + 1):
            if stop.agreed:
                return None
            result = _run(prepared, seed + again * NEXT_SEED, group, stop, follow)
            if result is None:
                return None
            runs.append(result)
            if result.failure is None:
                break
            ends = "it is kept and counted" if again == job.restarts else "trying another seed"
            say(f"the run with seed {result.seed} failed: {result.failure}; {ends}")
    results = FinetuningResult(tuple(runs), prepared.config(0).metric, group.first)
    if group.first:
        storage.write_json(job.output / RESULTS, results.to_json())
        keep_model(job.output / f"seed-{results.best.seed}", job.output)
    return results


def keep_model(run: Path, output: Path) -> None:
    """Copy the model of a run, whole or not at all, to `model` in the output."""
    with storage.replaced_folder(output / "model") as temporary:
        shutil.copytree(run / "model", temporary, dirs_exist_ok=True)


def _run(
    prepared: PreparedJob,
    seed: int,
    group: Group,
    stop: Stop,
    follow: Callable[[Loop[Any]], StepReport | None],
) -> RunResult | None:
    """Train and score the run with a seed; None if it was stopped."""
    config = prepared.config(seed)
    folder = prepared.job.output / f"seed-{seed}"
    data = LabelledData(
        prepared.features,
        config.batch_size,
        seed=seed,
        pad_id=prepared.tokenizer.pad_token_id,
    )
    loop = finetune(
        *(config, data, prepared.tokenizer, folder, prepared.job.execution),
        look=lambda model: evaluate(prepared, model, prepared.tokenizer).scores,
        group=group,
    )
    follow(loop)
    has_ended = group.first and (folder / "model").is_dir()
    ended, stopped = group.sum(torch.tensor([float(has_ended), float(loop.stop.requested)]))
    stop.agreed = bool(stopped)
    if not ended:
        return None
    if group.first:
        result = _score(prepared, config, loop, folder)
        storage.write_json(folder / RESULT, asdict(result))
    group.wait()
    return RunResult(**storage.read_json(folder / RESULT))


def evaluate(
    prepared: PreparedJob, model: PreTrainedModel, tokenizer: AlbertTokenizer
) -> TaskEvaluation:
    """Score a model on the dev data in float32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is never predicted, at every look
        data = prepared.data
        return evaluate_task(
            *(TorchEngine(model), tokenizer, data.task, data.dev),
            classes=data.labels,
            windows=prepared.recipe.windows,
            equal_contexts=prepared.recipe.equal_contexts,
        )


def _score(
    prepared: PreparedJob, config: FinetuningConfig, loop: Loop[Any], folder: Path
) -> RunResult:
    """Score the kept model, and write what it predicts."""
    model = type(loop.run.model).from_pretrained(folder / "model").to(loop.group.device)
    found = evaluate(prepared, model, AlbertTokenizer.from_pretrained(folder / "model"))
    found.write(folder)
    data, job = prepared.data, prepared.job
    patience = f", with a patience of {config.patience}" if config.patience else ""
    return RunResult(
        task=data.task.name,
        model=(job.model or "shipped") + (" with random weights" if job.from_scratch else ""),
        split=data.dev_name,
        n=len(data.dev),
        seed=config.seed,
        scores=found.scores,
        selection=f"best {config.metric} of looks every {config.look_every} steps{patience}",
        looks=len(loop.progress.scores),
        steps=loop.progress.step,
        failure=find_failure(
            data.task, data.dev, found, config.metric, logged_losses(folder / METRICS)
        ),
    )


def logged_losses(log: Path) -> list[float]:
    """The finite losses in the log of a run."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    losses: Sequence[float] = [row["total"] for row in rows if "total" in row]
    return [loss for loss in losses if math.isfinite(loss)]
